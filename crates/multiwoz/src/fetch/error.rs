//! Why data could not be fetched: each message names the address or the file and says what to do.

use super::published::BlobId;
use crate::DataError;
use std::path::PathBuf;
use thiserror::Error;

/// Why [`fetch`](super::fetch()) failed. What was received whole is kept: fetching again goes on from there.
#[derive(Debug, Error)]
pub enum FetchError {
    /// The other address is none.
    #[error(
        "the mirror `{mirror}` is no address: it must begin with http:// or https://, and the files' paths are appended to it"
    )]
    Mirror {
        /// What was given.
        mirror: String,
    },
    /// Somebody else is at it.
    #[error("another process is fetching to {folder}: wait until it is done", folder = folder.display())]
    Busy {
        /// Where to.
        folder: PathBuf,
    },
    /// A file would be replaced that may be somebody's work.
    #[error(
        "{path} is not the published file, and its folder was not fetched: name another folder, or take the file away",
        path = path.display()
    )]
    NotOurs {
        /// The file.
        path: PathBuf,
    },
    /// The system has no certificates to know servers by.
    #[error(
        "there are no certificates to check {address} with: install the system's (Debian: ca-certificates), or name a file of them in SSL_CERT_FILE"
    )]
    NoCertificates {
        /// The address.
        address: String,
    },
    /// The server will not give the file, now or later.
    #[error("{address}: {reason}; check the address, or name a mirror that holds the files of the repository")]
    Refused {
        /// The file's address.
        address: String,
        /// What the server said.
        reason: String,
    },
    /// It was tried often enough.
    #[error(
        "{address}: {reason}; given up after {tries} tries. What has come is kept: try again later, or name a mirror"
    )]
    GaveUp {
        /// The file's address.
        address: String,
        /// What went wrong the last time.
        reason: String,
        /// How often it was tried in a row.
        tries: u32,
    },
    /// Something came whole, twice, and is not what was published.
    #[error(
        "{address} gives another file than the published one: {length} bytes with the git blob id {found} instead of {expected}; name a mirror \
         that has it"
    )]
    OtherFile {
        /// The file's address.
        address: String,
        /// How long what came is.
        length: u64,
        /// Its git blob id.
        found: String,
        /// The published one.
        expected: String,
    },
    /// The system refused to read, write or rename something.
    #[error(transparent)]
    Data(#[from] DataError),
}

impl FetchError {
    pub(super) fn other_file(address: &str, length: u64, found: BlobId, expected: BlobId) -> Self {
        let (found, expected) = (found.to_string(), expected.to_string());
        FetchError::OtherFile { address: address.to_owned(), length, found, expected }
    }
}
