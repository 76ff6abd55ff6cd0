//! Looking for everything that is wrong with data, instead of stopping at the first. Counting is in `stats.rs`.

use crate::dialogue_file::{DialogueFile, Splitting};
use crate::error::shorten;
use crate::fingerprint::Fingerprint;
use crate::split_lists::{SplitLists, bare};
use crate::{DataError, Dialogue, SlotValue, Source, Speaker, Split, Turn, schema_guided, transcripts};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

/// Flaws that are described; further ones are counted, so that a file that is nothing but flaws takes no more memory.
const DESCRIBED: usize = 10_000;
/// Flaws after which nothing more is looked at: an archive of some megabytes can hold a thousand times as many.
const COUNTED: usize = 1_000_000;

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
/// span that lies outside the utterance, a value in `metadata` that is neither a text nor a list of texts, a number that is
/// missing among the files, a file without dialogues, an id in a list of a split that no dialogue has, and an empty or
/// missing split. Unreadable is also whatever in the folder or the archive holds dialogues and isn't read. After 10,000 flaws further ones are only counted, in a last one; after a
/// million no more is read.
pub fn check(path: impl AsRef<Path>) -> Vec<Flaw> {
    match Source::open(path) {
        Ok(source) => check_source(&source),
        Err(error) => vec![unreadable(Path::new(""), &error)],
    }
}

/// As [`check`], for a source that is open.
pub fn check_source(source: &Source) -> Vec<Flaw> {
    let mut checker = Checker::default();
    let mut numbers = BTreeMap::new();
    for file in source.files() {
        if checker.is_given_up() {
            break;
        }
        checker.number(&mut numbers, file);
        checker.file(source, file);
    }
    if source.files().is_empty() {
        for split in Split::ALL {
            match source.split(split) {
                Ok(dialogues) => dialogues.iter().for_each(|dialogue| checker.dialogue(split, source.path(), dialogue)),
                Err(error) => checker.add(unreadable(source.path(), &error)),
            }
        }
    }
    let is_dealt = source.files().iter().any(|file| matches!(file.splitting, Splitting::Dealt(_)));
    for split in Split::ALL {
        let what = if !source.splits().contains(&split) {
            format!("there are no files for {split}: {}", source.why_missing(split))
        } else if !is_dealt && !checker.dialogues.contains_key(&split) {
            format!("no dialogue of {split} can be read")
        } else {
            continue;
        };
        checker.suspect(source.path(), None, None, what);
    }
    checker.unread(source);
    checker.finish(source.path())
}

#[derive(Default)]
struct Checker {
    flaws: Vec<Flaw>,
    /// Flaws that are only counted: unreadable ones and others.
    further: [usize; 2],
    dialogues: BTreeMap<Split, usize>,
    /// Where each id was seen first.
    ids: BTreeMap<Fingerprint, PathBuf>,
    /// Where each text was seen first, with the dialogue's id, shortened.
    texts: BTreeMap<Fingerprint, (Split, String)>,
}

impl Checker {
    /// Whether a file's number is the one after that of the file before it in its split.
    fn number(&mut self, numbers: &mut BTreeMap<Split, u64>, file: &DialogueFile) {
        let (Splitting::One(split), Some(name)) = (&file.splitting, file.file.path().file_name()) else { return };
        let Some(number) = schema_guided::number_of(&name.to_string_lossy()) else { return };
        if numbers.insert(*split, number).is_some_and(|before| before.checked_add(1) != Some(number)) {
            let missing = "the file with the number before its own is missing, or a number occurs twice";
            self.suspect(file.file.path(), None, None, missing.to_owned());
        }
    }

    fn file(&mut self, source: &Source, file: &DialogueFile) {
        let path = file.file.path();
        let lists = match &file.splitting {
            Splitting::Listed(lists) => Some(lists),
            Splitting::One(_) | Splitting::Dealt(_) => None,
        };
        let mut ids = BTreeSet::new();
        let mut is_empty = true;
        let reading = match file.open(None, source.limits()) {
            Ok(reading) => reading,
            Err(error) => return self.add(unreadable(path, &error)),
        };
        for read in reading {
            is_empty = false;
            if self.is_given_up() {
                return;
            }
            match read.dialogue {
                Ok(dialogue) => {
                    if lists.is_some() && read.split != Split::Train {
                        ids.insert(bare(&dialogue.id).to_owned());
                    }
                    self.dialogue(read.split, path, &dialogue);
                }
                Err(error) => self.add(unreadable(path, &error)),
            }
        }
        if is_empty {
            self.suspect(path, None, None, "there are no dialogues in it".to_owned());
        }
        if let Some(lists) = lists {
            self.lists(lists, path, &ids);
        }
    }

    fn lists(&mut self, lists: &SplitLists, file: &Path, found: &BTreeSet<String>) {
        for (split, list) in lists.files() {
            for id in lists.missing(*split, found) {
                self.suspect(list, Some(id), None, format!("it is not in {}, or can't be read there", file.display()));
            }
        }
    }

    fn dialogue(&mut self, split: Split, file: &Path, dialogue: &Dialogue) {
        *self.dialogues.entry(split).or_default() += 1;
        let id = Some(dialogue.id.as_str());
        let name = Fingerprint::of_bytes(dialogue.id.bytes());
        if transcripts::is_number(&dialogue.id) {
            // No id, but the number of a line: each file has such a line.
        } else if let Some(first) = self.ids.get(&name) {
            let message = format!("the id occurs also in {}", first.display());
            self.suspect(file, id, None, message);
        } else {
            self.ids.insert(name, file.to_owned());
        }
        if dialogue.turns.is_empty() {
            return self.suspect(file, id, None, "there are no turns".to_owned());
        }
        let text = Fingerprint::of(dialogue);
        if let Some((other, first)) = self.texts.get(&text) {
            let message = format!("the text, of {split}, is that of dialogue {first} of {other}");
            self.suspect(file, id, None, message);
        } else {
            self.texts.insert(text, (split, shorten(&dialogue.id)));
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
                let message = format!("`turn_id` is {}, not {at}", shorten(&turn.turn_id));
                self.suspect(file, id, Some(at), message);
            }
            self.annotation(file, id, at, turn);
        }
    }

    fn annotation(&mut self, file: &Path, id: Option<&str>, at: usize, turn: &Turn) {
        let characters = turn.utterance.chars().count() as u64;
        for (number, frame) in turn.frames.iter().enumerate() {
            for (place, span) in frame.slots.iter().enumerate() {
                let (Some(start), Some(end)) = (span.start, span.exclusive_end) else { continue };
                if start > end || end > characters {
                    let field = format!("frame {number}: `slots[{place}]`");
                    let message =
                        format!("{field} is from {start} to {end}, and the utterance has {characters} characters");
                    self.suspect(file, id, Some(at), message);
                }
            }
        }
        for (domain, wanted) in turn.log.iter().flat_map(|log| &log.metadata) {
            for (part, slots) in [("semi", &wanted.semi), ("book", &wanted.book.slots)] {
                for (slot, value) in slots {
                    let SlotValue::Other(value) = value else { continue };
                    let field = shorten(&format!("metadata.{domain}.{part}.{slot}"));
                    let message =
                        format!("`{field}` is {}, neither a text nor a list of texts", shorten(&value.to_string()));
                    self.suspect(file, id, Some(at), message);
                }
            }
        }
    }

    /// What lies in the data's folder, holds dialogues and isn't read: to whoever looks at the rest, it is lost.
    fn unread(&mut self, source: &Source) {
        let unread = match source.unread() {
            Ok(unread) => unread,
            Err(error) => return self.add(unreadable(source.path(), &error)),
        };
        for file in unread.dialogues {
            let message = format!(
                "{}: it holds dialogues and is not read: rename it or its folder after its split (train, dev or test) if it \
                 belongs to the data, name it with --data by itself, or take it away",
                file.display()
            );
            self.add(Flaw { unreadable: true, file, dialogue: None, turn: None, message });
        }
        for (file, why) in &unread.opaque {
            let what = format!("it is not looked into, and may hold dialogues: {why}");
            self.suspect(file, None, None, what);
        }
        if unread.is_cut {
            let much = "it holds more files or deeper folders than are looked at, and there may be dialogues in them";
            self.suspect(source.path(), None, None, much.to_owned());
        }
    }

    fn suspect(&mut self, file: &Path, dialogue: Option<&str>, turn: Option<usize>, what: String) {
        let mut message = file.display().to_string();
        if let Some(dialogue) = dialogue {
            message += &format!(": dialogue {}", shorten(dialogue));
        }
        if let Some(turn) = turn {
            message += &format!(", turn {turn}");
        }
        message += &format!(": {what}");
        let dialogue = dialogue.map(str::to_owned);
        self.add(Flaw { unreadable: false, file: file.to_owned(), dialogue, turn, message });
    }

    fn add(&mut self, flaw: Flaw) {
        if self.flaws.len() < DESCRIBED {
            self.flaws.push(flaw);
        } else {
            self.further[usize::from(flaw.unreadable)] += 1;
        }
    }

    fn is_given_up(&self) -> bool {
        self.further.iter().sum::<usize>() >= COUNTED
    }

    fn finish(mut self, path: &Path) -> Vec<Flaw> {
        let [others, unreadable] = self.further;
        if others + unreadable > 0 {
            let rest = if self.is_given_up() { "; what comes after them was not looked at" } else { "" };
            let message = format!(
                "{}: {} further flaws are not described, of which {unreadable} make something unreadable{rest}",
                path.display(),
                others + unreadable
            );
            self.flaws.push(Flaw {
                unreadable: unreadable > 0,
                file: path.to_owned(),
                dialogue: None,
                turn: None,
                message,
            });
        }
        self.flaws
    }
}

fn unreadable(file: &Path, error: &DataError) -> Flaw {
    let place = match error {
        DataError::Field { place, .. } | DataError::TooLarge { place, .. } => Some(place),
        DataError::CutOff { place, .. } | DataError::Json { place, .. } => place.as_ref(),
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
