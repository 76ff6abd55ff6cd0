//! What can be wrong with data: every message names the file, the dialogue, the turn, the field and its value as far as
//! they are known, and what is expected. Nothing is decided here.

use crate::Split;
use serde_json::Value;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// The most characters of a wrong value that a message repeats.
const SHOWN_CHARACTERS: usize = 60;

/// Why data could not be read or written.
#[derive(Debug, Error)]
pub enum DataError {
    /// Nothing is there.
    #[error(
        "{path} does not exist: name a MultiWOZ folder with train/, dev/ and test/, or a .jsonl file",
        path = path.display()
    )]
    NotFound {
        /// What was named.
        path: PathBuf,
    },
    /// The system refused to read, write, list or rename something.
    #[error("cannot {action} {path}: {source}", path = path.display())]
    File {
        /// What was tried: `read`, `list`, `write`.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The path holds something, but no layout that is known.
    #[error(
        "{path} {found}; expected is a folder with train/, dev/ and test/ that hold dialogues_001.json and on \
         (MultiWOZ 2.2), or a .jsonl file with {{\"turns\":[{{\"speaker\",\"text\"}}]}} in each line",
        path = path.display()
    )]
    Layout {
        /// What was named.
        path: PathBuf,
        /// What is there, and the remedy where one is likely.
        found: String,
    },
    /// The data has no dialogues of a split.
    #[error("{path} has no dialogues for {split}: {reason}", path = path.display())]
    NoSplit {
        /// The data.
        path: PathBuf,
        /// The split.
        split: Split,
        /// Why, and what would help.
        reason: String,
    },
    /// A name that is no split's.
    #[error("there is no split `{name}`: the splits are train, dev (also called val) and test")]
    UnknownSplit {
        /// The name.
        name: String,
    },
    /// The JSON ends too early.
    #[error(
        "{file} is cut off: it ends in line {line}, column {column}, after {complete} whole dialogues; copy or download it again",
        file = file.display()
    )]
    CutOff {
        /// The file.
        file: PathBuf,
        /// The last line, from 1.
        line: usize,
        /// Its last column, from 1.
        column: usize,
        /// How many dialogues of the file were whole.
        complete: usize,
    },
    /// The text is no JSON, or no list of dialogues.
    #[error("{file}: after {complete} whole dialogues: {message}; {advice}", file = file.display())]
    Json {
        /// The file.
        file: PathBuf,
        /// What is wrong, with line and column.
        message: String,
        /// How many dialogues of the file were whole.
        complete: usize,
        /// What to do.
        advice: &'static str,
    },
    /// A field of a dialogue is missing or is not what it must be.
    #[error("{file}: {place}: {problem}", file = file.display())]
    Field {
        /// The file.
        file: PathBuf,
        /// The dialogue, the turn and the frame.
        place: Box<Place>,
        /// The field, its value, and what it must be.
        problem: FieldProblem,
    },
    /// Writing would replace something.
    #[error("{path} is there already: name a folder that is empty or does not exist yet", path = path.display())]
    NotEmpty {
        /// Where data was to be written.
        path: PathBuf,
    },
}

/// Where in a file something is wrong.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Place {
    /// The dialogue's number in the file (in a `.jsonl` the line), from 1.
    pub number: usize,
    /// The dialogue's id, if it could be read.
    pub dialogue: Option<String>,
    /// The turn, from 0 as in `turn_id`.
    pub turn: Option<usize>,
    /// The frame of the turn, from 0.
    pub frame: Option<usize>,
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.dialogue {
            Some(id) => write!(formatter, "dialogue {}", shorten(id))?,
            None => write!(formatter, "dialogue number {}", self.number)?,
        }
        if let Some(turn) = self.turn {
            write!(formatter, ", turn {turn}")?;
        }
        if let Some(frame) = self.frame {
            write!(formatter, ", frame {frame}")?;
        }
        Ok(())
    }
}

/// What is wrong with a field.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FieldProblem {
    /// It is not there.
    Missing {
        /// The field.
        field: String,
        /// What it must be.
        expected: &'static str,
    },
    /// It is something else.
    Wrong {
        /// The field; empty where the whole dialogue, turn or frame is meant.
        field: String,
        /// Its value as JSON, shortened.
        value: String,
        /// What it must be.
        expected: &'static str,
    },
}

impl fmt::Display for FieldProblem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FieldProblem::Missing { field, expected } => {
                write!(formatter, "the field `{field}` is missing: it must be {expected}")
            }
            FieldProblem::Wrong { field, value, expected } if field.is_empty() => {
                write!(formatter, "found {value}, which must be {expected}")
            }
            FieldProblem::Wrong { field, value, expected } => {
                write!(formatter, "`{field}` is {value}: it must be {expected}")
            }
        }
    }
}

impl FieldProblem {
    /// A value of the wrong kind.
    pub(crate) fn wrong(field: &str, value: &Value, expected: &'static str) -> Self {
        FieldProblem::Wrong { field: shorten(field), value: shorten(&value.to_string()), expected }
    }
}

impl DataError {
    /// For `map_err` on a call of the system.
    pub(crate) fn file(action: &'static str, path: &Path) -> impl Fn(io::Error) -> DataError {
        move |source| DataError::File { action, path: path.to_owned(), source }
    }

    /// What `serde_json` found wrong in `file`, after `complete` whole dialogues.
    pub(crate) fn json(file: &Path, error: &serde_json::Error, complete: usize) -> DataError {
        let file = file.to_owned();
        match error.classify() {
            serde_json::error::Category::Eof => {
                DataError::CutOff { file, line: error.line(), column: error.column(), complete }
            }
            serde_json::error::Category::Data => DataError::Json {
                file,
                message: error.to_string(),
                complete,
                advice: "this is not a file of dialogues, or it is of another layout",
            },
            serde_json::error::Category::Syntax | serde_json::error::Category::Io => DataError::Json {
                file,
                message: format!("not valid JSON: {error}"),
                complete,
                advice: "mend that place, or copy or download the file again",
            },
        }
    }
}

/// At most [`SHOWN_CHARACTERS`] of a text that may be anything, in one line.
pub(crate) fn shorten(text: &str) -> String {
    let shown = text.chars().take(SHOWN_CHARACTERS);
    let mut shown: String = shown.map(|character| if character.is_control() { ' ' } else { character }).collect();
    if text.chars().nth(SHOWN_CHARACTERS).is_some() {
        shown.push('…');
    }
    shown
}
