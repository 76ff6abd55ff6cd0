//! Own dialogues as programs that train chat models write them: `{"messages":[{"role":"user","content":"…"}, …]}` and, as
//! ShareGPT does, `{"conversations":[{"from":"human","value":"…"}, …]}`. What the model was told at first, a `system` message, is no
//! turn: it is kept beside the turns, and not learned. Dialogues with `turns` are in `transcripts.rs`.

use crate::dialogue::{Speaker, Turn};
use crate::error::{FieldProblem, Place};
use crate::fields::{list, object, text};
use crate::schema_guided;
use serde_json::{Map, Value};

pub(crate) const MESSAGES: &str = "messages";
pub(crate) const CONVERSATIONS: &str = "conversations";
/// Who gives instructions. In a dialogue they are fields that are called so.
pub(crate) const INSTRUCTING: [&str; 2] = ["system", "developer"];
/// Where a message of the model's calls a program, in place of saying something or beside it.
const CALLS: [&str; 2] = ["tool_calls", "function_call"];

/// What one of the two ways calls things.
struct Words {
    who: &'static str,
    what: &'static str,
    user: &'static [&'static str],
    system: &'static [&'static str],
    message: &'static str,
    expected: &'static str,
}

const OF_MESSAGES: Words = Words {
    who: "role",
    what: "content",
    user: &["user"],
    system: &["assistant"],
    message: "a message: an object with `role` and `content`",
    expected: "\"user\" or \"assistant\", or for the first message \"system\" or \"developer\"; what else a message is, such as \
               the answer of a tool, is not learned: take it out",
};
const OF_CONVERSATIONS: Words = Words {
    who: "from",
    what: "value",
    user: &["human", "user"],
    system: &["gpt", "assistant"],
    message: "a message: an object with `from` and `value`",
    expected: "\"human\" or \"gpt\", or for the first message \"system\"; what else a message is, such as the answer of a tool, \
               is not learned: take it out",
};

/// The turns of a dialogue, whose messages are taken from `map`; instructions go there.
pub(crate) fn turns(place: &mut Place, map: &mut Map<String, Value>, name: &str) -> Result<Vec<Turn>, FieldProblem> {
    let words = if name == MESSAGES { OF_MESSAGES } else { OF_CONVERSATIONS };
    let mut turns: Vec<Turn> = Vec::new();
    for (at, value) in list(map, name, "a list of messages")?.into_iter().enumerate() {
        place.turn = Some(at);
        let mut message = object(value, words.message)?;
        let role = text(&mut message, words.who, words.expected)?;
        let is_one_of = |names: &[&str]| names.iter().any(|name| name.eq_ignore_ascii_case(&role));
        let instructs = INSTRUCTING.into_iter().find(|name| name.eq_ignore_ascii_case(&role));
        let speaker = match (is_one_of(words.user), is_one_of(words.system)) {
            (true, _) => Speaker::User,
            (_, true) => Speaker::System,
            _ if instructs.is_some() => Speaker::System,
            _ => return Err(FieldProblem::wrong(words.who, &Value::String(role), words.expected)),
        };
        if let Some((field, call)) = CALLS.iter().find_map(|field| message.get_key_value(*field).filter(is_there)) {
            const NO_CALLS: &str = "left out, since calls of tools are not learned: take the message out, or the field";
            return Err(FieldProblem::wrong(field, call, NO_CALLS));
        }
        let said = content(&mut message, words.what)?;
        match instructs {
            None => turns.push(schema_guided::annotated(place, turns.len(), speaker, said, message)?),
            Some(_) if !turns.is_empty() => {
                const FIRST: &str = "that of a first message: instructions in between are not learned, take them out";
                return Err(FieldProblem::wrong(words.who, &Value::String(role), FIRST));
            }
            Some(name) if map.contains_key(name) => {
                const ONCE: &str = "there once: join what they say in one message";
                return Err(FieldProblem::wrong(words.who, &Value::String(role), ONCE));
            }
            Some(name) => {
                map.insert(name.to_owned(), instruction(said, message, words.what));
            }
        }
    }
    Ok(turns)
}

fn is_there((_, value): &(&String, &Value)) -> bool {
    !value.is_null() && value.as_array().is_none_or(|list| !list.is_empty())
}

/// The text alone, or, where the message has more fields, all of it but the role.
fn instruction(said: String, mut message: Map<String, Value>, what: &str) -> Value {
    if message.is_empty() {
        return Value::String(said);
    }
    message.insert(what.to_owned(), Value::String(said));
    Value::Object(message)
}

/// A text, or a list of parts that are texts.
fn content(message: &mut Map<String, Value>, what: &str) -> Result<String, FieldProblem> {
    const EXPECTED: &str = "a text, or a list of parts like {\"type\":\"text\",\"text\":\"…\"}";
    match message.remove(what) {
        None => Err(FieldProblem::Missing { field: what.to_owned(), expected: EXPECTED }),
        Some(Value::String(said)) => Ok(said),
        Some(Value::Array(parts)) => {
            let part = |(at, part): (usize, Value)| match &part {
                Value::Object(map) if map.get("type").is_some_and(|kind| kind == "text") => match map.get("text") {
                    Some(Value::String(said)) => Ok(said.clone()),
                    _ => Err(FieldProblem::wrong(&format!("{what}[{at}]"), &part, EXPECTED)),
                },
                _ => {
                    const TEXTS: &str =
                        "{\"type\":\"text\",\"text\":\"…\"}: only text is learned, take other parts out";
                    Err(FieldProblem::wrong(&format!("{what}[{at}]"), &part, TEXTS))
                }
            };
            parts.into_iter().enumerate().map(part).collect()
        }
        Some(other) => Err(FieldProblem::wrong(what, &other, EXPECTED)),
    }
}
