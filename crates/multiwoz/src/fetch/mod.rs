//! Fetching MultiWOZ 2.2 and its database from where they were published. Every file is checked against its git blob id, a
//! fetch that broke off goes on, and the folder changes only when all files are there. Reading them is for others.

mod download;
mod error;
mod published;
#[cfg(test)]
mod server;
#[cfg(test)]
mod tests;

pub use error::FetchError;

use crate::DataError;
use crate::rename::rename;
use download::{Downloader, is_whole};
use published::PublishedFile;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Says in the folder where it comes from, and that it may be mended.
const ORIGIN: &str = "ORIGIN.txt";
const ORIGIN_TEXT: &str = "\
MultiWOZ 2.2 and its database, as published in
https://github.com/budzianowski/multiwoz at commit fe0c8e65cfcd8462bd33c86e35f21addc84ca82b.
The MIT License (MIT), Copyright (c) 2019 Paweł Budzianowski.
`reformer data fetch` wrote this folder, and replaces files in it that are not the published ones.
";
/// The licence of what is fetched.
pub const LICENCE: &str = "MIT, Copyright (c) 2019 Paweł Budzianowski";

/// How patient a fetch is. The default suits a slow line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Limits {
    /// The longest that finding a server, and connecting to it, may each take.
    pub connect: Duration,
    /// The longest without a byte.
    pub silence: Duration,
    /// The longest for one try to bring a file: the next one goes on where it ended.
    pub whole_try: Duration,
    /// Tries in a row that bring next to nothing, before it is given up.
    pub tries: u32,
    /// The pause after the first such try; it doubles from one to the next.
    pub pause: Duration,
    /// The longest that a file may be in bytes: a server that never ends must not fill the disk.
    pub most_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(20),
            silence: Duration::from_secs(30),
            whole_try: Duration::from_secs(300),
            tries: 5,
            pause: Duration::from_secs(1),
            // The longest of the published files are some ten MiB.
            most_bytes: 256 << 20,
        }
    }
}

/// What happens during a fetch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FetchEvent<'a> {
    /// The next file is asked for.
    File {
        /// Its path below the folder.
        place: &'a str,
        /// Its number, from 1, among those that are fetched.
        number: usize,
        /// How many are fetched.
        of: usize,
    },
    /// A part of it has come.
    Received {
        /// Its bytes so far, with those of earlier tries.
        bytes: u64,
        /// How long it will be, if the server says so.
        total: Option<u64>,
    },
    /// Something went wrong, and it is tried again after a pause.
    Again {
        /// What.
        reason: &'a str,
    },
}

/// What a fetch did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fetched {
    /// Files that came over the network.
    pub fetched: usize,
    /// All files.
    pub files: usize,
    /// Bytes of all files.
    pub bytes: u64,
}

/// Brings MultiWOZ 2.2 to `folder`, and its database to `folder/db`, from the repository or, below `mirror`, from another
/// address with the same paths. Files that are there and right are left alone. Others are gathered in `FOLDER.fetching` beside
/// it and moved when all of them have come, so that `folder` is never half of it; after a break, what was gathered is used.
/// The proxy variables of the environment are heeded.
///
/// # Errors
/// See [`FetchError`].
pub fn fetch(
    folder: &Path,
    mirror: Option<&str>,
    limits: &Limits,
    tell: &mut dyn FnMut(FetchEvent<'_>),
) -> Result<Fetched, FetchError> {
    fetch_files(&published::multiwoz_2_2(), folder, mirror, limits, tell)
}

fn fetch_files(
    files: &[PublishedFile],
    folder: &Path,
    mirror: Option<&str>,
    limits: &Limits,
    tell: &mut dyn FnMut(FetchEvent<'_>),
) -> Result<Fetched, FetchError> {
    let base = mirror.unwrap_or(published::UPSTREAM);
    if !["http://", "https://"].iter().any(|scheme| base.len() > scheme.len() && base.starts_with(scheme)) {
        return Err(FetchError::Mirror { mirror: base.to_owned() });
    }
    // What a link points to is filled or mended, not the link replaced.
    let folder = &dunce::canonicalize(folder).or_else(|_| std::path::absolute(folder)).unwrap_or(folder.to_owned());
    let mut fetched = 0;
    if !missing(files, folder)?.is_empty() {
        let gathering = Gathering::begin(folder)?;
        // Somebody else may have fetched them before the lock was ours.
        let missing = missing(files, folder)?;
        if !missing.is_empty() {
            refuse_to_replace(&missing, folder)?;
            gathering.gather(&missing, base, limits, tell)?;
            gathering.install(&missing, folder)?;
        }
        fetched = missing.len();
    }
    let bytes = files.iter().map(|file| {
        let path = folder.join(&file.place);
        fs::metadata(&path).map(|data| data.len()).map_err(DataError::file("read", &path))
    });
    Ok(Fetched { fetched, files: files.len(), bytes: bytes.sum::<Result<u64, DataError>>()? })
}

/// The files that `folder` lacks, or has otherwise.
fn missing<'a>(files: &'a [PublishedFile], folder: &Path) -> Result<Vec<&'a PublishedFile>, DataError> {
    let mut missing = Vec::new();
    for file in files {
        if !is_whole(&folder.join(&file.place), file.blob)? {
            missing.push(file);
        }
    }
    Ok(missing)
}

/// A folder that was fetched is mended; what somebody put together is theirs.
fn refuse_to_replace(missing: &[&PublishedFile], folder: &Path) -> Result<(), FetchError> {
    if folder.join(ORIGIN).exists() {
        return Ok(());
    }
    match missing.iter().map(|file| folder.join(&file.place)).find(|path| path.exists()) {
        Some(path) => Err(FetchError::NotOurs { path }),
        None => Ok(()),
    }
}

/// Held by the process that gathers.
const LOCK: &str = "lock";

/// Files on their way, in `FOLDER.fetching`, which one process at a time uses.
struct Gathering {
    folder: PathBuf,
    /// The system releases it however the process ends.
    lock: File,
}

impl Gathering {
    fn begin(target: &Path) -> Result<Self, FetchError> {
        let mut name = target.file_name().unwrap_or("data".as_ref()).to_owned();
        name.push(".fetching");
        let folder = target.with_file_name(name);
        fs::create_dir_all(folder.join("files")).map_err(DataError::file("create", &folder))?;
        let path = folder.join(LOCK);
        let fail = DataError::file("lock", &path);
        let lock = OpenOptions::new().write(true).create(true).truncate(false).open(&path).map_err(&fail)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { folder, lock }),
            Err(TryLockError::WouldBlock) => Err(FetchError::Busy { folder: target.to_owned() }),
            Err(TryLockError::Error(error)) => Err(fail(error).into()),
        }
    }

    fn files(&self) -> PathBuf {
        self.folder.join("files")
    }

    /// Brings the files that are not gathered yet.
    fn gather(
        &self,
        missing: &[&PublishedFile],
        base: &str,
        limits: &Limits,
        tell: &mut dyn FnMut(FetchEvent<'_>),
    ) -> Result<(), FetchError> {
        let downloader = Downloader::new(base, limits)?;
        for (at, file) in missing.iter().enumerate() {
            let path = self.files().join(&file.place);
            if is_whole(&path, file.blob)? {
                continue;
            }
            create_parent(&path)?;
            tell(FetchEvent::File { place: &file.place, number: at + 1, of: missing.len() });
            let address = format!("{}/{}", base.trim_end_matches('/'), file.upstream);
            let partial = self.folder.join(format!("{}.part", file.blob));
            downloader.bring(&address, &partial, file.blob, tell)?;
            rename(&partial, &path).map_err(DataError::file("rename", &partial))?;
        }
        Ok(())
    }

    /// Moves what was gathered to `folder`: as a whole if there is nothing yet, else file by file.
    fn install(self, missing: &[&PublishedFile], folder: &Path) -> Result<(), FetchError> {
        let files = self.files();
        let origin = files.join(ORIGIN);
        let mut note = File::create(&origin).map_err(DataError::file("write", &origin))?;
        note.write_all(ORIGIN_TEXT.as_bytes()).map_err(DataError::file("write", &origin))?;
        note.sync_all().map_err(DataError::file("write", &origin))?;
        // Not every system renames over an empty folder. One that is not empty stays.
        let _ = fs::remove_dir(folder);
        if folder.exists() {
            for place in missing.iter().map(|file| file.place.as_str()).chain([ORIGIN]) {
                let path = folder.join(place);
                create_parent(&path)?;
                rename(&files.join(place), &path).map_err(DataError::file("write", &path))?;
                sync_parent(&path)?;
            }
        } else {
            rename(&files, folder).map_err(DataError::file("write", folder))?;
        }
        sync_parent(folder)?;
        // Who waits for the lock finds everything fetched. What can't be removed is in nobody's way.
        drop(self.lock);
        // Ours alone: somebody may have put a file of their own there.
        let _ = fs::remove_dir_all(&files);
        let _ = fs::remove_file(self.folder.join(LOCK));
        let _ = fs::remove_dir(&self.folder);
        Ok(())
    }
}

fn create_parent(path: &Path) -> Result<(), DataError> {
    path.parent().map_or(Ok(()), |parent| fs::create_dir_all(parent).map_err(DataError::file("create", parent)))
}

/// Waits until the names beside `path` are on disk.
#[cfg(unix)]
fn sync_parent(path: &Path) -> Result<(), DataError> {
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        File::open(parent).and_then(|folder| folder.sync_all()).map_err(DataError::file("sync", parent))?;
    }
    Ok(())
}

/// Windows has no call that waits for a folder's names; NTFS keeps their order in its journal. Should a power cut take back the last
/// of them, the next fetch finds what is missing.
#[cfg(not(unix))]
fn sync_parent(_: &Path) -> Result<(), DataError> {
    Ok(())
}
