//! A dialogue in the form that a layout has for it, and what the form can't hold. Files are written by `convert.rs`; the layout of
//! MultiWOZ 2.2 holds everything and is what `Dialogue` itself is serialized as.

use crate::chats::{CONVERSATIONS, INSTRUCTING, MESSAGES};
use crate::error::{FieldProblem, Place};
use crate::frame::Frame;
use crate::log_annotation::LogAnnotation;
use crate::{BeliefState, DataError, Dialogue, Speaker, Turn, data_json, transcripts};
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// What a form may lose of a dialogue, as people call it.
pub(crate) const SPLITS: &str = "which split a dialogue is in";
const SERVICES: &str = "services";
const GOAL: &str = "goals";
const STATES: &str = "belief states";
const FRAMES: &str = "acts, spans and further annotation of frames";
const LOG: &str = "annotation of MultiWOZ 2.0 and 2.1";
const NUMBERS: &str = "numbers of turns";
const FIELDS: &str = "further fields";

type Fields = BTreeMap<String, Value>;

/// `{"id","turns":[{"speaker","text"}]}`, with all else that MultiWOZ 2.2 has.
#[derive(Serialize)]
pub(crate) struct TurnsForm<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    services: &'a [String],
    turns: Vec<TurnForm<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    goal: Option<&'a Map<String, Value>>,
    #[serde(flatten)]
    other: Fields,
}

#[derive(Serialize)]
struct TurnForm<'a> {
    speaker: &'static str,
    text: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    frames: &'a [Frame],
    #[serde(skip_serializing_if = "Option::is_none")]
    turn_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    log: Option<&'a LogAnnotation>,
    #[serde(flatten)]
    other: Fields,
}

/// `{"id","messages":[{"role","content"}]}`.
#[derive(Serialize)]
pub(crate) struct MessagesForm<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    messages: Vec<MessageForm<'a>>,
    #[serde(flatten)]
    other: Fields,
}

#[derive(Serialize)]
struct MessageForm<'a> {
    role: &'a str,
    content: &'a str,
    #[serde(flatten)]
    other: Fields,
}

/// Fields but those that mean something else in the form.
fn without(fields: &Fields, taken: &[&str]) -> Fields {
    let is_kept = |(name, value): &(&String, &Value)| {
        let is_list = [MESSAGES, CONVERSATIONS].contains(&name.as_str()) && value.is_array();
        !taken.contains(&name.as_str()) && !is_list
    };
    fields.iter().filter(is_kept).map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// The id that a dialogue came with: one that was made of its line's number would be wrong in another line.
fn own_id(dialogue: &Dialogue) -> Option<&str> {
    (!transcripts::is_number(&dialogue.id)).then_some(dialogue.id.as_str())
}

pub(crate) fn turns(dialogue: &Dialogue) -> TurnsForm<'_> {
    let turn = |(at, turn)| {
        let Turn { speaker, utterance, frames, turn_id, log, other }: &Turn = turn;
        TurnForm {
            speaker: if *speaker == Speaker::User { "user" } else { "system" },
            text: utterance,
            frames,
            turn_id: (*turn_id != usize::to_string(&at)).then_some(turn_id),
            log: log.as_ref(),
            other: without(other, &["text"]),
        }
    };
    TurnsForm {
        id: own_id(dialogue),
        services: &dialogue.services,
        turns: dialogue.turns.iter().enumerate().map(turn).collect(),
        goal: dialogue.goal.as_ref(),
        other: without(&dialogue.other, &["id"]),
    }
}

pub(crate) fn messages(dialogue: &Dialogue) -> MessagesForm<'_> {
    let mut other = without(&dialogue.other, &["id", MESSAGES]);
    let mut messages = Vec::new();
    for role in INSTRUCTING {
        if let Some((content, fields)) = dialogue.other.get(role).and_then(instruction) {
            other.remove(role);
            messages.push(MessageForm { role, content, other: fields });
        }
    }
    messages.extend(dialogue.turns.iter().map(|turn| MessageForm {
        role: if turn.speaker == Speaker::User { "user" } else { "assistant" },
        content: &turn.utterance,
        other: without(&turn.other, &["role", "content", "tool_calls", "function_call"]),
    }));
    MessagesForm { id: own_id(dialogue), messages, other }
}

/// What a first message said, with its further fields, as `chats.rs` keeps it.
fn instruction(value: &Value) -> Option<(&str, Fields)> {
    const TAKEN: [&str; 4] = ["role", "content", "tool_calls", "function_call"];
    match value {
        Value::String(said) => Some((said, Fields::new())),
        Value::Object(message) => {
            let fields = message.iter().filter(|(name, _)| *name != "content");
            let fields: Fields = fields.map(|(name, value)| (name.clone(), value.clone())).collect();
            let is_ours = !fields.is_empty() && TAKEN.iter().all(|taken| !fields.contains_key(*taken));
            message.get("content").and_then(Value::as_str).filter(|_| is_ours).map(|said| (said, fields))
        }
        _ => None,
    }
}

/// As `data.json` has it: without the id, which is its key. User and system must take turns, the user first.
///
/// # Errors
/// If they don't: who speaks is not written there.
pub(crate) fn logged(dialogue: &Dialogue) -> Result<Value, DataError> {
    let mut log = Vec::new();
    for (at, turn) in dialogue.turns.iter().enumerate() {
        let expected = if at.is_multiple_of(2) { Speaker::User } else { Speaker::System };
        if turn.speaker != expected {
            let problem = format!(
                "the speaker is {}, and in a data.json user and system take turns, the user first: convert to turns, messages \
                 or schema-guided, or mend the dialogue",
                turn.speaker
            );
            return Err(unwritable(dialogue, Some(at), problem));
        }
        let mut annotation = match &turn.log {
            Some(annotation) => json!(annotation),
            None => json!({}),
        };
        // What was not published so gets its states where such files have them: with the system's answer.
        if turn.log.is_none()
            && let Some(before) = at.checked_sub(1).map(|before| &dialogue.turns[before])
        {
            annotation["metadata"] = metadata(&before.frames);
        }
        for (field, empty) in [("metadata", json!({})), ("dialog_act", json!({})), ("span_info", json!([]))] {
            if annotation.get(field).is_none() {
                annotation[field] = empty;
            }
        }
        annotation["text"] = Value::String(turn.utterance.clone());
        log.push(annotation);
    }
    let mut value = json!(without(&dialogue.other, &["log", "goal"]));
    value["goal"] = match &dialogue.goal {
        Some(goal) => Value::Object(goal.clone()),
        None => json!({}),
    };
    value["log"] = Value::Array(log);
    Ok(value)
}

/// Belief states with the names that `data.json` has for slots: `hotel-area` is `semi.area`, `hotel-bookpeople` is `book.people`.
fn metadata(frames: &[Frame]) -> Value {
    let mut domains = Map::new();
    for frame in frames {
        let slots = frame.state.iter().flat_map(|state| &state.slot_values);
        for (slot, values) in slots {
            let Some(name) = slot.strip_prefix(&frame.service).and_then(|rest| rest.strip_prefix('-')) else {
                continue;
            };
            let (part, name) = name.strip_prefix("book").map_or(("semi", name), |name| ("book", name));
            let domain =
                domains.entry(frame.service.clone()).or_insert_with(|| json!({ "semi": {}, "book": { "booked": [] } }));
            domain[part][name] = Value::String(values.join("|"));
        }
    }
    Value::Object(domains)
}

pub(crate) fn unwritable(dialogue: &Dialogue, turn: Option<usize>, problem: String) -> DataError {
    let place = Place { dialogue: Some(dialogue.id.clone()), turn, ..Place::default() };
    DataError::Unwritable { place: Box::new(place), problem }
}

/// Reads a form back and says what is not in it any more.
///
/// # Errors
/// If it can't be read back.
pub(crate) fn lost(dialogue: &Dialogue, form: Value) -> Result<Vec<&'static str>, DataError> {
    let mut place = Place::default();
    let read = if form.get("log").is_some() && form.get("turns").is_none() && form.get(MESSAGES).is_none() {
        data_json::dialogue(&mut place, dialogue.id.clone(), form)
    } else {
        transcripts::dialogue(&mut place, form, "number")
    };
    let read = read.map_err(|problem: FieldProblem| unwritable(dialogue, place.turn, problem.to_string()))?;
    let pairs = || dialogue.turns.iter().zip(&read.turns);
    let frames_differ = pairs().any(|(before, after)| before.frames != after.frames);
    let states = |turn: &Turn| -> BeliefState { turn.belief_state() };
    let states_differ = frames_differ && pairs().any(|(before, after)| states(before) != states(after));
    let empty = LogAnnotation::default();
    let log = |turn: &Turn| turn.log.clone().unwrap_or_else(|| empty.clone());
    let losses = [
        (SERVICES, dialogue.services.iter().any(|service| !read.services.contains(service))),
        (GOAL, dialogue.goal.iter().any(|goal| !goal.is_empty()) && dialogue.goal != read.goal),
        (STATES, states_differ),
        (FRAMES, frames_differ && pairs().any(|(before, after)| rest_of(&before.frames) != rest_of(&after.frames))),
        (LOG, pairs().any(|(before, after)| before.log.is_some() && log(before) != log(after))),
        (NUMBERS, pairs().any(|(before, after)| before.turn_id != after.turn_id)),
        (FIELDS, dialogue.other != read.other || pairs().any(|(before, after)| before.other != after.other)),
    ];
    Ok(losses.into_iter().filter(|(_, is_lost)| *is_lost).map(|(what, _)| what).collect())
}

/// Frames without what belief states are made of, and without those that held nothing else.
fn rest_of(frames: &[Frame]) -> Vec<Frame> {
    let mut frames = frames.to_vec();
    for frame in &mut frames {
        if let Some(state) = &mut frame.state {
            state.slot_values.clear();
        }
    }
    frames.retain(|frame| {
        let bare = Frame { service: frame.service.clone(), state: frame.state.clone(), ..Frame::default() };
        let says_nothing = frame.state.iter().all(|state| *state == crate::State::default());
        !(says_nothing && *frame == bare)
    });
    frames
}
