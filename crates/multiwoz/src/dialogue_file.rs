//! One file of dialogues, whatever its layout, read dialogue by dialogue. What a layout means is in its own module; several
//! files are a `Source`.

use crate::dealing::Dealing;
use crate::elements::{Broken, Element, Elements, Position, Shape};
use crate::error::{Place, shorten};
use crate::fingerprint::Fingerprint;
use crate::json::{self, Malformed};
use crate::split_lists::{SplitLists, bare};
use crate::transcripts::{self, Lines};
use crate::tree::DataFile;
use crate::{DataError, Dialogue, Limits, Split, data_json, schema_guided};
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const MEND: &str = "mend that place, or copy or download the file again";
pub(crate) const CUT: &str = "cut the dialogue into several";

/// How a file is laid out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum FileLayout {
    /// A list of dialogues, as in MultiWOZ 2.2.
    SchemaGuided,
    /// An object that gives each id its dialogue, as in MultiWOZ 2.0 and 2.1.
    DataJson,
    /// Own dialogues, one a line.
    Transcripts,
    /// A list of own dialogues.
    TranscriptList,
}

/// Which dialogue of a file is in which split.
#[derive(Clone, Debug)]
pub(crate) enum Splitting {
    /// All in one.
    One(Split),
    /// As lists beside the file say.
    Listed(Arc<SplitLists>),
    /// Dealt out by us.
    Dealt(Arc<Dealing>),
}

/// A file of dialogues.
#[derive(Clone, Debug)]
pub(crate) struct DialogueFile {
    pub file: DataFile,
    pub layout: FileLayout,
    pub splitting: Splitting,
}

/// A dialogue of a file, or what is wrong with it.
pub(crate) struct Read {
    /// The split; without meaning where the dialogue is wrong and would have said it, or for what belongs to no dialogue.
    pub split: Split,
    /// Bytes of its JSON.
    pub bytes: usize,
    pub dialogue: Result<Dialogue, DataError>,
}

impl DialogueFile {
    /// The splits that its dialogues may be in.
    pub(crate) fn splits(&self) -> Vec<Split> {
        match &self.splitting {
            Splitting::One(split) => vec![*split],
            Splitting::Listed(lists) => Split::ALL
                .into_iter()
                .filter(|split| *split == Split::Train || lists.files().contains_key(split))
                .collect(),
            Splitting::Dealt(_) => Split::ALL.to_vec(),
        }
    }

    /// Begins to read. Where lists say which dialogue is in which split, those of other splits than `only` are passed over
    /// without a look inside.
    ///
    /// # Errors
    /// If the file can't be opened.
    pub(crate) fn open(&self, only: Option<Split>, limits: &Limits) -> Result<Dialogues, DataError> {
        let mut reader = self.file.read(limits)?;
        let path = self.file.path().to_owned();
        // Only looked at: lines are counted from the first byte on.
        let begin = reader.fill_buf().map_err(DataError::file("read", &path))?;
        if self.layout == FileLayout::Transcripts && begin.trim_ascii_start().starts_with(b"[") {
            let found = "holds one JSON list, and should hold a dialogue a line".to_owned();
            return Err(DataError::Contents { file: path, found, advice: "let its name end in .json" });
        }
        let cutter = match self.layout {
            FileLayout::Transcripts => Cutter::Lines(Lines::new(path.clone(), reader, *limits)),
            FileLayout::SchemaGuided | FileLayout::TranscriptList => {
                Cutter::Elements(Elements::new(reader, Shape::List, limits.dialogue_bytes))
            }
            FileLayout::DataJson => Cutter::Elements(Elements::new(reader, Shape::Object, limits.dialogue_bytes)),
        };
        let (splitting, limits) = (self.splitting.clone(), *limits);
        let (layout, ids) = (self.layout, BTreeSet::new());
        Ok(Dialogues { path, cutter, splitting, only, layout, limits, complete: 0, ids, ended: false })
    }
}

enum Cutter {
    Elements(Elements),
    Lines(Lines),
}

/// The dialogues of a file in order. After a dialogue that is wrong the next one comes, unless the file's JSON itself is
/// broken.
pub(crate) struct Dialogues {
    path: PathBuf,
    cutter: Cutter,
    splitting: Splitting,
    only: Option<Split>,
    layout: FileLayout,
    limits: Limits,
    /// Whole dialogues so far, wrong ones and those passed over included.
    complete: usize,
    /// Ids of a `data.json`, of which a second one would replace the first in other programs.
    ids: BTreeSet<Fingerprint>,
    ended: bool,
}

impl Iterator for Dialogues {
    type Item = Read;

    fn next(&mut self) -> Option<Read> {
        while !self.ended {
            let read = match &mut self.cutter {
                Cutter::Lines(lines) => {
                    let (bytes, dialogue) = lines.next()?;
                    // A wrong line is a dialogue, too: mending it moves no other to another split.
                    let split = self.splitting.split_of(dialogue.as_ref().ok(), self.complete);
                    self.complete += 1;
                    Read { split, bytes, dialogue }
                }
                Cutter::Elements(elements) => {
                    let (splitting, complete, only) = (&self.splitting, self.complete, self.only);
                    let is_other = |id: &str| {
                        splitting.known(id, complete).is_some_and(|split| only.is_some_and(|only| only != split))
                    };
                    match elements.next(&|id| !is_other(id)) {
                        Ok(None) => return None,
                        Err(broken) => {
                            self.ended = true;
                            let dialogue = Err(self.report(broken));
                            Read { split: self.splitting.split_of(None, complete), bytes: 0, dialogue }
                        }
                        Ok(Some(element)) => {
                            self.complete += 1;
                            let twice = element
                                .key
                                .as_ref()
                                .is_some_and(|id| !self.ids.insert(Fingerprint::of_bytes(bare(id).bytes())));
                            let key = element.key.as_deref().unwrap_or_default();
                            if is_other(key) && !twice {
                                continue;
                            }
                            let known = splitting.known(key, complete);
                            let file = FileOf { path: &self.path, complete, limits: &self.limits };
                            let bytes = element.text.len();
                            let dialogue =
                                if twice { Err(file.twice(element.key)) } else { file.dialogue(element, self.layout) };
                            let split =
                                known.unwrap_or_else(|| self.splitting.split_of(dialogue.as_ref().ok(), complete));
                            Read { split, bytes, dialogue }
                        }
                    }
                }
            };
            if self.only.is_none_or(|only| only == read.split) || read.dialogue.is_err() {
                return Some(read);
            }
        }
        None
    }
}

impl Splitting {
    /// The split of a dialogue by its id and its number from 0, if these say it.
    fn known(&self, id: &str, number: usize) -> Option<Split> {
        match self {
            Splitting::One(split) => Some(*split),
            Splitting::Listed(lists) => Some(lists.split_of(id)),
            Splitting::Dealt(dealing) => dealing.by_number(number),
        }
    }

    /// The split of a dialogue with its number; of one that is wrong, what its number says.
    fn split_of(&self, dialogue: Option<&Dialogue>, number: usize) -> Split {
        match (self, dialogue) {
            (Splitting::Dealt(dealing), Some(dialogue)) => dealing.split_of(dialogue, number),
            (_, dialogue) => {
                let id = dialogue.map_or("", |dialogue| dialogue.id.as_str());
                self.known(id, number).unwrap_or(Split::Train)
            }
        }
    }
}

/// A file and how many dialogues of it are behind.
struct FileOf<'a> {
    path: &'a Path,
    complete: usize,
    limits: &'a Limits,
}

impl FileOf<'_> {
    fn place(&self, dialogue: Option<String>) -> Place {
        Place { number: self.complete + 1, dialogue, ..Place::default() }
    }

    fn dialogue(&self, element: Element<'_>, layout: FileLayout) -> Result<Dialogue, DataError> {
        let mut place = self.place(element.key.clone());
        let value = json::parse(element.text, self.limits.dialogue_memory()).map_err(|malformed| {
            self.complete_place(&mut place, &malformed);
            let advice = if malformed.is_too_large { CUT } else { MEND };
            self.json(Some(place.clone()), malformed.describe(element.start), advice)
        })?;
        let read = match element.key {
            Some(id) => data_json::dialogue(&mut place, id, value),
            None if layout == FileLayout::TranscriptList => transcripts::dialogue(&mut place, value, "number"),
            None => schema_guided::dialogue(&mut place, value),
        };
        read.map_err(|problem| DataError::Field { file: self.path.to_owned(), place: Box::new(place), problem })
    }

    /// Where the JSON of a dialogue is broken.
    fn complete_place(&self, place: &mut Place, malformed: &Malformed) {
        if let (None, Some(Value::String(id))) = (&place.dialogue, malformed.read.get("dialogue_id")) {
            place.dialogue = Some(id.clone());
        }
        place.follow(&malformed.path);
    }

    fn json(&self, place: Option<Place>, message: String, advice: &'static str) -> DataError {
        DataError::Json {
            file: self.path.to_owned(),
            place: place.map(Box::new),
            message,
            complete: self.complete,
            advice,
        }
    }

    fn twice(&self, id: Option<String>) -> DataError {
        let name = shorten(id.as_deref().unwrap_or_default());
        self.json(
            Some(self.place(id)),
            format!("the key `{name}` occurs twice"),
            "one of the two would be lost: take one of them away, or give it another name",
        )
    }
}

impl Dialogues {
    fn report(&self, broken: Broken) -> DataError {
        let file = FileOf { path: &self.path, complete: self.complete, limits: &self.limits };
        match broken {
            Broken::Read(error) => DataError::file("read", &self.path)(error),
            Broken::Cut { at, element } => {
                let place = element.and_then(|(key, text)| {
                    let mut place = file.place(key);
                    file.complete_place(&mut place, &json::parse(&text, self.limits.dialogue_memory()).err()?);
                    Some(Box::new(place))
                });
                let Position { line, column } = at;
                DataError::CutOff { file: self.path.clone(), place, line, column, complete: self.complete }
            }
            Broken::OtherShape { at } => {
                let expected = match &self.layout {
                    FileLayout::DataJson => "expected an object that gives each id its dialogue, found a list",
                    FileLayout::SchemaGuided | FileLayout::Transcripts | FileLayout::TranscriptList => {
                        "expected a list of dialogues, found an object"
                    }
                };
                let message = format!("{expected} at line {} column {}", at.line, at.column);
                file.json(None, message, "this is not a file of dialogues, or it is of another layout")
            }
            Broken::Syntax { at, expected } => {
                let message = format!("not valid JSON: expected {expected} at line {} column {}", at.line, at.column);
                file.json(None, message, MEND)
            }
            Broken::TooLarge { start, key } => DataError::TooLarge {
                file: self.path.clone(),
                place: Box::new(file.place(key)),
                line: start.line,
                limit: self.limits.dialogue_bytes,
            },
        }
    }
}
