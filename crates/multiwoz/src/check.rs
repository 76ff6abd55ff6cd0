//! Looking for everything that is wrong with data, instead of stopping at the first. Counting is in `stats.rs`.

use crate::fingerprint::Fingerprint;
use crate::schema_guided;
use crate::transcripts::{self, Lines};
use crate::{DataError, Dialogue, Source, Speaker, Split};
use std::collections::BTreeMap;
use std::fmt;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// Something that is wrong with data.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Flaw {
    /// Whether a dialogue or a file can't be read because of it; otherwise it is only suspicious, and is read as it is.
    pub unreadable: bool,
    /// Where, as far as that is known: file, dialogue and turn are in the text.
    pub file: PathBuf,
    /// The dialogue's id.
    pub dialogue: Option<String>,
    /// The turn, from 0.
    pub turn: Option<usize>,
    /// What, in one line that names the file, the dialogue and the turn.
    pub message: String,
}

impl fmt::Display for Flaw {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.unreadable { "error" } else { "warning" };
        write!(formatter, "{kind}: {}", self.message)
    }
}

/// Everything that is wrong with the data at `path`, in the order of files, dialogues and turns; empty if nothing is.
///
/// Suspicious are: an id that occurs twice, a text that occurs in two splits or twice in one, an empty dialogue or
/// utterance, a first turn of the system's, two turns of one speaker in a row, a `turn_id` that is not the turn's place, a
/// number that is missing among the files, and an empty or missing split.
pub fn check(path: impl AsRef<Path>) -> Vec<Flaw> {
    match Source::open(path) {
        Ok(source) => check_source(&source),
        Err(error) => vec![unreadable(Path::new(""), &error)],
    }
}

/// As [`check`], for a source that is open.
pub fn check_source(source: &Source) -> Vec<Flaw> {
    let mut checker = Checker::default();
    for split in Split::ALL {
        let before = checker.dialogues;
        match source.files() {
            Some(files) => match files.get(&split) {
                Some(files) => checker.files(split, files),
                None => checker.suspect(source.path(), None, None, format!("there are no files for {split}")),
            },
            None if source.layout() == "jsonl" => continue,
            None => match source.split(split) {
                Ok(dialogues) => dialogues.iter().for_each(|dialogue| checker.dialogue(split, source.path(), dialogue)),
                Err(error) => checker.flaws.push(unreadable(source.path(), &error)),
            },
        }
        let empty = checker.dialogues == before && source.files().is_some_and(|files| files.contains_key(&split));
        if empty {
            checker.suspect(source.path(), None, None, format!("no dialogue of {split} can be read"));
        }
    }
    if source.layout() == "jsonl" {
        checker.transcripts(source.path());
    }
    checker.flaws
}

#[derive(Default)]
struct Checker {
    flaws: Vec<Flaw>,
    dialogues: usize,
    /// Where each id was seen first.
    ids: BTreeMap<String, PathBuf>,
    /// Where each text was seen first.
    texts: BTreeMap<Fingerprint, (Split, String)>,
}

impl Checker {
    fn files(&mut self, split: Split, files: &[PathBuf]) {
        let mut expected = None;
        for file in files {
            let number = file.file_name().and_then(|name| schema_guided::number_of(&name.to_string_lossy()));
            if let (Some(number), Some(expected)) = (number, expected)
                && number != expected
            {
                let missing = "the file with the number before its own is missing, or a number occurs twice";
                self.suspect(file, None, None, missing.to_owned());
            }
            expected = number.and_then(|number| number.checked_add(1));
            let read = schema_guided::read_file(file, &mut |read| {
                match read {
                    Ok(dialogue) => self.dialogue(split, file, &dialogue),
                    Err(error) => self.flaws.push(unreadable(file, &error)),
                }
                ControlFlow::Continue(())
            });
            if let Err(error) = read {
                self.flaws.push(unreadable(file, &error));
            }
        }
    }

    fn transcripts(&mut self, file: &Path) {
        let lines = match Lines::open(file) {
            Ok(lines) => lines,
            Err(error) => return self.flaws.push(unreadable(file, &error)),
        };
        for (index, read) in lines.enumerate() {
            match read {
                Ok(dialogue) => self.dialogue(transcripts::split_of(index), file, &dialogue),
                Err(error) => self.flaws.push(unreadable(file, &error)),
            }
        }
        if self.dialogues == 0 {
            self.suspect(file, None, None, "no dialogue can be read".to_owned());
        }
    }

    fn dialogue(&mut self, split: Split, file: &Path, dialogue: &Dialogue) {
        self.dialogues += 1;
        let id = Some(dialogue.id.as_str());
        if let Some(first) = self.ids.get(&dialogue.id) {
            let message = format!("the id occurs also in {}", first.display());
            self.suspect(file, id, None, message);
        } else {
            self.ids.insert(dialogue.id.clone(), file.to_owned());
        }
        if dialogue.turns.is_empty() {
            return self.suspect(file, id, None, "there are no turns".to_owned());
        }
        let text = Fingerprint::of(dialogue);
        if let Some((other, first)) = self.texts.get(&text) {
            let message = format!("the text, of {split}, is that of dialogue {first} of {other}");
            self.suspect(file, id, None, message);
        } else {
            self.texts.insert(text, (split, dialogue.id.clone()));
        }
        let mut previous = Speaker::System;
        for (at, turn) in dialogue.turns.iter().enumerate() {
            if turn.speaker == previous {
                let message = if at == 0 {
                    "the first turn is the system's".to_owned()
                } else {
                    format!("the speaker is {}, as in the turn before", turn.speaker)
                };
                self.suspect(file, id, Some(at), message);
            }
            previous = turn.speaker;
            if turn.utterance.trim().is_empty() {
                self.suspect(file, id, Some(at), "the utterance is empty".to_owned());
            }
            if turn.turn_id != at.to_string() {
                let message = format!("`turn_id` is {}, not {at}", crate::error::shorten(&turn.turn_id));
                self.suspect(file, id, Some(at), message);
            }
        }
    }

    fn suspect(&mut self, file: &Path, dialogue: Option<&str>, turn: Option<usize>, what: String) {
        let mut message = file.display().to_string();
        if let Some(dialogue) = dialogue {
            message += &format!(": dialogue {}", crate::error::shorten(dialogue));
        }
        if let Some(turn) = turn {
            message += &format!(", turn {turn}");
        }
        message += &format!(": {what}");
        let dialogue = dialogue.map(str::to_owned);
        self.flaws.push(Flaw { unreadable: false, file: file.to_owned(), dialogue, turn, message });
    }
}

fn unreadable(file: &Path, error: &DataError) -> Flaw {
    let place = match error {
        DataError::Field { place, .. } => Some(place),
        _ => None,
    };
    Flaw {
        unreadable: true,
        file: file.to_owned(),
        dialogue: place.and_then(|place| place.dialogue.clone()),
        turn: place.and_then(|place| place.turn),
        message: error.to_string(),
    }
}
