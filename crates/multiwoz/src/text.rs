//! Text that is no dialogues: what may be learned byte by byte. Dialogues are a `Source`.

use crate::contents::Contents;
use crate::not_data::misnamed;
use crate::tree::DataFile;
use crate::{DataError, Limits};
use std::io::Read;
use std::path::Path;

/// A text file, whole: UTF-8 without a byte-order mark and without the byte 0; from a file whose name ends in `.gz` unpacked. Of
/// more than `most` bytes there is nothing but one byte more than that.
///
/// # Errors
/// If it can't be read, or holds something else than text: dialogues, an archive, a picture, text that is not in UTF-8.
pub fn read_text(path: &Path, most: u64) -> Result<Vec<u8>, DataError> {
    let fail = DataError::file("read", path);
    let limits = Limits { unpacked_bytes: u64::MAX, ..Limits::default() };
    let (reader, contents) = DataFile::new(path.to_owned()).read_with_contents(&limits)?;
    if let Contents::Dialogues(form) = contents {
        return Err(misnamed(path, form));
    }
    let mut text = Vec::new();
    reader.take(most.saturating_add(1)).read_to_end(&mut text).map_err(&fail)?;
    if text.len() as u64 > most {
        return Ok(text);
    }
    match why_no_text(&text) {
        Some(found) => {
            Err(DataError::Contents { file: path.to_owned(), found, advice: "convert it to UTF-8 if it is text" })
        }
        None => Ok(text),
    }
}

/// Why bytes are no text, as a sentence that their name begins; none if they are. Text is UTF-8 without the byte 0, which is what
/// files begin with that are something else. Bytes are numbered from 1.
pub fn why_no_text(bytes: &[u8]) -> Option<String> {
    match std::str::from_utf8(bytes) {
        Err(error) => Some(format!("is no text in UTF-8 (from byte {} on)", error.valid_up_to() + 1)),
        Ok(_) => {
            let zero = bytes.iter().position(|byte| *byte == 0)?;
            Some(format!("is no text (byte {} is 0)", zero + 1))
        }
    }
}

/// What a file that is no folder holds, by its first bytes.
///
/// # Errors
/// If it can't be opened, or is no file.
pub fn contents(path: &Path) -> Result<Contents, DataError> {
    DataFile::new(path.to_owned()).contents(&Limits::default())
}
