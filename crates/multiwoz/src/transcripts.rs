//! Own dialogues: `{"turns":[{"speaker":"user","text":"…"}, …]}`, with an `"id"` if you like; what else MultiWOZ 2.2 has
//! (`services`, `goal`, a turn's `frames`) may stand there too. With `messages` or `conversations` in place of `turns` they are read
//! by `chats.rs`. Here is also the `.jsonl` file of them, a dialogue a line: blank lines are skipped, and memory is bounded by the
//! longest line. In a list they are cut in `elements.rs`.

use crate::dialogue::{Dialogue, Speaker, Turn};
use crate::dialogue_file::CUT;
use crate::elements::Position;
use crate::error::{FieldProblem, Place};
use crate::fields::{list, object, optional_text, optional_texts, rest, text};
use crate::schema_guided;
use crate::{DataError, Limits, chats, json};
use serde_json::Value;
use std::io::{self, BufRead, Read};
use std::path::PathBuf;

/// The dialogues of a file in order with the bytes of their lines, or what is wrong with a line; goes on after a wrong
/// line, not after a failed read.
pub(crate) struct Lines {
    file: PathBuf,
    reader: Option<Box<dyn BufRead + Send>>,
    limits: Limits,
    line: usize,
}

impl Lines {
    /// Of a file, whose lines are held against the limits of a dialogue.
    pub(crate) fn new(file: PathBuf, reader: Box<dyn BufRead + Send>, limits: Limits) -> Self {
        Self { file, reader: Some(reader), limits, line: 0 }
    }

    fn fail(&mut self, error: DataError) -> Option<(usize, Result<Dialogue, DataError>)> {
        self.reader = None;
        Some((0, Err(error)))
    }
}

impl Iterator for Lines {
    type Item = (usize, Result<Dialogue, DataError>);

    fn next(&mut self) -> Option<Self::Item> {
        let mut bytes = Vec::new();
        let limit = self.limits.dialogue_bytes;
        loop {
            bytes.clear();
            let reader = self.reader.as_mut()?;
            match read_line(reader, limit, &mut bytes) {
                Ok(()) if bytes.is_empty() => return None,
                Ok(()) => self.line += 1,
                Err(error) => {
                    let error = DataError::file("read", &self.file)(error);
                    return self.fail(error);
                }
            }
            if bytes.len() > limit {
                let place = Place { number: self.line, dialogue: Some(named(self.line)), ..Place::default() };
                let (file, place) = (self.file.clone(), Box::new(place));
                return self.fail(DataError::TooLarge { file, place, line: self.line, limit });
            }
            if !bytes.trim_ascii().is_empty() {
                return Some((bytes.len(), self.parse(&bytes)));
            }
        }
    }
}

/// One byte more than the limit tells that a line is too long.
fn read_line(reader: &mut impl BufRead, limit: usize, bytes: &mut Vec<u8>) -> io::Result<()> {
    reader.take(limit as u64 + 1).read_until(b'\n', bytes).map(|_| ())
}

fn named(line: usize) -> String {
    format!("in line {line}")
}

impl Lines {
    fn parse(&self, bytes: &[u8]) -> Result<Dialogue, DataError> {
        let number = self.line;
        let mut place = Place { number, dialogue: Some(named(number)), ..Place::default() };
        // Its end is no part of it: a text that the line's end cuts off is cut off, and has no control character.
        let value = json::parse(bytes.trim_ascii_end(), self.limits.dialogue_memory()).map_err(|malformed| {
            place.follow(&malformed.path);
            let what = malformed.describe(Position { line: number, column: 1 });
            DataError::Json {
                file: self.file.clone(),
                message: if malformed.error.is_eof() { format!("the line is cut off: {what}") } else { what },
                place: Some(Box::new(place.clone())),
                complete: number - 1,
                advice: if malformed.is_too_large { CUT } else { "each line must be one whole JSON object" },
            }
        })?;
        dialogue(&mut place, value, "line").map_err(|problem| DataError::Field {
            file: self.file.clone(),
            place: Box::new(place),
            problem,
        })
    }
}

/// What the numbers of dialogues count, in a file of lines and in a list.
const UNITS: [&str; 2] = ["line", "number"];

/// Whether an id is one that a dialogue gets here that has none: `line 7`. It says where the dialogue lay, and nothing of it.
pub(crate) fn is_number(id: &str) -> bool {
    let number = |unit: &&str| id.strip_prefix(unit)?.strip_prefix(' ');
    UNITS
        .iter()
        .find_map(number)
        .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
}

/// What a dialogue says may be under one of these.
const LISTS: [&str; 3] = [TURNS, chats::MESSAGES, chats::CONVERSATIONS];
const TURNS: &str = "turns";

/// A dialogue; `unit` is what its number counts, for the name of one without an id. `place` follows, so that it is where a problem is.
pub(crate) fn dialogue(place: &mut Place, value: Value, unit: &str) -> Result<Dialogue, FieldProblem> {
    let mut map = object(value, "an object with `turns`, `messages` or `conversations`")?;
    let id = optional_text(&mut map, "id", "a text")?.unwrap_or_else(|| format!("{unit} {}", place.number));
    // Beside one of them, something that is no list is a field like any other.
    let mut lists = LISTS.into_iter().filter(|list| map.get(*list).is_some_and(Value::is_array));
    let list_name = lists.next().or_else(|| LISTS.into_iter().find(|list| map.contains_key(*list))).unwrap_or(TURNS);
    if let Some((field, value)) = lists.next().and_then(|other| map.get_key_value(other)) {
        const ALONE: &str = "left out, since only one of `turns`, `messages` and `conversations` would be read";
        return Err(FieldProblem::wrong(field, value, ALONE));
    }
    let services = optional_texts(&mut map, "services", "the name of a service")?;
    let goal = schema_guided::goal(&mut map);
    let mut turns = Vec::new();
    if list_name == TURNS {
        let values = list(&mut map, TURNS, "a list of turns, or in its place `messages` or `conversations`")?;
        for (at, value) in values.into_iter().enumerate() {
            place.turn = Some(at);
            turns.push(turn(place, at, value)?);
        }
    } else {
        turns = chats::turns(place, &mut map, list_name)?;
    }
    place.turn = None;
    Ok(Dialogue { id, services, turns, goal, other: rest(map, &["dialogue_id", TURNS])? })
}

fn turn(place: &mut Place, at: usize, value: Value) -> Result<Turn, FieldProblem> {
    const EXPECTED: &str = "\"user\" or \"system\"";
    let mut map = object(value, "a turn: an object with `speaker` and `text`")?;
    let name = text(&mut map, "speaker", EXPECTED)?;
    let speaker =
        [Speaker::User, Speaker::System].into_iter().find(|speaker| speaker.name().eq_ignore_ascii_case(&name));
    let speaker = speaker.ok_or_else(|| FieldProblem::wrong("speaker", &Value::String(name), EXPECTED))?;
    let utterance = text(&mut map, "text", "a text")?;
    schema_guided::annotated(place, at, speaker, utterance, map)
}
