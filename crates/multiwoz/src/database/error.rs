//! What can be wrong with the database's files and with what is asked of them.

use crate::DataError;
use crate::error::{FieldProblem, shorten};
use std::path::PathBuf;
use thiserror::Error;

/// Why the database could not be read.
#[derive(Debug, Error)]
pub enum DatabaseError {
    /// The system refused to read a file.
    #[error("{0}; the database's files are in the folder `db` of what `data fetch` brings")]
    File(#[from] DataError),
    /// A file is no list in JSON.
    #[error("{file}: {message}; it must be a list of records: fetch it again", file = file.display())]
    Json {
        /// The file.
        file: PathBuf,
        /// What is wrong, with line and column.
        message: String,
    },
    /// A field of a record is missing or is not what it must be.
    #[error("{file}: record {number}{name}: {problem}", file = file.display(), name = in_brackets(name))]
    Record {
        /// The file.
        file: PathBuf,
        /// The record's number in it, from 1.
        number: usize,
        /// Its name, if it has one.
        name: Option<String>,
        /// The field, its value, and what it must be.
        problem: FieldProblem,
    },
}

fn in_brackets(name: &Option<String>) -> String {
    name.as_ref().map(|name| format!(" ({})", shorten(name))).unwrap_or_default()
}

/// Why the database could not be asked.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum QueryError {
    /// The records have no such slot.
    #[error("there is no slot `{slot}` of {domain}; its slots are {slots}")]
    UnknownSlot {
        /// What was asked for.
        slot: String,
        /// Of which records.
        domain: &'static str,
        /// What could have been.
        slots: String,
    },
    /// A value says nothing, or no time where one is needed.
    #[error("`{slot}` is {value:?}: it must be {expected}")]
    Value {
        /// The slot.
        slot: String,
        /// What was asked for.
        value: String,
        /// What would do.
        expected: &'static str,
    },
}
