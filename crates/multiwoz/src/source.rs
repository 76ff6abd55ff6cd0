//! Data wherever it is: recognising the layout of a path and reading its splits, a file at a time. How a file of a layout
//! is read is in that layout's module; a further layout is a further variant of `Kind`.

use crate::schema_guided::{self, SplitFiles};
use crate::transcripts::{self, Lines};
use crate::{Corpus, DataError, Dialogue, Split, sample};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// Dialogues of a `.jsonl` file that are handed out together.
const TRANSCRIPTS_PER_PART: usize = 512;

/// A data set that was found and whose layout is known. Opening reads no dialogue.
#[derive(Clone, Debug)]
pub struct Source {
    path: PathBuf,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    SchemaGuided(SplitFiles),
    Transcripts,
    /// Made when it is first needed.
    Sample(Arc<OnceLock<Corpus>>),
}

/// Some dialogues of a split, of one file.
#[derive(Clone, PartialEq, Debug)]
pub struct Part {
    /// The file; `sample` for the embedded sample.
    pub file: PathBuf,
    /// The dialogues, in the file's order.
    pub dialogues: Vec<Dialogue>,
}

impl Source {
    /// Recognises what is at `path`: a folder in the layout of MultiWOZ 2.2 or a `.jsonl` file.
    ///
    /// # Errors
    /// If there is nothing, or nothing that is known: the message says what was found and what is expected.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, DataError> {
        let path = path.as_ref();
        let data = match fs::metadata(path) {
            Ok(data) => data,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(DataError::NotFound { path: path.to_owned() });
            }
            Err(error) => return Err(DataError::file("read", path)(error)),
        };
        let kind = if data.is_dir() { open_folder(path)? } else { open_file(path)? };
        Ok(Self { path: path.to_owned(), kind })
    }

    /// The embedded sample as a source like any other.
    pub fn sample() -> Self {
        Self { path: PathBuf::from("sample"), kind: Kind::Sample(Arc::default()) }
    }

    /// Where it is; `sample` for the embedded sample.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The layout's name: `multiwoz-2.2`, `jsonl` or `sample`.
    pub fn layout(&self) -> &'static str {
        match self.kind {
            Kind::SchemaGuided(_) => "multiwoz-2.2",
            Kind::Transcripts => "jsonl",
            Kind::Sample(_) => "sample",
        }
    }

    /// The splits that it has. A `.jsonl` file is cut into all three, whether it is long enough or not.
    pub fn splits(&self) -> Vec<Split> {
        match &self.kind {
            Kind::SchemaGuided(files) => files.keys().copied().collect(),
            Kind::Transcripts | Kind::Sample(_) => Split::ALL.to_vec(),
        }
    }

    /// All dialogues of a split.
    ///
    /// # Errors
    /// If there are none, or if anything is wrong with any of them.
    pub fn split(&self, split: Split) -> Result<Vec<Dialogue>, DataError> {
        let mut dialogues = Vec::new();
        for part in self.parts(split)? {
            dialogues.append(&mut part?.dialogues);
        }
        if dialogues.is_empty() {
            let reason = match self.kind {
                Kind::Transcripts => {
                    "of every 20 dialogues the first is for dev, the second for test, the others for \
                                      train: add dialogues"
                }
                Kind::SchemaGuided(_) | Kind::Sample(_) => "its files hold empty lists",
            };
            return Err(DataError::NoSplit { path: self.path.clone(), split, reason: reason.to_owned() });
        }
        Ok(dialogues)
    }

    /// The dialogues of a split a file at a time (of a `.jsonl` 512 dialogues at a time): memory for one file is enough.
    /// After an error the iterator ends: what would follow is not the whole split.
    ///
    /// # Errors
    /// If the split is not there.
    pub fn parts(&self, split: Split) -> Result<Parts, DataError> {
        let state = match &self.kind {
            Kind::SchemaGuided(files) => {
                let files = files.get(&split).ok_or_else(|| DataError::NoSplit {
                    path: self.path.clone(),
                    split,
                    reason: format!("{split}/{} and on are missing", schema_guided::file_name(1)),
                })?;
                PartsState::Files(files.clone().into_iter())
            }
            Kind::Transcripts => PartsState::Lines { lines: Lines::open(&self.path)?, index: 0, split },
            Kind::Sample(corpus) => PartsState::Sample(Arc::clone(corpus), split),
        };
        Ok(Parts { path: self.path.clone(), state })
    }

    /// The dialogue files of each split, if this is a folder.
    pub(crate) fn files(&self) -> Option<&SplitFiles> {
        match &self.kind {
            Kind::SchemaGuided(files) => Some(files),
            Kind::Transcripts | Kind::Sample(_) => None,
        }
    }
}

fn open_folder(path: &Path) -> Result<Kind, DataError> {
    let fail = |found: &str| Err(DataError::Layout { path: path.to_owned(), found: found.to_owned() });
    let splits = schema_guided::find_files(path)?;
    if !splits.is_empty() {
        return Ok(Kind::SchemaGuided(splits));
    }
    let mut names = Vec::new();
    for entry in fs::read_dir(path).map_err(DataError::file("list", path))? {
        names.push(entry.map_err(DataError::file("list", path))?.file_name().to_string_lossy().into_owned());
    }
    if names.is_empty() {
        return fail("is an empty folder");
    }
    if names.iter().any(|name| schema_guided::number_of(name).is_some()) {
        return fail("holds the dialogues of a single split: name the folder above it");
    }
    if names.iter().any(|name| name == "data.json") {
        return fail("looks like MultiWOZ 2.0 or 2.1, which is not read: convert it, or name a folder of version 2.2");
    }
    fail("is a folder without dialogues")
}

fn open_file(path: &Path) -> Result<Kind, DataError> {
    let extension = path.extension().map(|extension| extension.to_string_lossy().to_ascii_lowercase());
    match extension.as_deref() {
        Some("jsonl") => Ok(Kind::Transcripts),
        Some("json") => Err(DataError::Layout {
            path: path.to_owned(),
            found: "is a single JSON file: of a MultiWOZ folder name the folder itself".to_owned(),
        }),
        _ => Err(DataError::Layout { path: path.to_owned(), found: "is not a file of dialogues".to_owned() }),
    }
}

/// The parts of a split, in order; see [`Source::parts`].
pub struct Parts {
    path: PathBuf,
    state: PartsState,
}

enum PartsState {
    Files(std::vec::IntoIter<PathBuf>),
    Lines { lines: Lines, index: usize, split: Split },
    Sample(Arc<OnceLock<Corpus>>, Split),
    Ended,
}

impl Iterator for Parts {
    type Item = Result<Part, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        let part = match &mut self.state {
            PartsState::Files(files) => files.next().map(|file| {
                let dialogues = schema_guided::read_whole_file(&file)?;
                Ok(Part { file, dialogues })
            }),
            PartsState::Lines { lines, index, split } => next_lines(&self.path, lines, index, *split),
            PartsState::Sample(corpus, split) => {
                let dialogues = corpus.get_or_init(sample::corpus).split(*split).to_vec();
                self.state = PartsState::Ended;
                return Some(Ok(Part { file: self.path.clone(), dialogues }));
            }
            PartsState::Ended => None,
        };
        if !matches!(part, Some(Ok(_))) {
            self.state = PartsState::Ended;
        }
        part
    }
}

fn next_lines(path: &Path, lines: &mut Lines, index: &mut usize, split: Split) -> Option<Result<Part, DataError>> {
    let mut dialogues = Vec::new();
    for read in lines.by_ref() {
        let dialogue = match read {
            Ok(dialogue) => dialogue,
            Err(error) => return Some(Err(error)),
        };
        if transcripts::split_of(*index) == split {
            dialogues.push(dialogue);
        }
        *index += 1;
        if dialogues.len() == TRANSCRIPTS_PER_PART {
            break;
        }
    }
    (!dialogues.is_empty()).then(|| Ok(Part { file: path.to_owned(), dialogues }))
}
