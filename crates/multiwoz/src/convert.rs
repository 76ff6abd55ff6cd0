//! Dialogues of any source written in any layout that we have, some at a time. What the form of a dialogue is in each layout is in
//! `forms.rs`.

use crate::fingerprint::Fingerprint;
use crate::schema_guided::{SCHEMA, file_name};
use crate::tree::Node;
use crate::write::{DIALOGUES_PER_FILE, ListFile};
use crate::{DataError, Dialogue, Source, Split, Writing, forms, staging, transcripts, whole_path};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

const DATA_JSON: &str = "data.json";
const LINES: [(Split, &str); 3] =
    [(Split::Train, "train.jsonl"), (Split::Dev, "dev.jsonl"), (Split::Test, "test.jsonl")];
const LISTS: [(Split, &str); 2] = [(Split::Dev, "valListFile.json"), (Split::Test, "testListFile.json")];
/// Files that are written beside the folders of splits and their schema.
pub(crate) const FILES: [&str; 6] = [DATA_JSON, LISTS[0].1, LISTS[1].1, LINES[0].1, LINES[1].1, LINES[2].1];

/// A layout to write.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Target {
    /// That of MultiWOZ 2.2, which holds everything.
    SchemaGuided,
    /// That of MultiWOZ 2.0 and 2.1: `data.json` with a list for dev and one for test.
    DataJson,
    /// `{"turns":[{"speaker","text"}]}` a line.
    Turns,
    /// `{"messages":[{"role","content"}]}` a line.
    Messages,
}

/// What was written.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Converted {
    /// Dialogues by split.
    pub dialogues: BTreeMap<Split, usize>,
    /// What the layout can't hold, and how many dialogues had it.
    pub lost: BTreeMap<&'static str, usize>,
}

impl Target {
    /// All of them.
    pub const ALL: [Target; 4] = [Target::SchemaGuided, Target::DataJson, Target::Turns, Target::Messages];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Target::SchemaGuided => "schema-guided",
            Target::DataJson => "data-json",
            Target::Turns => "turns",
            Target::Messages => "messages",
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// Writes all dialogues of a source to `out`: a folder, or for [`Target::Turns`] and [`Target::Messages`] also a single file, if the
/// name ends in `.jsonl`. It appears when all of it is written. `force` replaces a file, or a folder of nothing but what this writes.
///
/// # Errors
/// If anything can't be read, or a dialogue can't be written so; if something is at `out` already, or it lies within the data.
pub fn convert(source: &Source, target: Target, out: &Path, force: bool) -> Result<Converted, DataError> {
    convert_with(source, target, out, &Writing::new(force))
}

/// As [`convert()`], told of temporary folders.
///
/// # Errors
/// As [`convert()`].
pub fn convert_with(source: &Source, target: Target, out: &Path, writing: &Writing) -> Result<Converted, DataError> {
    refuse_overlap(source, out)?;
    let is_file = out.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("jsonl"));
    let mut conversion = Conversion { source, target, converted: Converted::default() };
    match (target, is_file) {
        (Target::Turns | Target::Messages, true) => staging::file(out, writing, |path| conversion.single_file(path))?,
        (_, true) => {
            return Err(DataError::NotAFolder { path: out.to_owned(), layout: target.name() });
        }
        (Target::SchemaGuided, _) => staging::folder(out, writing, |folder| conversion.schema_guided(folder))?,
        (Target::DataJson, _) => staging::folder(out, writing, |folder| conversion.data_json(folder))?,
        (Target::Turns | Target::Messages, _) => staging::folder(out, writing, |folder| conversion.lines(folder))?,
    }
    Ok(conversion.converted)
}

struct Conversion<'a> {
    source: &'a Source,
    target: Target,
    converted: Converted,
}

impl Conversion<'_> {
    /// Every dialogue of a split.
    fn each(
        &mut self,
        split: Split,
        write: &mut dyn FnMut(Dialogue) -> Result<Vec<&'static str>, DataError>,
    ) -> Result<(), DataError> {
        let mut count = 0;
        for part in self.source.parts(split)? {
            for dialogue in part?.dialogues {
                count += 1;
                for what in write(dialogue)? {
                    *self.converted.lost.entry(what).or_default() += 1;
                }
            }
        }
        self.converted.dialogues.insert(split, count);
        Ok(())
    }

    fn single_file(&mut self, path: &Path) -> Result<(), DataError> {
        let mut file = LinesFile::create(path)?;
        let target = self.target;
        for split in self.source.splits() {
            self.each(split, &mut |dialogue| file.push(target, &dialogue))?;
        }
        // Splits that we made ourselves are made again by whoever reads the file.
        let total: usize = self.converted.dialogues.values().sum();
        let is_one = self.converted.dialogues.values().filter(|count| **count > 0).count() < 2;
        if !self.source.is_dealt() && !is_one {
            self.converted.lost.insert(forms::SPLITS, total);
        }
        file.finish()
    }

    fn lines(&mut self, folder: &Path) -> Result<(), DataError> {
        let target = self.target;
        for (split, name) in LINES {
            if self.source.splits().contains(&split) {
                let mut file = LinesFile::create(&folder.join(name))?;
                self.each(split, &mut |dialogue| file.push(target, &dialogue))?;
                file.finish()?;
            }
        }
        Ok(())
    }

    fn schema_guided(&mut self, folder: &Path) -> Result<(), DataError> {
        for split in self.source.splits() {
            let path = folder.join(split.name());
            fs::create_dir(&path).map_err(DataError::file("create", &path))?;
            let mut files = 0;
            let mut open: Option<ListFile> = None;
            self.each(split, &mut |dialogue| {
                if let Some(full) = open.take_if(|file| file.count() == DIALOGUES_PER_FILE) {
                    full.finish()?;
                }
                if open.is_none() {
                    files += 1;
                    open = Some(ListFile::create(path.join(file_name(files)), '[', ']')?);
                }
                if let Some(file) = &mut open {
                    file.push("", &dialogue)?;
                }
                Ok(Vec::new())
            })?;
            match open {
                Some(file) => file.finish()?,
                // An empty split stays one.
                None => ListFile::create(path.join(file_name(1)), '[', ']')?.finish()?,
            }
        }
        self.copy_schemas(folder)
    }

    /// Descriptions of slots, where the source has such files: beside its splits, or in their folders.
    fn copy_schemas(&self, folder: &Path) -> Result<(), DataError> {
        let mut places = vec![(self.source.data_folder(), folder.to_owned())];
        for split in self.source.splits() {
            let first = self.source.files().iter().find(|file| file.splits() == [split]);
            let parent = first.and_then(|file| file.file.folder()).filter(|_| self.source.layout() == "schema-guided");
            places.push((parent, folder.join(split.name())));
        }
        for (from, to) in places {
            let nodes = from.map(|tree| tree.nodes()).transpose()?.unwrap_or_default();
            for (name, node) in nodes {
                if let (SCHEMA, Node::File(file)) = (name.as_str(), node) {
                    let to = to.join(SCHEMA);
                    let fail = DataError::file("write", &to);
                    let mut written = File::create(&to).map_err(&fail)?;
                    io::copy(&mut file.read(self.source.limits())?, &mut written).map_err(&fail)?;
                    written.sync_all().map_err(&fail)?;
                }
            }
        }
        Ok(())
    }

    fn data_json(&mut self, folder: &Path) -> Result<(), DataError> {
        let mut data = ListFile::create(folder.join(DATA_JSON), '{', '}')?;
        let mut seen = BTreeSet::new();
        for split in self.source.splits() {
            let name = LISTS.iter().find(|(of, _)| *of == split).map(|(_, name)| *name);
            let mut list = name.map(|name| ListFile::create(folder.join(name), '[', ']')).transpose()?;
            self.each(split, &mut |dialogue| {
                let id = dialogue.id.as_str();
                // Of dialogues without ids those of two files may have been given the same.
                let with_split = format!("{id} of {split}");
                let mut is_new = |id: &str| {
                    let bare = id.strip_suffix(".json").unwrap_or(id);
                    seen.insert(Fingerprint::of_bytes(bare.bytes()))
                };
                let id = if is_new(id) {
                    id
                } else if transcripts::is_number(id) && is_new(&with_split) {
                    &with_split
                } else {
                    let problem =
                        "another dialogue has the same id, and of the two a data.json would keep one: rename it";
                    return Err(forms::unwritable(&dialogue, None, problem.to_owned()));
                };
                let form = forms::logged(&dialogue)?;
                data.push(&format!("{}: ", serde_json::Value::from(id)), &form)?;
                if let Some(list) = &mut list {
                    list.push("", &id)?;
                }
                forms::lost(&dialogue, form)
            })?;
            if let Some(list) = list {
                list.finish()?;
            }
        }
        data.finish()
    }
}

/// A dialogue a line.
struct LinesFile {
    path: PathBuf,
    writer: BufWriter<File>,
}

impl LinesFile {
    fn create(path: &Path) -> Result<Self, DataError> {
        let file = File::create_new(path).map_err(DataError::file("write", path))?;
        Ok(Self { path: path.to_owned(), writer: BufWriter::new(file) })
    }

    fn push(&mut self, target: Target, dialogue: &Dialogue) -> Result<Vec<&'static str>, DataError> {
        match target {
            Target::Messages => self.line(dialogue, &forms::messages(dialogue)),
            _ => self.line(dialogue, &forms::turns(dialogue)),
        }
    }

    fn line(&mut self, dialogue: &Dialogue, form: &impl Serialize) -> Result<Vec<&'static str>, DataError> {
        let fail = DataError::file("write", &self.path);
        serde_json::to_writer(&mut self.writer, form).map_err(|error| fail(error.into()))?;
        self.writer.write_all(b"\n").map_err(&fail)?;
        let value = serde_json::to_value(form).map_err(|error| fail(error.into()))?;
        forms::lost(dialogue, value)
    }

    fn finish(self) -> Result<(), DataError> {
        let fail = DataError::file("write", &self.path);
        let file = self.writer.into_inner().map_err(|error| fail(error.into_error()))?;
        file.sync_all().map_err(&fail)
    }
}

/// What is written must not lie within what is read, nor replace it.
fn refuse_overlap(source: &Source, out: &Path) -> Result<(), DataError> {
    let Ok(data) = dunce::canonicalize(source.path()) else { return Ok(()) };
    if source.files().is_empty() {
        return Ok(());
    }
    let Some(whole) = whole_path(out) else { return Ok(()) };
    if whole.starts_with(&data) || data.starts_with(&whole) {
        return Err(DataError::WithinData { path: out.to_owned(), data: source.path().to_owned() });
    }
    Ok(())
}
