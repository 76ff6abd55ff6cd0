//! The schema-guided layout of MultiWOZ 2.2: which files a folder holds, and dialogues out of their JSON. What is done
//! with several files is in `source.rs`.

use crate::dialogue::{BeliefState, Dialogue, Frame, Speaker, State, Turn};
use crate::error::{FieldProblem, Place};
use crate::fields::{list, object, optional_list, optional_text, rest, text, texts};
use crate::{DataError, Split, json};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

const PREFIX: &str = "dialogues_";
const SUFFIX: &str = ".json";
/// The description of slots; it may stand in the data's folder or, as in other schema-guided sets, in each split's.
pub(crate) const SCHEMA: &str = "schema.json";

/// The dialogue files of each split that is there, in numeric order.
pub(crate) type SplitFiles = BTreeMap<Split, Vec<PathBuf>>;

/// Finds the files of `folder`. A split without its own folder is not in the result.
///
/// # Errors
/// If a folder can't be listed, or a split's folder holds a JSON file whose name says neither dialogues nor schema: what
/// is in it would be lost.
pub(crate) fn find_files(folder: &Path) -> Result<SplitFiles, DataError> {
    let mut splits = SplitFiles::new();
    for split in Split::ALL {
        let path = folder.join(split.name());
        if !path.is_dir() {
            continue;
        }
        let files = files_of(&path)?;
        if !files.is_empty() {
            splits.insert(split, files);
        }
    }
    Ok(splits)
}

/// The dialogue files directly in `folder`, in numeric order.
pub(crate) fn files_of(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(DataError::file("list", folder))? {
        let entry = entry.map_err(DataError::file("list", folder))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if let Some(number) = number_of(&name) {
            files.push((number, name, entry.path()));
        } else if name.ends_with(SUFFIX) && name != SCHEMA && !name.starts_with('.') {
            return Err(DataError::Layout {
                path: entry.path(),
                found: "is not named like a file of dialogues, so it would be left out: rename it, or take it away"
                    .to_owned(),
            });
        }
    }
    files.sort();
    Ok(files.into_iter().map(|(_, _, path)| path).collect())
}

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

/// Reads a file, giving each dialogue, or what is wrong with it, to `each` in order until that breaks.
///
/// # Errors
/// If the file can't be read or is no list. What was given before stays valid.
pub(crate) fn read_file(
    file: &Path,
    each: &mut dyn FnMut(Result<Dialogue, DataError>) -> ControlFlow<()>,
) -> Result<(), DataError> {
    let bytes = fs::read(file).map_err(DataError::file("read", file))?;
    let mut complete = 0;
    json::read_list(&bytes, &mut |value| {
        complete += 1;
        each(dialogue(file, complete, value))
    })
    .map_err(|error| DataError::json(file, &error, complete))
}

/// All dialogues of a file.
pub(crate) fn read_whole_file(file: &Path) -> Result<Vec<Dialogue>, DataError> {
    let mut dialogues = Vec::new();
    let mut failure = None;
    read_file(file, &mut |read| match read {
        Ok(dialogue) => {
            dialogues.push(dialogue);
            ControlFlow::Continue(())
        }
        Err(error) => {
            failure = Some(error);
            ControlFlow::Break(())
        }
    })?;
    failure.map_or(Ok(dialogues), Err)
}

fn dialogue(file: &Path, number: usize, value: Value) -> Result<Dialogue, DataError> {
    let mut place = Place { number, ..Place::default() };
    dialogue_at(&mut place, value).map_err(|problem| DataError::Field {
        file: file.to_owned(),
        place: Box::new(place),
        problem,
    })
}

/// `place` follows, so that it is where a problem is.
fn dialogue_at(place: &mut Place, value: Value) -> Result<Dialogue, FieldProblem> {
    let mut map = object(value, "a dialogue: an object with `dialogue_id`, `services` and `turns`")?;
    let id = text(&mut map, "dialogue_id", "a text")?;
    place.dialogue = Some(id.clone());
    let services = list(&mut map, "services", "a list of names of services")?;
    let services = texts(services, "services", "the name of a service")?;
    let mut turns = Vec::new();
    for (at, value) in list(&mut map, "turns", "a list of turns")?.into_iter().enumerate() {
        place.turn = Some(at);
        turns.push(turn(place, at, value)?);
    }
    Ok(Dialogue { id, services, turns, other: rest(map) })
}

fn turn(place: &mut Place, at: usize, value: Value) -> Result<Turn, FieldProblem> {
    let mut map = object(value, "a turn: an object with `speaker`, `utterance` and `frames`")?;
    let speaker = speaker(&mut map)?;
    let utterance = text(&mut map, "utterance", "a text")?;
    let turn_id =
        optional_text(&mut map, "turn_id", "a text with the turn's number")?.unwrap_or_else(|| at.to_string());
    let mut frames = Vec::new();
    for (at, value) in list(&mut map, "frames", "a list of frames (it may be empty)")?.into_iter().enumerate() {
        place.frame = Some(at);
        frames.push(frame(value)?);
    }
    place.frame = None;
    Ok(Turn { speaker, utterance, frames, turn_id, other: rest(map) })
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
    let actions = optional_list(&mut map, "actions", "a list of actions")?;
    let slots = optional_list(&mut map, "slots", "a list of slots")?;
    let state = map.remove("state").map(state).transpose()?;
    Ok(Frame { service, actions, slots, state, other: rest(map) })
}

fn state(value: Value) -> Result<State, FieldProblem> {
    const SLOT_VALUES: &str = "an object that gives each slot a list of texts";
    let Value::Object(mut map) = value else {
        return Err(FieldProblem::wrong("state", &value, "an object with `slot_values`"));
    };
    let active_intent = optional_text(&mut map, "active_intent", "the name of an intent, or \"NONE\"")?
        .unwrap_or_else(|| State::NO_INTENT.to_owned());
    let requested_slots = optional_list(&mut map, "requested_slots", "a list of names of slots")?;
    let requested_slots = texts(requested_slots, "requested_slots", "the name of a slot")?;
    let values = match map.remove("slot_values") {
        Some(Value::Object(values)) => values,
        Some(other) => return Err(FieldProblem::wrong("slot_values", &other, SLOT_VALUES)),
        None => return Err(FieldProblem::Missing { field: "slot_values".to_owned(), expected: SLOT_VALUES }),
    };
    let mut slot_values = BeliefState::new();
    for (slot, value) in values {
        let field = format!("slot_values.{slot}");
        let Value::Array(value) = value else {
            return Err(FieldProblem::wrong(&field, &value, "a list of texts"));
        };
        let value = texts(value, &field, "a text")?;
        slot_values.insert(slot, value);
    }
    Ok(State { active_intent, requested_slots, slot_values, other: rest(map) })
}
