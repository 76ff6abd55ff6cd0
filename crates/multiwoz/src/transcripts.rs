//! Own dialogues in a `.jsonl` file: one `{"turns":[{"speaker":"user","text":"…"}, …]}` a line, with an `"id"` if you
//! like. Blank lines are skipped. Read line by line, so memory is bounded by the longest line.

use crate::dialogue::{Dialogue, Speaker, Turn};
use crate::error::{FieldProblem, Place};
use crate::fields::{list, object, optional_text, rest, text};
use crate::json::Strict;
use crate::{DataError, Split};
use serde_json::Value;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

/// Of this many dialogues in a row the first is for dev, the second for test, the others for training.
const EVERY: usize = 20;

/// The split of the dialogue with this number, from 0: the file itself does not say. Appending to the file moves none.
pub(crate) fn split_of(index: usize) -> Split {
    match index % EVERY {
        0 => Split::Dev,
        1 => Split::Test,
        _ => Split::Train,
    }
}

/// The dialogues of a file in order, or what is wrong with a line; goes on after a wrong line, not after a failed read.
pub(crate) struct Lines {
    file: PathBuf,
    reader: Option<BufReader<File>>,
    line: usize,
}

impl Lines {
    pub(crate) fn open(file: &Path) -> Result<Self, DataError> {
        let opened = File::open(file).map_err(DataError::file("read", file))?;
        Ok(Self { file: file.to_owned(), reader: Some(BufReader::new(opened)), line: 0 })
    }
}

impl Iterator for Lines {
    type Item = Result<Dialogue, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut bytes = Vec::new();
        loop {
            bytes.clear();
            match self.reader.as_mut()?.read_until(b'\n', &mut bytes) {
                Ok(0) => return None,
                Ok(_) => self.line += 1,
                Err(error) => {
                    self.reader = None;
                    return Some(Err(DataError::file("read", &self.file)(error)));
                }
            }
            if !bytes.trim_ascii().is_empty() {
                return Some(line(&self.file, self.line, &bytes));
            }
        }
    }
}

fn line(file: &Path, number: usize, bytes: &[u8]) -> Result<Dialogue, DataError> {
    let Strict(value) = serde_json::from_slice(bytes).map_err(|error| {
        let problem = if error.is_eof() { "the line is cut off" } else { "not valid JSON" };
        DataError::Json {
            file: file.to_owned(),
            message: format!("line {number}: {problem}: {error} of it"),
            complete: number - 1,
            advice: "each line must be one whole JSON object",
        }
    })?;
    let mut place = Place { number, dialogue: Some(format!("in line {number}")), ..Place::default() };
    dialogue(&mut place, value).map_err(|problem| DataError::Field {
        file: file.to_owned(),
        place: Box::new(place),
        problem,
    })
}

fn dialogue(place: &mut Place, value: Value) -> Result<Dialogue, FieldProblem> {
    let mut map = object(value, "an object with `turns`")?;
    let id = optional_text(&mut map, "id", "a text")?.unwrap_or_else(|| format!("line {}", place.number));
    let mut turns = Vec::new();
    for (at, value) in list(&mut map, "turns", "a list of turns")?.into_iter().enumerate() {
        place.turn = Some(at);
        turns.push(turn(at, value)?);
    }
    Ok(Dialogue { id, services: Vec::new(), turns, other: rest(map) })
}

fn turn(at: usize, value: Value) -> Result<Turn, FieldProblem> {
    const EXPECTED: &str = "\"user\" or \"system\"";
    let mut map = object(value, "a turn: an object with `speaker` and `text`")?;
    let name = text(&mut map, "speaker", EXPECTED)?;
    let speaker =
        [Speaker::User, Speaker::System].into_iter().find(|speaker| speaker.name().eq_ignore_ascii_case(&name));
    let speaker = speaker.ok_or_else(|| FieldProblem::wrong("speaker", &Value::String(name), EXPECTED))?;
    let utterance = text(&mut map, "text", "a text")?;
    Ok(Turn { speaker, utterance, frames: Vec::new(), turn_id: at.to_string(), other: rest(map) })
}
