//! Data wherever it is: its layout, and its dialogues by split, some at a time. Which files there are is found in
//! `layout.rs`, how one is read is in `dialogue_file.rs`.

use crate::dealing::Dealing;
use crate::dialogue_file::{DialogueFile, Dialogues, Splitting};
use crate::layout::{self, Found};
use crate::tree::Tree;
use crate::{Corpus, DataError, Dialogue, Limits, Reading, Split, sample, schema_guided};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// Dialogues that are handed out together: as many as a published file of MultiWOZ 2.2 has.
const DIALOGUES_PER_PART: usize = 512;

/// A data set that was found and whose layout is known. Opening reads no dialogue.
#[derive(Clone, Debug)]
pub struct Source {
    path: PathBuf,
    limits: Limits,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Files(Found),
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
    /// Recognises what is at `path`: a folder, a single file or a `.zip` of any layout that is known; in a folder or an
    /// archive, the data may be in one folder within.
    ///
    /// # Errors
    /// If there is nothing, or nothing that is known: the message says what was found and what is expected.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, DataError> {
        Self::open_within(path, Limits::default())
    }

    /// As [`Source::open`], with other limits on what is read.
    ///
    /// # Errors
    /// As [`Source::open`].
    pub fn open_within(path: impl AsRef<Path>, limits: Limits) -> Result<Self, DataError> {
        Self::open_with(path, &Reading { limits, ..Reading::default() })
    }

    /// As [`Source::open`], read otherwise.
    ///
    /// # Errors
    /// As [`Source::open`].
    pub fn open_with(path: impl AsRef<Path>, reading: &Reading) -> Result<Self, DataError> {
        let path = path.as_ref();
        let kind = Kind::Files(layout::recognise(path, reading)?);
        Ok(Self { path: path.to_owned(), limits: reading.limits, kind })
    }

    /// The embedded sample as a source like any other.
    pub fn sample() -> Self {
        Self { path: PathBuf::from("sample"), limits: Limits::default(), kind: Kind::Sample(Arc::default()) }
    }

    /// Where it is; `sample` for the embedded sample.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The layout's name: `multiwoz-2.2`, `schema-guided` (another set in that layout, with a schema for each split),
    /// `multiwoz-2.1` (2.0 as well), `jsonl` (own dialogues, one a line), `json` (a list of own dialogues) or `sample`.
    pub fn layout(&self) -> &'static str {
        match &self.kind {
            Kind::Files(found) => found.layout,
            Kind::Sample(_) => "sample",
        }
    }

    /// Whether it is own dialogues, of which we decide what is for dev and test: nobody has published it.
    pub fn is_dealt(&self) -> bool {
        self.files().iter().any(|file| matches!(file.splitting, Splitting::Dealt(_)))
    }

    /// Whether it is own dialogues, wherever their splits come from.
    pub fn is_own(&self) -> bool {
        layout::is_own_layout(self.layout())
    }

    /// The splits that it has. A file of own dialogues is cut into all three, whether it is long enough or not.
    pub fn splits(&self) -> Vec<Split> {
        match &self.kind {
            Kind::Files(found) => Split::ALL
                .into_iter()
                .filter(|split| found.files.iter().any(|file| file.splits().contains(split)))
                .collect(),
            Kind::Sample(_) => Split::ALL.to_vec(),
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
        if dialogues.is_empty() { Err(self.empty(split)) } else { Ok(dialogues) }
    }

    /// What is wrong where the parts of a split hold no dialogue: why that is so, and what would help.
    pub fn empty(&self, split: Split) -> DataError {
        let reason = match self.files().iter().find(|file| file.splits().contains(&split)).map(|file| &file.splitting) {
            Some(Splitting::Dealt(dealing)) => match &**dealing {
                Dealing::ByText { test_percent, .. } => {
                    let share = match split {
                        Split::Train => 100_u8.saturating_sub(test_percent.saturating_mul(2)),
                        Split::Dev | Split::Test => *test_percent,
                    };
                    return self.no_split(
                        split,
                        format!(
                            "each dialogue's text decides where it belongs, about {share} of 100 here, and none does: add \
                             dialogues, or give each split a file of its own (train.jsonl, dev.jsonl, test.jsonl in one \
                             folder)"
                        ),
                    );
                }
                Dealing::ByLine => {
                    "of every 20 dialogues the first is for dev, the second for test, the others for train: add dialogues"
                }
            },
            Some(Splitting::Listed(_)) => "the lists leave no dialogue to it",
            Some(Splitting::One(_)) if self.is_own() => "its file holds no dialogue: add dialogues",
            Some(Splitting::One(_)) | None => "its files hold empty lists",
        };
        self.no_split(split, reason.to_owned())
    }

    /// The dialogues of a split some at a time: up to 512 of a file, and fewer where the JSON of fewer has
    /// [`Limits::dialogue_bytes`]. Beside these the JSON of one dialogue is in memory, as text and as values, and for a
    /// `data.json` 16 bytes and a little for each id; so memory does not depend on the size of a file. After an error the
    /// iterator ends: what would follow is not the whole split.
    ///
    /// # Errors
    /// If the split is not there.
    pub fn parts(&self, split: Split) -> Result<Parts, DataError> {
        let state = match &self.kind {
            Kind::Files(found) => {
                let files = found.files.iter().filter(|file| file.splits().contains(&split)).cloned();
                let files: Vec<_> = files.collect();
                if files.is_empty() {
                    return Err(self.no_split(split, self.why_missing(split)));
                }
                PartsState::Files { split, limits: self.limits, files: files.into_iter(), open: None }
            }
            Kind::Sample(corpus) => PartsState::Sample(Arc::clone(corpus), split),
        };
        Ok(Parts { path: self.path.clone(), state })
    }

    fn no_split(&self, split: Split, reason: String) -> DataError {
        DataError::NoSplit { path: self.path.clone(), split, reason }
    }

    /// Why no file has a split.
    pub(crate) fn why_missing(&self, split: Split) -> String {
        let is_in_folder = |file: &DialogueFile| match &file.splitting {
            Splitting::One(split) => {
                let folder = file.file.path().parent().and_then(Path::file_name);
                folder.is_some_and(|name| name.to_string_lossy().parse::<Split>().is_ok_and(|named| named == *split))
            }
            Splitting::Listed(_) | Splitting::Dealt(_) => false,
        };
        match self.files() {
            [DialogueFile { splitting: Splitting::Listed(_), .. }] => {
                let list = if split == Split::Dev { "valListFile" } else { "testListFile" };
                format!("{list}.txt or {list}.json is missing beside data.json, so they count as train")
            }
            [DialogueFile { splitting: Splitting::One(only), .. }] if self.path.is_file() => {
                format!("this is a single file, whose dialogues are for {only}: name the folder with all splits")
            }
            files if files.iter().any(is_in_folder) => {
                format!("{split}/{} and on are missing", schema_guided::file_name(1))
            }
            _ => format!("{split}.json or {split}.jsonl is missing"),
        }
    }

    /// The files of dialogues; none of the sample.
    pub(crate) fn files(&self) -> &[DialogueFile] {
        match &self.kind {
            Kind::Files(found) => &found.files,
            Kind::Sample(_) => &[],
        }
    }

    /// The folder or the archive; none of a single file, nor of the sample.
    pub(crate) fn tree(&self) -> Option<&Tree> {
        match &self.kind {
            Kind::Files(found) => found.tree.as_ref(),
            Kind::Sample(_) => None,
        }
    }

    /// The folder in which the data lies: that which was named, or the one within it.
    pub(crate) fn data_folder(&self) -> Option<Tree> {
        let first = self.files().first()?.file.folder()?;
        let is_split = first.path().file_name().is_some_and(|name| name.to_string_lossy().parse::<Split>().is_ok());
        self.tree()?;
        if is_split && matches!(self.layout(), "multiwoz-2.2" | "schema-guided") { first.parent() } else { Some(first) }
    }

    /// The lists that say which dialogue is in which split.
    pub(crate) fn lists(&self) -> impl Iterator<Item = &Path> {
        self.files().iter().flat_map(|file| match &file.splitting {
            Splitting::Listed(lists) => lists.files().values().map(PathBuf::as_path).collect(),
            Splitting::One(_) | Splitting::Dealt(_) => Vec::new(),
        })
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }
}

/// The parts of a split, in order; see [`Source::parts`].
pub struct Parts {
    path: PathBuf,
    state: PartsState,
}

enum PartsState {
    Files {
        split: Split,
        limits: Limits,
        files: std::vec::IntoIter<DialogueFile>,
        open: Option<Box<(PathBuf, Dialogues)>>,
    },
    Sample(Arc<OnceLock<Corpus>>, Split),
    Ended,
}

impl Iterator for Parts {
    type Item = Result<Part, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        let part = match &mut self.state {
            PartsState::Files { split, limits, files, open } => next_part(*split, limits, files, open).transpose(),
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

fn next_part(
    split: Split,
    limits: &Limits,
    files: &mut std::vec::IntoIter<DialogueFile>,
    open: &mut Option<Box<(PathBuf, Dialogues)>>,
) -> Result<Option<Part>, DataError> {
    loop {
        let Some((file, reading)) = open.as_deref_mut() else {
            let Some(next) = files.next() else { return Ok(None) };
            *open = Some(Box::new((next.file.path().to_owned(), next.open(Some(split), limits)?)));
            continue;
        };
        let mut dialogues = Vec::new();
        let mut bytes = 0;
        for read in reading {
            dialogues.push(read.dialogue?);
            bytes += read.bytes;
            if dialogues.len() == DIALOGUES_PER_PART || bytes >= limits.dialogue_bytes {
                break;
            }
        }
        if dialogues.is_empty() {
            *open = None;
        } else {
            return Ok(Some(Part { file: file.clone(), dialogues }));
        }
    }
}
