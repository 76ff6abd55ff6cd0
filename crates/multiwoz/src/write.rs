//! Writing the layout of MultiWOZ 2.2: everything or nothing. What is written comes from the caller; dialogues of a source are
//! written in other layouts too by `convert.rs`.

use crate::schema_guided::{SCHEMA, file_name, number_of};
use crate::{Corpus, DataError, Split, Writing, convert, staging};
use serde::Serialize;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// Dialogues of a file, as in the published data.
pub(crate) const DIALOGUES_PER_FILE: usize = 512;

/// Writes `corpus` to `folder` in the layout of MultiWOZ 2.2, each dialogue a line of its file, and `schema.json` beside
/// the splits if there is a schema. It is written to a temporary folder next to it first, which is renamed at the end, so
/// that `folder` is never half-written.
///
/// # Errors
/// [`DataError::NotEmpty`] if something is there already, an empty folder excepted; otherwise if the system refuses.
pub fn write(folder: &Path, corpus: &Corpus, schema: Option<&[ServiceSchema]>) -> Result<(), DataError> {
    write_with(folder, corpus, schema, &Writing::new(false))
}

/// As [`write()`]; where asked to, it replaces what this crate has written there before.
pub(crate) fn write_with(
    folder: &Path,
    corpus: &Corpus,
    schema: Option<&[ServiceSchema]>,
    writing: &Writing,
) -> Result<(), DataError> {
    staging::folder(folder, writing, |temporary| {
        for split in Split::ALL {
            let path = temporary.join(split.name());
            fs::create_dir(&path).map_err(DataError::file("create", &path))?;
            for (at, dialogues) in corpus.split(split).chunks(DIALOGUES_PER_FILE).enumerate() {
                write_list(path.join(file_name(at + 1)), dialogues)?;
            }
        }
        match schema {
            Some(schema) => write_list(temporary.join(SCHEMA), schema),
            None => Ok(()),
        }
    })
}

fn write_list<T: Serialize>(path: PathBuf, elements: &[T]) -> Result<(), DataError> {
    let mut list = ListFile::create(path, '[', ']')?;
    elements.iter().try_for_each(|element| list.push("", element))?;
    list.finish()
}

/// Whether this crate writes a file or a folder of this name, from the folder that it fills on.
pub(crate) fn is_written_by_us(name: &Path, is_folder: bool) -> bool {
    let (folder, file) = (name.parent().and_then(Path::to_str), name.file_name().and_then(|name| name.to_str()));
    let (Some(folder), Some(file)) = (folder, file) else { return false };
    let is_split = |name: &str| Split::ALL.iter().any(|split| split.name() == name);
    match (folder, is_folder) {
        ("", true) => is_split(file),
        ("", false) => file == SCHEMA || convert::FILES.contains(&file),
        (folder, false) => is_split(folder) && (file == SCHEMA || number_of(file).is_some()),
        (_, true) => false,
    }
}

/// A JSON list or object that is written element by element, each in a line.
pub(crate) struct ListFile {
    path: PathBuf,
    writer: BufWriter<File>,
    close: char,
    count: usize,
}

impl ListFile {
    pub(crate) fn create(path: PathBuf, open: char, close: char) -> Result<Self, DataError> {
        let mut writer = BufWriter::new(File::create_new(&path).map_err(DataError::file("write", &path))?);
        write!(writer, "{open}").map_err(DataError::file("write", &path))?;
        Ok(Self { path, writer, close, count: 0 })
    }

    /// `before` stands before the element: a key with its colon, or nothing.
    pub(crate) fn push(&mut self, before: &str, element: &impl Serialize) -> Result<(), DataError> {
        let fail = DataError::file("write", &self.path);
        let separator = if self.count == 0 { "\n" } else { ",\n" };
        write!(self.writer, "{separator}{before}").map_err(&fail)?;
        serde_json::to_writer(&mut self.writer, element).map_err(|error| fail(error.into()))?;
        self.count += 1;
        Ok(())
    }

    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Ends the file, which is on disk then.
    pub(crate) fn finish(mut self) -> Result<(), DataError> {
        let fail = DataError::file("write", &self.path);
        let line = if self.count == 0 { "" } else { "\n" };
        writeln!(self.writer, "{line}{}", self.close).map_err(&fail)?;
        let file = self.writer.into_inner().map_err(|error| fail(error.into_error()))?;
        file.sync_all().map_err(&fail)
    }
}

/// What `schema.json` says of a service.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct ServiceSchema {
    /// Such as `hotel`.
    pub service_name: String,
    /// What it is for.
    pub description: String,
    /// Its slots.
    pub slots: Vec<SlotSchema>,
    /// What a user can want of it.
    pub intents: Vec<IntentSchema>,
}

/// What `schema.json` says of a slot.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct SlotSchema {
    /// Such as `hotel-area`.
    pub name: String,
    /// What it means.
    pub description: String,
    /// All values, if it is categorical.
    pub possible_values: Vec<String>,
    /// Whether it has only these values.
    pub is_categorical: bool,
}

/// What `schema.json` says of an intent.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct IntentSchema {
    /// Such as `find_hotel`.
    pub name: String,
    /// What it means.
    pub description: String,
    /// Slots that must have a value.
    pub required_slots: Vec<String>,
}
