//! What `--data` names: MultiWOZ, own dialogues, a text file or the sample; and where MultiWOZ is looked for when nothing is
//! named. Reading dialogues is `multiwoz`'s, cutting text into splits is `trainer`'s.

use crate::folders;
use crate::machine;
use crate::progress::reading;
use crate::quantities::Bytes;
use anyhow::{Context, bail};
use reformer_multiwoz::{Duplicates, Source, Split};
use reformer_session::{Speaker, StoredPath, Tokenizer};
use reformer_trainer::Corpus;
use serde::Deserialize;
use serde_json::{Value, json};
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

/// The folder of MultiWOZ 2.2 below the folder for data.
const MULTIWOZ: &str = "multiwoz-2.2";
/// Names the folder for data, or that of MultiWOZ itself, before the platform's.
const VARIABLE: &str = "REFORMER_DATA";
/// In a run's config, whether train is without what occurs in dev or test; not there, where it isn't.
const EXCLUDE: &str = "exclude_duplicates";
/// What `--data` calls the embedded corpus.
const SAMPLE: &str = "sample";
/// Files that hold other files and are not looked into: as bytes they would be learned, to no one's use.
const ARCHIVES: [&str; 6] = ["tar", "gz", "tgz", "xz", "7z", "zst"];

/// Bytes of memory for a byte of a text file: itself, its token of four bytes, whether that is scored, and some to work with.
const TEXT_MEMORY: u64 = 8;

/// Turns of a dialogue as the tokenizer takes them.
type Turns = Vec<(Speaker, String)>;

/// Data that was found.
#[derive(Clone, Debug)]
pub enum Material {
    /// Dialogues in splits.
    Dialogues(Source),
    /// A text file.
    Text(PathBuf),
}

/// The texts of the splits that training needs.
pub enum Texts {
    /// Dialogues to train on and to validate on.
    Dialogues {
        train: Vec<Turns>,
        dev: Vec<Turns>,
        /// How many were left out of train, if they were to be.
        left_out: Option<usize>,
    },
    /// All bytes of a text file.
    Bytes(Vec<u8>),
}

impl Material {
    /// What was named.
    ///
    /// # Errors
    /// If it isn't there, or isn't of a kind that is known.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        // As text: a path that names the folder `sample/` is another one.
        if path.as_os_str() == SAMPLE {
            return Ok(Self::Dialogues(Source::sample()));
        }
        let name = path.display();
        let kind = fs::metadata(path).with_context(|| {
            format!(
                "--data {name}: cannot read it; name a folder, a .zip or a .json file of MultiWOZ or of another \
                 schema-guided set, a .jsonl file of own dialogues, a text file, or `sample`"
            )
        })?;
        if !kind.is_dir() && !kind.is_file() {
            bail!(
                "--data {name}: it is a pipe, a socket or a device, whose end may never come: name a folder or a file"
            );
        }
        // Runs remember where their data is, whatever folder they are used from.
        let path = dunce::canonicalize(path).with_context(|| format!("--data {name}: cannot find where it lies"))?;
        let extension = path.extension().map(|extension| extension.to_string_lossy().to_ascii_lowercase());
        match extension.as_deref() {
            _ if kind.is_dir() => {}
            Some("json" | "jsonl" | "zip") => {}
            Some(extension) if ARCHIVES.contains(&extension) => {
                bail!("--data {name}: of archives only .zip is read: unpack it, and name the folder or the file")
            }
            _ => return Ok(Self::Text(path)),
        }
        Ok(Self::Dialogues(Source::open(&path)?))
    }

    /// What is at hand when nothing was named: MultiWOZ where it is, else the sample.
    pub fn at_hand() -> Self {
        let multiwoz = places().into_iter().find_map(|place| Source::open(place).ok());
        Self::Dialogues(multiwoz.unwrap_or_else(Source::sample))
    }

    /// The data section of a run's config.
    pub fn section(&self, exclude_duplicates: bool) -> Value {
        let mut section = json!({ "path": StoredPath::from(self.path()), "layout": self.layout() });
        if exclude_duplicates {
            section[EXCLUDE] = Value::Bool(true);
        }
        section
    }

    /// Whether a run's config says that duplicates are left out.
    pub fn excludes_duplicates(section: &Value) -> bool {
        section[EXCLUDE] == true
    }

    /// What a run's config says of its data.
    ///
    /// # Errors
    /// If it isn't there any more.
    pub fn of_section(section: &Value) -> anyhow::Result<Self> {
        let path = StoredPath::deserialize(&section["path"])
            .context("the run's config.json has no `data.path`: name data with --data PATH")?;
        Self::open(&path).context("the run's own data is not there any more; --data PATH names other data")
    }

    /// Where it is; `sample` for the sample.
    pub fn path(&self) -> &Path {
        match self {
            Self::Dialogues(source) => source.path(),
            Self::Text(path) => path,
        }
    }

    /// Whether its splits are ours, and were not published with it: own dialogues in one file, and texts.
    pub fn is_own(&self) -> bool {
        match self {
            Self::Dialogues(source) => source.is_dealt(),
            Self::Text(_) => true,
        }
    }

    /// See [`Source::layout`]; `text` for a text file.
    pub fn layout(&self) -> &'static str {
        match self {
            Self::Dialogues(source) => source.layout(),
            Self::Text(_) => "text",
        }
    }

    /// Whether it is the embedded sample.
    pub fn is_sample(&self) -> bool {
        self.layout() == SAMPLE
    }

    /// Reads what training needs; without dialogues of train that occur in dev or test, if so asked.
    ///
    /// # Errors
    /// The first thing that is wrong with the data.
    pub fn read(&self, exclude_duplicates: bool) -> anyhow::Result<Texts> {
        match self {
            Self::Dialogues(source) => {
                let (train, left_out) = turns_without(source, Split::Train, exclude_duplicates)?;
                Ok(Texts::Dialogues { train, dev: turns(source, Split::Dev)?, left_out })
            }
            Self::Text(path) => {
                refuse_to_exclude(path, exclude_duplicates)?;
                Ok(Texts::Bytes(read_text(path)?))
            }
        }
    }

    /// The texts of one split, without dialogues that occur in train (of train: in dev or test), if so asked.
    ///
    /// # Errors
    /// The first thing that is wrong with the data.
    pub fn split(&self, split: Split, exclude_duplicates: bool) -> anyhow::Result<SplitTexts> {
        match self {
            Self::Dialogues(source) => {
                let (turns, left_out) = turns_without(source, split, exclude_duplicates)?;
                Ok(SplitTexts::Dialogues { turns, left_out })
            }
            Self::Text(path) => {
                refuse_to_exclude(path, exclude_duplicates)?;
                let text = read_text(path)?;
                let [train, dev, test] = Corpus::parts_of_text(&text);
                let part = match split {
                    Split::Train => train,
                    Split::Dev => dev,
                    Split::Test => test,
                };
                Ok(SplitTexts::Bytes(part.to_vec()))
            }
        }
    }
}

/// The texts of one split.
pub enum SplitTexts {
    /// Dialogues, and how many were left out since they occur elsewhere, if they were to be.
    Dialogues { turns: Vec<Turns>, left_out: Option<usize> },
    /// The bytes of a part of a text.
    Bytes(Vec<u8>),
}

impl Texts {
    /// As tokens.
    ///
    /// # Errors
    /// If the tokenizer fails.
    pub fn encode(self, tokenizer: &Tokenizer) -> anyhow::Result<Corpus> {
        match self {
            Self::Dialogues { train, dev, .. } => Ok(Corpus::from_dialogues(tokenizer, &train, &dev, &[])?),
            Self::Bytes(text) => Ok(Corpus::from_text(&text)),
        }
    }

    /// `2,700 dialogues for training, 1.91 MiB of text`: what there is to learn from.
    pub fn describe(&self) -> String {
        match self {
            Self::Dialogues { train, left_out, .. } => {
                let bytes = train.iter().flatten().map(|(_, text)| text.len() as u64).sum();
                let without = left_out
                    .map(|count| format!(", without {count} that occur in dev or test too"))
                    .unwrap_or_default();
                format!("{} dialogues to train on, {} of text{without}", train.len(), Bytes(bytes))
            }
            Self::Bytes(text) => {
                format!("{} of text, the first 90 % to train on", Bytes(text.len() as u64))
            }
        }
    }
}

/// Where MultiWOZ is looked for, the first place first: there it is fetched to.
pub fn places() -> Vec<PathBuf> {
    match env::var_os(VARIABLE) {
        Some(folder) => vec![Path::new(&folder).join(MULTIWOZ), PathBuf::from(folder)],
        None => folders::data().map(|folder| folder.join(MULTIWOZ)).into_iter().collect(),
    }
}

/// The turns of a split, without dialogues that occur elsewhere, if so asked, and how many these are.
fn turns_without(source: &Source, split: Split, exclude: bool) -> anyhow::Result<(Vec<Turns>, Option<usize>)> {
    let all = turns(source, split)?;
    if !exclude {
        return Ok((all, None));
    }
    let left_out = Duplicates::find(source)?.left_out(split);
    if left_out.len() == all.len() {
        bail!("--exclude-duplicates: every dialogue of {split} occurs in another split, so nothing is left of it");
    }
    let kept = all.into_iter().enumerate().filter(|(at, _)| !left_out.contains(at)).map(|(_, turns)| turns);
    Ok((kept.collect(), Some(left_out.len())))
}

fn refuse_to_exclude(path: &Path, exclude: bool) -> anyhow::Result<()> {
    if exclude {
        bail!("--exclude-duplicates: {} is a text file and has no dialogues; leave the option out", path.display());
    }
    Ok(())
}

/// The texts of a split. What else is known of its dialogues is dropped as it is read.
fn turns(source: &Source, split: Split) -> anyhow::Result<Vec<Turns>> {
    let turn = |turn: reformer_multiwoz::Turn| {
        let speaker = match turn.speaker {
            reformer_multiwoz::Speaker::User => Speaker::User,
            reformer_multiwoz::Speaker::System => Speaker::System,
        };
        (speaker, turn.utterance)
    };
    let bar = reading(&format!("reading {split}"));
    let mut dialogues: Vec<Turns> = Vec::new();
    for part in source.parts(split)? {
        dialogues.extend(part?.dialogues.into_iter().map(|dialogue| dialogue.turns.into_iter().map(turn).collect()));
        bar.set_position(dialogues.len() as u64);
    }
    bar.finish_and_clear();
    if dialogues.is_empty() { Err(source.empty(split).into()) } else { Ok(dialogues) }
}

fn read_text(path: &Path) -> anyhow::Result<Vec<u8>> {
    let length = fs::metadata(path).map_or(0, |metadata| metadata.len());
    let free = machine::free_bytes();
    if length > free / TEXT_MEMORY {
        bail!(
            "the text file {} has {}, and learning from it takes {TEXT_MEMORY} times as much memory, of which {} are free: \
             name a part of it",
            path.display(),
            Bytes(length),
            Bytes(free)
        );
    }
    let text = fs::read(path).with_context(|| format!("cannot read the text file {}", path.display()))?;
    if text.is_empty() {
        bail!("the text file {} is empty: name one with text", path.display());
    }
    Ok(text)
}

/// A text file is cut as bytes: other tokens would mean other text.
pub fn refuse_word_pieces(path: &Path, tokenizer: &Tokenizer) -> anyhow::Result<()> {
    if tokenizer.vocabulary() != Tokenizer::bytes().vocabulary() {
        bail!(
            "{}: a text file is read as bytes, and this run's tokenizer knows {}: name dialogues with --data",
            path.display(),
            tokenizer.kind()
        );
    }
    Ok(())
}
