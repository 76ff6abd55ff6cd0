//! Dialogues of `data.json`, the layout of MultiWOZ 2.0 and 2.1, out of JSON values: user and system take turns, the user
//! first. The belief state is published with the system's answer; as in MultiWOZ 2.2, the frames of the user's turn before
//! it get it. Which dialogue is in which split is in `split_lists.rs`.

use crate::dialogue::{Dialogue, Speaker, Turn};
use crate::error::{FieldProblem, Place};
use crate::fields::{each, each_value, list, object, optional_list, rest, text};
use crate::frame::{Frame, SlotValue, State};
use crate::log_annotation::{Booking, DomainState, LogAnnotation, TokenSpan};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What stands for a slot without a value.
const NO_VALUES: [&str; 3] = ["", "not mentioned", "none"];
/// Between values any of which would do.
const OR: char = '|';
/// Objects of a goal that are not about a service.
const NO_SERVICES: [&str; 2] = ["topic", "message"];

/// A dialogue. `place` follows, so that it is where a problem is.
pub(crate) fn dialogue(place: &mut Place, id: String, value: Value) -> Result<Dialogue, FieldProblem> {
    place.dialogue = Some(id.clone());
    let mut map = object(value, "a dialogue: an object with `goal` and `log`")?;
    let goal = match map.remove("goal") {
        None => None,
        Some(Value::Object(goal)) => Some(goal),
        Some(other) => return Err(FieldProblem::wrong("goal", &other, "an object")),
    };
    let mut turns = Vec::new();
    for (at, value) in list(&mut map, "log", "a list of turns")?.into_iter().enumerate() {
        place.turn = Some(at);
        turns.push(turn(at, value)?);
    }
    place.turn = None;
    for at in 1..turns.len() {
        if let Some(log) = &turns[at].log
            && turns[at - 1].speaker == Speaker::User
        {
            turns[at - 1].frames = frames(&log.metadata);
        }
    }
    let services = goal.iter().flatten().filter(|(name, value)| is_service(name, value));
    let services = services.map(|(name, _)| name.clone()).collect();
    Ok(Dialogue { id, services, turns, goal, other: rest(map, &["dialogue_id", "services", "turns"])? })
}

/// The goal names all domains; those that it is not about are empty.
fn is_service(name: &str, value: &Value) -> bool {
    !NO_SERVICES.contains(&name) && value.as_object().is_some_and(|value| !value.is_empty())
}

fn turn(at: usize, value: Value) -> Result<Turn, FieldProblem> {
    let mut map = object(value, "a turn: an object with `text`")?;
    let utterance = text(&mut map, "text", "a text")?;
    let speaker = if at.is_multiple_of(2) { Speaker::User } else { Speaker::System };
    let log = Some(annotation(map)?);
    Ok(Turn { speaker, utterance, frames: Vec::new(), turn_id: at.to_string(), log, other: BTreeMap::new() })
}

/// A turn's annotation: what is left of the turn's object without its text.
pub(crate) fn annotation(mut map: Map<String, Value>) -> Result<LogAnnotation, FieldProblem> {
    let metadata = member(&mut map, "metadata", "an object that gives each domain its state")?;
    let metadata = each_value(metadata, domain).map_err(|problem| problem.within("metadata"))?;
    // Where nobody annotated, some files say so in words: these stay in the map.
    let dialog_act = match map.get("dialog_act") {
        Some(Value::String(_)) => BTreeMap::new(),
        _ => {
            let acts = member(&mut map, "dialog_act", "an object that gives each act its slots")?;
            each_value(acts, act).map_err(|problem| problem.within("dialog_act"))?
        }
    };
    let span_info = each(optional_list(&mut map, "span_info", "a list of spans")?, "span_info", span)?;
    Ok(LogAnnotation { metadata, dialog_act, span_info, other: rest(map, &[])? })
}

/// An object that is empty where it is missing.
fn member(
    map: &mut Map<String, Value>,
    field: &str,
    expected: &'static str,
) -> Result<Map<String, Value>, FieldProblem> {
    match map.remove(field) {
        None => Ok(Map::new()),
        Some(Value::Object(member)) => Ok(member),
        Some(other) => Err(FieldProblem::wrong(field, &other, expected)),
    }
}

fn domain(value: Value) -> Result<DomainState, FieldProblem> {
    const SLOTS: &str = "an object that gives each slot its value";
    let mut map = object(value, "an object with `semi` and `book`")?;
    let semi = each_value(member(&mut map, "semi", SLOTS)?, |value| Ok(SlotValue::from(value)))?;
    let mut book = member(&mut map, "book", SLOTS)?;
    let booked = optional_list(&mut book, "booked", "a list of bookings").map_err(|problem| problem.within("book"))?;
    let slots = each_value(book, |value| Ok(SlotValue::from(value)))?;
    Ok(DomainState { semi, book: Booking { booked, slots }, other: rest(map, &[])? })
}

fn act(value: Value) -> Result<Vec<(String, SlotValue)>, FieldProblem> {
    const PAIR: &str = "a slot and its value: a list of two, of which the first is a text";
    let Value::Array(pairs) = value else {
        return Err(FieldProblem::wrong("", &value, "a list of slots with their values"));
    };
    each(pairs, "", |pair| match pair {
        Value::Array(mut pair) if pair.len() == 2 && pair[0].is_string() => {
            let value = SlotValue::from(pair.remove(1));
            Ok((owned_text(pair.remove(0)), value))
        }
        other => Err(FieldProblem::wrong("", &other, PAIR)),
    })
}

fn span(value: Value) -> Result<TokenSpan, FieldProblem> {
    let parts = value.as_array().and_then(|parts| <&[Value; 5]>::try_from(parts.as_slice()).ok());
    let taken = parts.and_then(|[act, slot, value, first, last]| {
        Some(TokenSpan {
            act: act.as_str()?.to_owned(),
            slot: slot.as_str()?.to_owned(),
            value: SlotValue::from(value.clone()),
            first: first.as_i64()?,
            last: last.as_i64()?,
        })
    });
    taken.ok_or_else(|| {
        FieldProblem::wrong("", &value, "a list of act, slot, value, and the numbers of the first and the last token")
    })
}

fn owned_text(value: Value) -> String {
    if let Value::String(text) = value { text } else { String::new() }
}

/// The belief state as frames, one for each domain of which something is wanted, with the slots' names of MultiWOZ 2.2.
fn frames(metadata: &BTreeMap<String, DomainState>) -> Vec<Frame> {
    let mut frames = Vec::new();
    for (domain, wanted) in metadata {
        let mut state = State::default();
        let semi = wanted.semi.iter().map(|(slot, value)| (format!("{domain}-{slot}"), value));
        let book = wanted.book.slots.iter().map(|(slot, value)| (format!("{domain}-book{slot}"), value));
        for (slot, value) in semi.chain(book) {
            let values = value.texts().iter().flat_map(|text| text.split(OR));
            let mut values = values.filter(|text| !NO_VALUES.contains(text)).map(str::to_owned).peekable();
            if values.peek().is_some() {
                state.slot_values.entry(slot.to_lowercase()).or_default().extend(values);
            }
        }
        if !state.slot_values.is_empty() {
            frames.push(Frame { service: domain.clone(), state: Some(state), ..Frame::default() });
        }
    }
    frames
}
