//! One writer a run: a lock that the system releases however the process ends. Readers need none.

use crate::{SessionError, files};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::path::Path;

/// The file.
pub(crate) const NAME: &str = "lock";
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
        let path = folder.join(NAME);
        let fail = || SessionError::file("lock", &path);
        // A lock is written to: whatever a link leads to would be lost; and a pipe never ends.
        if let Ok(metadata) = fs::symlink_metadata(&path)
            && !metadata.is_file()
        {
            return Err(SessionError::format(&path, format!("{}, no lock: remove it", files::kind(&metadata))));
        }
        let Some(mut file) = open_alone(&path).map_err(fail())? else {
            return Err(SessionError::Locked { path: folder.to_owned(), holder: holder(&path) });
        };
        let write = |file: &mut File| {
            file.set_len(0)?;
            file.rewind()?;
            file.write_all(std::process::id().to_string().as_bytes())
        };
        write(&mut file).map_err(fail())?;
        Ok(Self { _file: file })
    }
}

/// Opens the lock for writing, if nobody else has it.
#[cfg(not(windows))]
fn open_alone(path: &Path) -> io::Result<Option<File>> {
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(fs::TryLockError::WouldBlock) => Ok(None),
        Err(fs::TryLockError::Error(error)) => Err(error),
    }
}

/// The same for Windows, where nobody could read the number in a file that is locked. Opened like this, others may read it but not
/// open it for writing, until it is closed or the process ends.
#[cfg(windows)]
fn open_alone(path: &Path) -> io::Result<Option<File>> {
    use std::os::windows::fs::OpenOptionsExt;
    const FILE_SHARE_READ: u32 = 1;
    const SHARING_VIOLATION: i32 = 32;
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).share_mode(FILE_SHARE_READ);
    // A virus scanner may have it open for a moment, as it has any file that was just written.
    const TRIES: u32 = 10;
    const PAUSE: std::time::Duration = std::time::Duration::from_millis(50);
    for _ in 0..TRIES {
        match options.open(path) {
            Ok(file) => return Ok(Some(file)),
            Err(error) if error.raw_os_error() == Some(SHARING_VIOLATION) => std::thread::sleep(PAUSE),
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// Who holds a lock, for the message alone: what can't be read is no reason to fail in another way.
fn holder(path: &Path) -> String {
    let mut text = String::new();
    let _ = File::open(path).and_then(|file| file.take(LONGEST_HOLDER).read_to_string(&mut text));
    match text.trim().parse::<u32>() {
        Ok(process) => format!("process {process}"),
        Err(_) => "another process".to_owned(),
    }
}
