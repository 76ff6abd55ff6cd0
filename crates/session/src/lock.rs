//! One writer a run: a lock that the system releases however the process ends. Readers need none.

use crate::{SessionError, files};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;

/// Bytes of a lock that are read: more than the number of a process has.
const LONGEST_HOLDER: u64 = 32;

/// Held while a process writes to a run; dropping it, or any end of the process, releases it.
#[derive(Debug)]
pub struct RunLock {
    _file: File,
}

impl RunLock {
    /// Takes the lock `folder/lock` and leaves the number of this process in it.
    ///
    /// # Errors
    /// [`SessionError::Locked`] if a process holds it.
    pub(crate) fn take(folder: &Path) -> Result<Self, SessionError> {
        let path = folder.join("lock");
        let fail = || SessionError::file("lock", &path);
        // A lock is written to: whatever a link leads to would be lost; and a pipe never ends.
        if let Ok(metadata) = fs::symlink_metadata(&path)
            && !metadata.is_file()
        {
            return Err(SessionError::format(&path, format!("{}, no lock: remove it", files::kind(&metadata))));
        }
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(fail())?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // Only for the message: what can't be read is no reason to fail in another way.
                let _ = file.take(LONGEST_HOLDER).read_to_string(&mut holder);
                let holder = match holder.trim().parse::<u32>() {
                    Ok(process) => format!("process {process}"),
                    Err(_) => "another process".to_owned(),
                };
                return Err(SessionError::Locked { path: folder.to_owned(), holder });
            }
            Err(TryLockError::Error(error)) => return Err(fail()(error)),
        }
        let write = |file: &mut File| {
            file.set_len(0)?;
            file.rewind()?;
            file.write_all(std::process::id().to_string().as_bytes())
        };
        write(&mut file).map_err(fail())?;
        Ok(Self { _file: file })
    }
}
