//! Dialogues of the schema-guided layout of MultiWOZ 2.2 out of JSON values. Which files there are is found in `layout.rs`,
//! and cut into dialogues in `dialogue_file.rs`.

use crate::data_json;
use crate::dialogue::{Dialogue, Speaker, Turn};
use crate::error::{FieldProblem, Place};
use crate::fields::{
    as_text, each, each_value, list, object, optional_list, optional_place, optional_text, optional_texts, rest, text,
    texts,
};
use crate::frame::{Action, Frame, ServiceCall, SlotSpan, SlotValue, State};
use serde_json::{Map, Value};

const PREFIX: &str = "dialogues_";
const SUFFIX: &str = ".json";
/// The description of slots; it may stand in the data's folder or, as in other schema-guided sets, in each split's.
pub(crate) const SCHEMA: &str = "schema.json";

/// `12` for `dialogues_012.json`.
pub(crate) fn number_of(name: &str) -> Option<u64> {
    let digits = name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?;
    let all_digits = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    all_digits.then(|| digits.parse().ok()).flatten()
}

/// The name of the file with this number, from 1.
pub(crate) fn file_name(number: usize) -> String {
    format!("{PREFIX}{number:03}{SUFFIX}")
}

/// A dialogue. `place` follows, so that it is where a problem is.
pub(crate) fn dialogue(place: &mut Place, value: Value) -> Result<Dialogue, FieldProblem> {
    let mut map = object(value, "a dialogue: an object with `dialogue_id`, `services` and `turns`")?;
    const ID: &str =
        "a text (own dialogues without it belong in train.jsonl, or a .json file that is not called dialogues_NNN)";
    let id = text(&mut map, "dialogue_id", ID)?;
    place.dialogue = Some(id.clone());
    let services = list(&mut map, "services", "a list of names of services")?;
    let services = texts(services, "services", "the name of a service")?;
    let goal = goal(&mut map);
    let mut turns = Vec::new();
    for (at, value) in list(&mut map, "turns", "a list of turns")?.into_iter().enumerate() {
        place.turn = Some(at);
        turns.push(turn(place, at, value)?);
    }
    place.turn = None;
    Ok(Dialogue { id, services, turns, goal, other: rest(map, &[])? })
}

/// A goal is an object; anything else that is called so is a field like any other.
pub(crate) fn goal(map: &mut Map<String, Value>) -> Option<Map<String, Value>> {
    match map.remove("goal")? {
        Value::Object(goal) => Some(goal),
        other => {
            map.insert("goal".to_owned(), other);
            None
        }
    }
}

fn turn(place: &mut Place, at: usize, value: Value) -> Result<Turn, FieldProblem> {
    let mut map = object(value, "a turn: an object with `speaker`, `utterance` and `frames`")?;
    let speaker = speaker(&mut map)?;
    let utterance = text(&mut map, "utterance", "a text")?;
    if !map.contains_key("frames") {
        return Err(FieldProblem::Missing {
            field: "frames".to_owned(),
            expected: "a list of frames (it may be empty)",
        });
    }
    annotated(place, at, speaker, utterance, map)
}

/// A turn of which all but the annotation was taken from `map`.
pub(crate) fn annotated(
    place: &mut Place,
    at: usize,
    speaker: Speaker,
    utterance: String,
    mut map: Map<String, Value>,
) -> Result<Turn, FieldProblem> {
    let turn_id =
        optional_text(&mut map, "turn_id", "a text with the turn's number")?.unwrap_or_else(|| at.to_string());
    let mut frames = Vec::new();
    let values = optional_list(&mut map, "frames", "a list of frames (it may be empty)")?;
    for (at, value) in values.into_iter().enumerate() {
        place.frame = Some(at);
        frames.push(frame(value)?);
    }
    place.frame = None;
    let log = match map.remove("log") {
        Some(Value::Object(log)) => Some(data_json::annotation(log).map_err(|problem| problem.within("log"))?),
        Some(other) => {
            map.insert("log".to_owned(), other);
            None
        }
        None => None,
    };
    Ok(Turn { speaker, utterance, frames, turn_id, log, other: rest(map, &["speaker", "utterance"])? })
}

fn speaker(map: &mut Map<String, Value>) -> Result<Speaker, FieldProblem> {
    const EXPECTED: &str = "\"USER\" or \"SYSTEM\"";
    let name = text(map, "speaker", EXPECTED)?;
    let known = [Speaker::User, Speaker::System].into_iter().find(|speaker| speaker.name() == name);
    known.ok_or_else(|| FieldProblem::wrong("speaker", &Value::String(name), EXPECTED))
}

fn frame(value: Value) -> Result<Frame, FieldProblem> {
    let mut map = object(value, "a frame: an object with `service`")?;
    let service = text(&mut map, "service", "the name of a service")?;
    let actions = each(optional_list(&mut map, "actions", "a list of actions")?, "actions", action)?;
    let slots = each(optional_list(&mut map, "slots", "a list of slots")?, "slots", span)?;
    let state = map.remove("state").map(state).transpose()?;
    let service_call = map.remove("service_call").map(service_call).transpose()?;
    let service_results = match map.contains_key("service_results") {
        false => None,
        true => {
            let results = list(&mut map, "service_results", "a list of results")?;
            Some(each(results, "service_results", |value| each_value(object(value, "an object of texts")?, as_text))?)
        }
    };
    Ok(Frame { service, actions, slots, state, service_call, service_results, other: rest(map, &[])? })
}

fn action(value: Value) -> Result<Action, FieldProblem> {
    let mut map = object(value, "an action: an object with `act`")?;
    Ok(Action {
        act: text(&mut map, "act", "the name of an act")?,
        slot: optional_text(&mut map, "slot", "the name of a slot")?.unwrap_or_default(),
        values: optional_texts(&mut map, "values", "a text")?,
        canonical_values: optional_texts(&mut map, "canonical_values", "a text")?,
        other: rest(map, &[])?,
    })
}

fn span(value: Value) -> Result<SlotSpan, FieldProblem> {
    let mut map = object(value, "a slot: an object with `slot`")?;
    Ok(SlotSpan {
        slot: text(&mut map, "slot", "the name of a slot")?,
        start: optional_place(&mut map, "start")?,
        exclusive_end: optional_place(&mut map, "exclusive_end")?,
        value: map.remove("value").map(SlotValue::from),
        copy_from: optional_text(&mut map, "copy_from", "the name of a slot")?,
        other: rest(map, &[])?,
    })
}

fn service_call(value: Value) -> Result<ServiceCall, FieldProblem> {
    let call = || {
        let mut map = object(value, "an object with `method` and `parameters`")?;
        let method = text(&mut map, "method", "the name of an intent")?;
        let parameters = match map.remove("parameters") {
            None => Map::new(),
            Some(parameters) => object(parameters, "an object of texts").map_err(|wrong| wrong.within("parameters"))?,
        };
        let parameters = each_value(parameters, as_text).map_err(|wrong| wrong.within("parameters"))?;
        Ok(ServiceCall { method, parameters, other: rest(map, &[])? })
    };
    call().map_err(|problem: FieldProblem| problem.within("service_call"))
}

fn state(value: Value) -> Result<State, FieldProblem> {
    const SLOT_VALUES: &str = "an object that gives each slot a list of texts";
    let Value::Object(mut map) = value else {
        return Err(FieldProblem::wrong("state", &value, "an object with `slot_values`"));
    };
    let active_intent = optional_text(&mut map, "active_intent", "the name of an intent, or \"NONE\"")?
        .unwrap_or_else(|| State::NO_INTENT.to_owned());
    let requested_slots = optional_texts(&mut map, "requested_slots", "the name of a slot")?;
    let values = match map.remove("slot_values") {
        Some(Value::Object(values)) => values,
        Some(other) => return Err(FieldProblem::wrong("slot_values", &other, SLOT_VALUES)),
        None => return Err(FieldProblem::Missing { field: "slot_values".to_owned(), expected: SLOT_VALUES }),
    };
    let slot_values = each_value(values, |value| match value {
        Value::Array(list) => texts(list, "", "a text"),
        other => Err(FieldProblem::wrong("", &other, "a list of texts")),
    });
    let slot_values = slot_values.map_err(|problem| problem.within("slot_values"))?;
    Ok(State { active_intent, requested_slots, slot_values, other: rest(map, &[])? })
}
