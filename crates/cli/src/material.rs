//! What `--data` names: MultiWOZ, own dialogues, a text file, standard input or the sample; and where MultiWOZ is looked for when
//! nothing is named. Reading dialogues is `multiwoz`'s, cutting text into splits is `trainer`'s, how it is read says `handling.rs`.

use crate::folders;
use crate::handling::{BYTES, EXCLUDE, Handling, PERCENT, SALT, TEXT, TextKind};
use crate::output::note;
use crate::progress::reading;
use crate::spool::{STANDARD_INPUT, Spool};
use crate::text_file::{OR_BYTES, bytes_of, or_bytes};
use crate::texts::{Examples, SplitTexts, Texts, Turns};
use crate::train_arguments::TrainingData;
use crate::typed::{SAMPLE, program, typed};
use anyhow::{Context, bail};
use reformer_multiwoz::{Dealing, Duplicates, NameSays, Reading, Source, Split, read_text};
use reformer_session::{Speaker, StoredPath};
use reformer_trainer::Corpus;
use serde::Deserialize;
use serde_json::{Value, json};
use std::env;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The folder of MultiWOZ 2.2 below the folder for data.
const MULTIWOZ: &str = "multiwoz-2.2";
/// Names the folder for data, or that of MultiWOZ itself, before the platform's.
const VARIABLE: &str = "REFORMER_DATA";
/// Files that are named where some aren't read.
const MOST_NAMED: usize = 5;

/// Data that was found.
#[derive(Clone, Debug)]
pub struct Material {
    what: What,
    handling: Handling,
    /// Where standard input is kept, if it came from there.
    spool: Option<Arc<Spool>>,
}

#[derive(Clone, Debug)]
enum What {
    /// Dialogues in splits.
    Dialogues(Source),
    /// A file that holds none, and is learned as [`Handling::text`] says.
    Text(PathBuf),
}

impl Material {
    /// What was named.
    ///
    /// # Errors
    /// If it isn't there, or isn't of a kind that is known.
    pub fn open(path: &Path, handling: &Handling) -> anyhow::Result<Self> {
        // As text: a path that names the folder `sample/` is another one.
        if path.as_os_str() == SAMPLE {
            if handling.text == TextKind::Bytes {
                bail!(
                    "--bytes, of this command or of the run's beginning: `sample` is the embedded corpus, of dialogues; a file \
                     of that name is ./sample"
                );
            }
            return Ok(Self::sample());
        }
        if path.as_os_str() == STANDARD_INPUT {
            let spool = Spool::read(handling.text == TextKind::Bytes)?;
            let found = Self::open(spool.path(), handling).map_err(|error| spool.say_error(error))?;
            return Ok(Self { spool: Some(Arc::new(spool)), ..found });
        }
        let name = path.display();
        let kind = fs::metadata(path).with_context(|| {
            format!(
                "--data {name}: cannot read it; name a folder, a .zip or a .json file of MultiWOZ or of another \
                 schema-guided set, a .jsonl or .json file of own dialogues, a text file, `-` or `sample`"
            )
        })?;
        if !kind.is_dir() && !kind.is_file() {
            bail!(
                "--data {name}: it is a pipe, a socket or a device, whose end may never come: name a folder or a file, or \
                 let `--data -` read standard input"
            );
        }
        // Runs remember where their data is, whatever folder they are used from.
        let path = dunce::canonicalize(path).with_context(|| format!("--data {name}: cannot find where it lies"))?;
        let says = if kind.is_dir() { NameSays::Dialogues } else { NameSays::of(&path) };
        let dealing = &handling.dealing;
        let what = match handling.text {
            TextKind::Bytes if kind.is_dir() => bail!(
                "--bytes, of this command or of the run's beginning: {name} is a folder, and has no bytes: name a file"
            ),
            TextKind::Bytes | TextKind::AsLearned if kind.is_file() => What::Text(path),
            _ if says == NameSays::Dialogues => {
                What::Dialogues(Source::open_with(&path, &Reading { dealing: dealing.clone(), ..Reading::default() })?)
            }
            _ if says == NameSays::Archive => bail!(
                "--data {name}: of archives only .zip is read, and .gz of a single file: unpack it, and name the folder or \
                 the file{}",
                if handling.can_take_bytes { OR_BYTES } else { "" }
            ),
            _ => {
                // A look at its first bytes.
                read_text(&path, 0).map_err(|error| or_bytes(error, handling))?;
                What::Text(path)
            }
        };
        let found = Self { what, handling: handling.clone(), spool: None };
        if found.handling.dealing == Dealing::ByLine && found.is_dealt() {
            note(format_args!(
                "warning: this run's splits of {name} go by line number, since it was begun when that was the rule: what is \
                 trained on and what is measured on depends on the order of its lines; a new run goes by what they say"
            ));
        }
        Ok(found)
    }

    /// What is at hand when nothing was named: MultiWOZ where it is, else the sample.
    pub fn at_hand() -> Self {
        let multiwoz = places().into_iter().find_map(|place| Source::open(place).ok());
        multiwoz.map_or_else(Self::sample, Self::of_source)
    }

    fn sample() -> Self {
        Self::of_source(Source::sample())
    }

    fn of_source(source: Source) -> Self {
        Self { what: What::Dialogues(source), handling: Handling::default(), spool: None }
    }

    /// The data section of a run's config.
    pub fn section(&self, exclude_duplicates: bool) -> Value {
        let mut section = json!({ "path": StoredPath::from(self.path()), "layout": self.layout() });
        if exclude_duplicates {
            section[EXCLUDE] = Value::Bool(true);
        }
        if let (What::Dialogues(source), Dealing::ByText { salt, test_percent }) = (&self.what, &self.handling.dealing)
            && source.is_own()
        {
            section[SALT] = json!(salt);
            section[PERCENT] = json!(test_percent);
        }
        if let (What::Text(_), TextKind::Bytes) = (&self.what, self.handling.text) {
            section[BYTES] = Value::Bool(true);
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
    /// If it isn't there any more, or isn't what it was.
    pub fn of_section(section: &Value) -> anyhow::Result<Self> {
        let path = StoredPath::deserialize(&section["path"])
            .context("the run's config.json has no `data.path`: name data with --data PATH")?;
        if path.as_os_str() == STANDARD_INPUT {
            bail!(
                "the run learned from standard input, which nobody keeps: name the same data with --data PATH, or pipe it \
                 in again with --data -"
            );
        }
        let opened = Self::open(&path, &Handling::as_learned(section)?);
        if path.as_os_str() != SAMPLE && fs::metadata(&*path).is_err_and(|error| error.kind() == ErrorKind::NotFound) {
            return opened.context("the run's own data is not there any more; --data PATH names other data");
        }
        opened
    }

    /// Whether it is somebody's own and no published set: dialogues in a form for own ones, or a text.
    pub fn is_own(&self) -> bool {
        self.source().is_none_or(Source::is_own)
    }

    /// The dialogues; none of a text.
    pub fn source(&self) -> Option<&Source> {
        match &self.what {
            What::Dialogues(source) => Some(source),
            What::Text(_) => None,
        }
    }

    /// Where it is; `sample` for the sample, `-` for standard input.
    pub fn path(&self) -> &Path {
        match &self.what {
            _ if self.spool.is_some() => Path::new(STANDARD_INPUT),
            What::Dialogues(source) => source.path(),
            What::Text(path) => path,
        }
    }

    /// See [`Source::layout`]; `text` for a text file, `bytes` for one that is learned whatever it is.
    pub fn layout(&self) -> &'static str {
        match &self.what {
            What::Dialogues(source) => source.layout(),
            What::Text(_) if self.handling.text == TextKind::Bytes => BYTES,
            What::Text(_) => TEXT,
        }
    }

    /// Whether it is the embedded sample.
    pub fn is_sample(&self) -> bool {
        self.layout() == SAMPLE
    }

    /// Whether its splits are made by us: those of own dialogues in one file.
    pub fn is_dealt(&self) -> bool {
        self.source().is_some_and(Source::is_dealt)
    }

    /// Reads what training needs; without dialogues of train that occur in dev or test, if so asked.
    ///
    /// # Errors
    /// The first thing that is wrong with the data.
    pub fn read(&self, exclude_duplicates: bool) -> anyhow::Result<Texts> {
        self.read_all(exclude_duplicates).map_err(|error| self.say_error(error))
    }

    fn read_all(&self, exclude_duplicates: bool) -> anyhow::Result<Texts> {
        self.tell_unread();
        match &self.what {
            What::Dialogues(source) => {
                let (train, left_out) = turns_without(source, Split::Train, exclude_duplicates)?;
                let dev = if source.splits().contains(&Split::Dev) { turns(source, Split::Dev)? } else { Vec::new() };
                if dev.is_empty() {
                    note(format_args!(
                        "{} has no dialogues for dev, so nothing is evaluated while it trains",
                        self.path().display()
                    ));
                }
                Ok(Texts::Dialogues { train, dev, left_out })
            }
            What::Text(path) => {
                self.refuse_to_exclude(exclude_duplicates)?;
                Ok(Texts::Bytes(bytes_of(path, &self.handling)?))
            }
        }
    }

    /// What there is of one split, without dialogues that occur in train (of train: in dev or test), if so asked.
    ///
    /// # Errors
    /// The first thing that is wrong with the data; if there is nothing of the split.
    pub fn examples(&self, split: Split, exclude_duplicates: bool) -> anyhow::Result<Examples> {
        self.examples_of(split, exclude_duplicates).map_err(|error| self.say_error(error))
    }

    fn examples_of(&self, split: Split, exclude_duplicates: bool) -> anyhow::Result<Examples> {
        self.tell_unread();
        let (texts, left_out) = match &self.what {
            What::Dialogues(source) => {
                let (turns, left_out) = turns_without(source, split, exclude_duplicates)?;
                (SplitTexts::Dialogues(turns), left_out)
            }
            What::Text(path) => {
                self.refuse_to_exclude(exclude_duplicates)?;
                let text = bytes_of(path, &self.handling)?;
                let [train, dev, test] = Corpus::cut_text(&text);
                let part = match split {
                    Split::Train => train,
                    Split::Dev => dev,
                    Split::Test => test,
                };
                if part.is_empty() {
                    bail!(
                        "{} has {} bytes, which leave none for {split}: name a longer text, or another --split",
                        self.path().display(),
                        text.len()
                    );
                }
                (SplitTexts::Bytes(part.to_vec()), None)
            }
        };
        let is_dealt = self.is_dealt() || self.source().is_none();
        Ok(Examples { texts, left_out, is_dealt, path: self.path().to_owned() })
    }

    /// A message about it, in which standard input is called so: see [`Spool::say`].
    pub fn say(&self, message: String) -> String {
        match &self.spool {
            Some(spool) => spool.say(&message),
            None => message,
        }
    }

    /// An error about it, likewise.
    pub fn say_error(&self, error: anyhow::Error) -> anyhow::Error {
        match &self.spool {
            Some(spool) => spool.say_error(error),
            None => error,
        }
    }

    /// Refuses options that mean nothing for this data.
    ///
    /// # Errors
    /// Such an option, with the reason.
    pub fn refuse_unused(&self, options: &TrainingData) -> anyhow::Result<()> {
        let path = self.path().display();
        if options.bytes && self.source().is_some() {
            bail!("--bytes: {path} holds dialogues: name a file with --data FILE");
        }
        let given = [("--split-salt", options.split_salt.is_some()), ("--test-share", options.test_share.is_some())];
        match given.into_iter().find(|(_, is_given)| *is_given) {
            Some((option, _)) if !self.is_dealt() => {
                let why = if self.source().is_some() { "has splits of its own" } else { "is cut in order" };
                bail!(
                    "{option}: {path} ({}) {why}; the option is for own dialogues in one file, leave it out",
                    self.layout()
                )
            }
            _ => Ok(()),
        }
    }

    /// Names files that hold dialogues, lie in the data's folder, and aren't read.
    pub fn tell_unread(&self) {
        let Some(Ok(unread)) = self.source().map(Source::unread) else { return };
        let files = unread.dialogues;
        if files.is_empty() {
            return;
        }
        let within = |file: &PathBuf| file.strip_prefix(self.path()).unwrap_or(file).display().to_string();
        let names: Vec<String> = files.iter().take(MOST_NAMED).map(within).collect();
        let more = match files.len().saturating_sub(MOST_NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let of_folder = self.path().display();
        let what = match files.len() {
            1 => format!("a file with dialogues in {of_folder} is not read"),
            count => format!("{count} files with dialogues in {of_folder} are not read"),
        };
        note(format_args!(
            "warning: {what}: {}{more}; `{} data check --data {}` says what to do",
            names.join(", "),
            program(),
            typed(self.path())
        ));
    }

    fn refuse_to_exclude(&self, exclude: bool) -> anyhow::Result<()> {
        if exclude {
            bail!(
                "--exclude-duplicates: {} is a text file and has no dialogues; leave the option out",
                self.path().display()
            );
        }
        Ok(())
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
    if all.is_empty() {
        return Err(source.empty(split).into());
    }
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

/// The texts of a split, which may be empty. What else is known of its dialogues is dropped as it is read.
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
    Ok(dialogues)
}
