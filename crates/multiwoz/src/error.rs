//! What can be wrong with data: every message names the file, the dialogue, the turn, the field and its value as far as
//! they are known, and what is expected. Nothing is decided here.

use crate::Split;
use crate::json::Step;
use serde_json::Value;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// The most characters of a wrong value that a message repeats.
const SHOWN_CHARACTERS: usize = 60;
/// All that can be read: the end of the messages about what can't.
const LAYOUTS: &str = "a folder with train/, dev/ and test/ that hold dialogues_001.json and on (MultiWOZ 2.2 and other \
     schema-guided sets), or with data.json, valListFile and testListFile (MultiWOZ 2.0 and 2.1), or with a file for each \
     split such as val.json; a single .json file of either kind; own dialogues, {\"turns\":[{\"speaker\",\"text\"}]} or \
     {\"messages\":[{\"role\",\"content\"}]}, one a line of a .jsonl file or in one list of a .json file, or a folder with \
     train.jsonl, dev.jsonl and test.jsonl; or a .zip of one of these";

/// Why data could not be read or written.
#[derive(Debug, Error)]
pub enum DataError {
    /// Nothing is there.
    #[error("{path} does not exist: name {LAYOUTS}", path = path.display())]
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
    #[error("{path} {found}; expected is {LAYOUTS}", path = path.display())]
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
    #[error("there is no split `{name}`: the splits are train, dev (also called val, valid or validation) and test")]
    UnknownSplit {
        /// The name.
        name: String,
    },
    /// The JSON ends too early.
    #[error(
        "{file} is cut off{within}: it ends in line {line}, column {column}, after {complete} whole dialogues; copy or \
         download it again",
        file = file.display(),
        within = within(place.as_deref())
    )]
    CutOff {
        /// The file.
        file: PathBuf,
        /// The dialogue that is cut off, and the field, if it ends within one.
        place: Option<Box<Place>>,
        /// The last line, from 1.
        line: usize,
        /// Its last column, from 1.
        column: usize,
        /// How many dialogues of the file were whole.
        complete: usize,
    },
    /// The text is no JSON, or does not hold dialogues as its layout has them.
    #[error(
        "{file}: after {complete} whole dialogues{within}: {message}; {advice}",
        file = file.display(),
        within = within(place.as_deref())
    )]
    Json {
        /// The file.
        file: PathBuf,
        /// The dialogue and the field, if it is within one.
        place: Option<Box<Place>>,
        /// What is wrong, with line and column.
        message: String,
        /// How many dialogues of the file were whole.
        complete: usize,
        /// What to do.
        advice: &'static str,
    },
    /// The text is not in UTF-8, or begins with a mark that JSON does not have.
    #[error("{file} {found}: save it as UTF-8 without a byte-order mark", file = file.display())]
    Encoding {
        /// The file.
        file: PathBuf,
        /// How it begins.
        found: &'static str,
    },
    /// The file is of another kind than its name or its place says, or is no text.
    #[error("{file} {found}: {advice}", file = file.display())]
    Contents {
        /// The file.
        file: PathBuf,
        /// What it is, as a sentence that the file's name begins.
        found: String,
        /// What to do.
        advice: &'static str,
    },
    /// A dialogue can't be written in the layout that was asked for.
    #[error("{place}: {problem}")]
    Unwritable {
        /// The dialogue and the turn.
        place: Box<Place>,
        /// Why, and what would help.
        problem: String,
    },
    /// A dialogue is larger than is read: see [`crate::Limits`].
    #[error(
        "{file}: {place}, which begins in line {line}, has more than the {limit} bytes that a dialogue may have: cut it into \
         several",
        file = file.display()
    )]
    TooLarge {
        /// The file.
        file: PathBuf,
        /// The dialogue.
        place: Box<Place>,
        /// Where it begins, from 1.
        line: usize,
        /// The most bytes of its JSON.
        limit: usize,
    },
    /// There is something else where a file of dialogues should be.
    #[error("{path} is {found}, where a file of dialogues belongs: take it away, or put the file there", path = path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
        /// What is there, such as a folder.
        found: &'static str,
    },
    /// An archive can't be trusted, or is not one.
    #[error("{path}: {problem}", path = path.display())]
    Archive {
        /// The archive.
        path: PathBuf,
        /// What is wrong, and what would help.
        problem: String,
    },
    /// A list of the dialogues of a split is not one.
    #[error("{path}: {problem}", path = path.display())]
    SplitList {
        /// The list.
        path: PathBuf,
        /// What is wrong, and what would help.
        problem: String,
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
    /// Nothing is written there, whatever may be replaced: a link, a device, what may not be written to.
    #[error("{path}: {problem}", path = path.display())]
    InTheWay {
        /// What is there, perhaps above where data was to be written.
        path: PathBuf,
        /// What it is, and what to do.
        problem: String,
    },
    /// Data was to be replaced, the new could not be put in its place, nor the old be put back. Neither is lost.
    #[error(
        "cannot write {path}: {source}; what was there is in {kept} now: rename it to bring it back",
        path = path.display(),
        kept = kept.display()
    )]
    PutAside {
        /// Where data was to be written.
        path: PathBuf,
        /// Where the old data is now.
        kept: PathBuf,
        /// Why the new could not be put in its place.
        source: io::Error,
    },
    /// Writing would replace a folder that holds something else than what is written.
    #[error(
        "{path} holds {other}, which is nothing that was converted: name another folder, or take it away",
        path = path.display(),
        other = other.display()
    )]
    NotOurs {
        /// Where data was to be written.
        path: PathBuf,
        /// A file in it, from there on.
        other: PathBuf,
    },
    /// What is written would lie within what is read, or the other way round.
    #[error("{path} and {data}, which is read, lie one within the other: name a place elsewhere", path = path.display(), data = data.display())]
    WithinData {
        /// Where data was to be written.
        path: PathBuf,
        /// What is read.
        data: PathBuf,
    },
    /// A layout that is a folder was to be written to a file.
    #[error("{path}: {layout} is a folder of files: name a folder", path = path.display())]
    NotAFolder {
        /// Where data was to be written.
        path: PathBuf,
        /// The layout.
        layout: &'static str,
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
    /// The field of these, where that is not said otherwise.
    pub field: Option<String>,
}

impl Place {
    /// Goes from the dialogue along a path of JSON.
    pub(crate) fn follow(&mut self, path: &[Step]) {
        let mut rest = path;
        if let [Step::Key(list), Step::Index(turn), inner @ ..] = rest
            && ["turns", "log", "messages", "conversations"].contains(&list.as_str())
        {
            self.turn = Some(*turn);
            rest = inner;
            if let [Step::Key(list), Step::Index(frame), inner @ ..] = rest
                && list == "frames"
            {
                self.frame = Some(*frame);
                rest = inner;
            }
        }
        let mut field = String::new();
        for step in rest {
            match step {
                Step::Key(key) if field.is_empty() => field.push_str(key),
                Step::Key(key) => field += &format!(".{key}"),
                Step::Index(index) => field += &format!("[{index}]"),
            }
        }
        self.field = (!field.is_empty()).then_some(field);
    }
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
        if let Some(field) = &self.field {
            write!(formatter, ", field `{}`", shorten(field))?;
        }
        Ok(())
    }
}

fn within(place: Option<&Place>) -> String {
    place.map(|place| format!(", in {place}")).unwrap_or_default()
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

    /// The same, of a field of the field `outer`.
    pub(crate) fn within(self, outer: &str) -> Self {
        let join = |field: String| {
            let dot = if field.is_empty() || field.starts_with('[') { "" } else { "." };
            format!("{}{dot}{field}", shorten(outer))
        };
        match self {
            FieldProblem::Missing { field, expected } => FieldProblem::Missing { field: join(field), expected },
            FieldProblem::Wrong { field, value, expected } => {
                FieldProblem::Wrong { field: join(field), value, expected }
            }
        }
    }
}

impl DataError {
    /// For `map_err` on a call of the system.
    pub(crate) fn file(action: &'static str, path: &Path) -> impl Fn(io::Error) -> DataError {
        move |source| DataError::File { action, path: path.to_owned(), source }
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
