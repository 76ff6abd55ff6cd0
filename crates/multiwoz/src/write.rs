//! Writing the layout of MultiWOZ 2.2: everything or nothing. What is written comes from the caller.

use crate::rename::rename;
use crate::schema_guided::{SCHEMA, file_name};
use crate::{Corpus, DataError, Split};
use serde::Serialize;
use std::fs::{self, File};
use std::io::{BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Dialogues of a file, as in the published data.
const DIALOGUES_PER_FILE: usize = 512;

/// Writes `corpus` to `folder` in the layout of MultiWOZ 2.2, each dialogue a line of its file, and `schema.json` beside
/// the splits if there is a schema. It is written to a temporary folder next to it first, which is renamed at the end, so
/// that `folder` is never half-written.
///
/// # Errors
/// [`DataError::NotEmpty`] if something is there already, an empty folder excepted; otherwise if the system refuses.
pub fn write(folder: &Path, corpus: &Corpus, schema: Option<&[ServiceSchema]>) -> Result<(), DataError> {
    refuse_to_replace(folder)?;
    let parent = match folder.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    fs::create_dir_all(parent).map_err(DataError::file("create", parent))?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(".writing-");
    // Temporary folders are private; this one should be as readable as any that is simply made (the umask still counts).
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o777));
    let temporary = builder.tempdir_in(parent).map_err(DataError::file("write to", parent))?;
    for split in Split::ALL {
        let path = temporary.path().join(split.name());
        fs::create_dir(&path).map_err(DataError::file("create", &path))?;
        for (at, dialogues) in corpus.split(split).chunks(DIALOGUES_PER_FILE).enumerate() {
            write_list(path.join(file_name(at + 1)), dialogues)?;
        }
    }
    if let Some(schema) = schema {
        write_list(temporary.path().join(SCHEMA), schema)?;
    }
    refuse_to_replace(folder)?;
    // Not every system renames over an empty folder.
    if folder.is_dir() {
        fs::remove_dir(folder).map_err(DataError::file("replace", folder))?;
    }
    rename(temporary.path(), folder).map_err(DataError::file("write", folder))?;
    // Only now is there nothing left for the guard to delete.
    let _renamed = temporary.keep();
    Ok(())
}

fn refuse_to_replace(folder: &Path) -> Result<(), DataError> {
    let is_empty = match fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) if error.kind() == ErrorKind::NotFound => true,
        Err(error) if error.kind() == ErrorKind::NotADirectory => false,
        Err(error) => return Err(DataError::file("list", folder)(error)),
    };
    if is_empty { Ok(()) } else { Err(DataError::NotEmpty { path: folder.to_owned() }) }
}

/// A JSON list with an element in each line.
fn write_list<T: Serialize>(path: PathBuf, elements: &[T]) -> Result<(), DataError> {
    let fail = DataError::file("write", &path);
    let mut writer = BufWriter::new(File::create_new(&path).map_err(&fail)?);
    for (at, element) in elements.iter().enumerate() {
        writer.write_all(if at == 0 { b"[\n" } else { b",\n" }).map_err(&fail)?;
        serde_json::to_writer(&mut writer, element).map_err(|error| fail(error.into()))?;
    }
    writer.write_all(if elements.is_empty() { b"[]\n" } else { b"\n]\n" }).map_err(&fail)?;
    let file = writer.into_inner().map_err(|error| fail(error.into_error()))?;
    file.sync_all().map_err(&fail)
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
