//! A file that holds no dialogues, and is learned byte by byte: whether it is text, and whether there is memory for it.

use crate::handling::{Handling, TextKind};
use crate::machine;
use crate::output::note;
use crate::quantities::Bytes;
use anyhow::{Context, anyhow, bail};
use reformer_multiwoz::{DataError, read_text};
use std::fs;
use std::path::Path;

/// Bytes of memory for a byte of a text file: itself, its token of four bytes, whether that is scored, and some to work with.
const TEXT_MEMORY: u64 = 8;

/// All of a file that holds no dialogues.
///
/// # Errors
/// If it isn't what its kind says, is empty, or is too long for this machine's memory.
pub fn bytes_of(path: &Path, handling: &Handling) -> anyhow::Result<Vec<u8>> {
    let kind = handling.text;
    let free = machine::free_bytes();
    let most = free / TEXT_MEMORY;
    let too_long = |length: u64| {
        anyhow!(
            "the text file {} has {}, and learning from it takes {TEXT_MEMORY} times as much memory, of which {} are free: \
             name a part of it",
            path.display(),
            Bytes(length),
            Bytes(free)
        )
    };
    let length = fs::metadata(path).map_or(0, |metadata| metadata.len());
    if length > most {
        return Err(too_long(length));
    }
    let whole = || fs::read(path).with_context(|| format!("cannot read the file {}", path.display()));
    let text = match kind {
        TextKind::Bytes => whole()?,
        TextKind::Text | TextKind::AsLearned => match read_text(path, most) {
            Ok(text) => text,
            Err(error @ (DataError::Contents { .. } | DataError::Encoding { .. })) if kind == TextKind::AsLearned => {
                note(format_args!(
                    "warning: {error}; this run has learned it all the same, byte by byte; a new run needs --bytes for that"
                ));
                whole()?
            }
            Err(error) => return Err(or_bytes(error, handling)),
        },
    };
    if text.len() as u64 > most {
        // Only what is packed is longer than it seemed.
        return Err(too_long(text.len() as u64).context("it is longer unpacked than there is memory for"));
    }
    if text.is_empty() {
        bail!("the text file {} is empty: name one with text", path.display());
    }
    Ok(text)
}

/// What to do besides where a file is no text: its bytes can be learned all the same.
pub const OR_BYTES: &str = "; or let `train --bytes` learn its bytes as they are";

/// What is no text, with [that advice](OR_BYTES) where the command could take it.
pub fn or_bytes(error: DataError, handling: &Handling) -> anyhow::Error {
    match error {
        DataError::Contents { .. } | DataError::Encoding { .. } if handling.can_take_bytes => {
            anyhow!("{error}{OR_BYTES}")
        }
        error => error.into(),
    }
}
