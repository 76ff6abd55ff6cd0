//! Writing that survives a kill: a file is either the old one or the new one, and what was reported as written is on disk.
//! Where Windows is different, it is here: names that others hold for a moment, and folders that can't be synced.

use crate::SessionError;
use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::Path;
use std::time::{Duration, Instant};
use tempfile::{NamedTempFile, PersistError};

/// What the names of files begin with that are being written. After a kill one may be left.
pub(crate) const TEMPORARY_PREFIX: &str = ".writing-";
/// How long somebody may hold what is to be renamed or removed, before that is an error. Virus scanners and indexers let go of a
/// file within a fraction of a second; who holds one for longer is a program that a person should know of.
const PATIENCE: Duration = Duration::from_secs(5);
/// The pause after a first try; each is twice the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(2);

/// Replaces `path` by `bytes` in one step: written beside it under a temporary name, synced, renamed, the folder synced.
///
/// # Errors
/// If the system refuses; `path` is then what it was.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), SessionError> {
    write(path, bytes, |file| file.persist(path))
}

/// Writes a file that must not be there yet, as [`write_atomically`] does. Whether it is there and taking its name are one step:
/// of two writers one gets [`SessionError::Exists`], and no file of anybody is lost between a look and a write.
///
/// # Errors
/// [`SessionError::Exists`] if anything has the name, a folder or a link too; else if the system refuses. What was there stays.
pub fn write_new(path: &Path, bytes: &[u8]) -> Result<(), SessionError> {
    // Said before anything is written; what comes between this look and the end is noticed as well.
    if fs::symlink_metadata(path).is_ok() {
        return Err(SessionError::Exists { path: path.to_owned() });
    }
    match write(path, bytes, |file| file.persist_noclobber(path)) {
        Err(SessionError::File { source, .. }) if source.kind() == ErrorKind::AlreadyExists => {
            Err(SessionError::Exists { path: path.to_owned() })
        }
        written => written,
    }
}

/// Writes and syncs a temporary file beside `path`, which `persist` gives its name.
fn write(
    path: &Path,
    bytes: &[u8],
    persist: impl Fn(NamedTempFile) -> Result<fs::File, PersistError>,
) -> Result<(), SessionError> {
    let fail = || SessionError::file("write", path);
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMPORARY_PREFIX);
    // Temporary files are private; this one should be as readable as any that is simply written (the umask still counts).
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(folder).map_err(without_name).map_err(fail())?;
    file.write_all(bytes).map_err(without_name).map_err(fail())?;
    file.as_file().sync_all().map_err(fail())?;
    let mut file = Some(file);
    patiently(|| match file.take().map(&persist) {
        Some(Err(error)) => {
            file = Some(error.file);
            Err(error.error)
        }
        // Every try that failed gives the file back.
        Some(Ok(_)) | None => Ok(()),
    })
    .map_err(fail())?;
    sync_folder(folder)
}

/// The system's own reason: `tempfile` adds the temporary name, which nobody has asked about. Its wrapper hides the reason (its `source` is
/// the reason's source, which is none), so that the number is only in the text, before the name.
fn without_name(error: io::Error) -> io::Error {
    if error.raw_os_error().is_some() {
        return error;
    }
    let text = error.to_string();
    let before_name = text.split(" at path ").next().unwrap_or_default();
    let number = before_name.rsplit("(os error ").next().and_then(|rest| rest.strip_suffix(')'));
    number.and_then(|number| number.parse().ok()).map_or(error, io::Error::from_raw_os_error)
}

/// Renames a file or a folder; a file that has the new name already is replaced, a folder is not.
pub(crate) fn rename(from: &Path, to: &Path) -> Result<(), SessionError> {
    patiently(|| fs::rename(from, to)).map_err(SessionError::file("rename", from))
}

/// Removes whatever has this name: a folder with all that is in it, a file, a link (not what it leads to); nothing is fine too.
pub(crate) fn remove(path: &Path) -> Result<(), SessionError> {
    let is_folder = fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir());
    match patiently(|| if is_folder { fs::remove_dir_all(path) } else { fs::remove_file(path) }) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(SessionError::file("remove", path)(error)),
        _ => Ok(()),
    }
}

/// Tries again for a while what fails only because somebody else has a file open. Windows then refuses to rename or remove it,
/// or the folder it lies in: a virus scanner that reads a checkpoint at the moment it is written would end the training.
/// Elsewhere an open file is in nobody's way, and the first answer is the last.
fn patiently(mut attempt: impl FnMut() -> io::Result<()>) -> io::Result<()> {
    let begin = Instant::now();
    let mut pause = FIRST_PAUSE;
    loop {
        match attempt() {
            Err(error) if is_held(&error) && begin.elapsed() < PATIENCE => std::thread::sleep(pause),
            result => return result,
        }
        pause *= 2;
    }
}

/// Whether an error says that somebody has a file open.
fn is_held(error: &io::Error) -> bool {
    // Of a file; and of one that is removed, but still has its name until the last one closes it.
    const ACCESS_DENIED: i32 = 5;
    const SHARING_VIOLATION: i32 = 32;
    const LOCK_VIOLATION: i32 = 33;
    // Of a folder with such a file in it.
    const DIRECTORY_NOT_EMPTY: i32 = 145;
    let held = [ACCESS_DENIED, SHARING_VIOLATION, LOCK_VIOLATION, DIRECTORY_NOT_EMPTY];
    cfg!(windows) && error.raw_os_error().is_some_and(|code| held.contains(&code))
}

/// Waits until the names in `folder` are on disk.
#[cfg(unix)]
pub(crate) fn sync_folder(folder: &Path) -> Result<(), SessionError> {
    fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(SessionError::file("sync", folder))
}

/// Windows has no call that waits for a folder's names. NTFS writes changes of names to its journal in their order, so a power cut
/// may take back the last renames, but leaves no half of one: the run goes on from the checkpoint before. What is in the files was
/// synced on its own.
#[cfg(not(unix))]
pub(crate) fn sync_folder(_: &Path) -> Result<(), SessionError> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("note.txt");
        write_atomically(&path, b"old").unwrap();
        write_atomically(&path, b"new and longer").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new and longer");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "a temporary file was left behind");
    }

    #[test]
    fn a_new_file_takes_no_name_that_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("note.txt");
        write_new(&path, b"first").unwrap();
        let taken = [path.clone(), folder.path().to_owned()];
        for path in &taken {
            let error = write_new(path, b"second").unwrap_err();
            assert!(matches!(&error, SessionError::Exists { path: named } if named == path), "{error}");
        }
        #[cfg(unix)]
        {
            let link = folder.path().join("link");
            std::os::unix::fs::symlink("nowhere", &link).unwrap();
            assert!(matches!(write_new(&link, b"second"), Err(SessionError::Exists { .. })));
            assert!(fs::read_link(&link).is_ok());
        }
        assert_eq!(fs::read(&path).unwrap(), b"first");
    }

    /// Of many writers at once one wins, and its file is whole.
    #[test]
    fn a_new_file_has_one_writer() {
        let folder = tempfile::tempdir().unwrap();
        let path = &folder.path().join("note.txt");
        let won: Vec<u8> = std::thread::scope(|scope| {
            let write = |writer: u8| move || write_new(path, &[writer; 100_000]).is_ok().then_some(writer);
            let writers: Vec<_> = (0..8).map(|writer| scope.spawn(write(writer))).collect();
            writers.into_iter().filter_map(|writer| writer.join().unwrap()).collect()
        });
        assert_eq!(won.len(), 1, "{won:?}");
        assert_eq!(fs::read(path).unwrap(), [won[0]; 100_000]);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "a temporary file was left behind");
    }

    /// What a virus scanner does, on Windows: it has a file open that nobody may rename or remove meanwhile.
    #[cfg(windows)]
    #[test]
    fn what_somebody_holds_for_a_moment_is_waited_for() {
        use std::os::windows::fs::OpenOptionsExt;
        const SHARE_READ: u32 = 1;
        let folder = tempfile::tempdir().unwrap();
        let (old, new) = (folder.path().join("old"), folder.path().join("new"));
        let held_meanwhile = |work: &dyn Fn()| {
            fs::create_dir(&old).unwrap();
            let inside = old.join("note.txt");
            fs::write(&inside, "old").unwrap();
            let held = fs::OpenOptions::new().read(true).share_mode(SHARE_READ).open(&inside).unwrap();
            let holder = std::thread::spawn(move || {
                std::thread::sleep(Duration::from_millis(100));
                drop(held);
            });
            work();
            holder.join().unwrap();
        };
        held_meanwhile(&|| {
            // The folder itself wine would rename.
            let (inside, beside) = (old.join("note.txt"), folder.path().join("beside.txt"));
            assert!(fs::rename(&inside, &beside).is_err(), "nothing held it");
            rename(&inside, &beside).unwrap();
            assert_eq!(fs::read_to_string(&beside).unwrap(), "old");
            rename(&old, &new).unwrap();
        });
        held_meanwhile(&|| {
            assert!(fs::remove_file(old.join("note.txt")).is_err(), "nothing held it");
            write_atomically(&old.join("note.txt"), b"new").unwrap();
            assert_eq!(fs::read_to_string(old.join("note.txt")).unwrap(), "new");
            remove(&old).unwrap();
        });
        held_meanwhile(&|| remove(&old).unwrap());
        assert!(!old.exists());
    }

    #[test]
    fn a_missing_folder_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = write_atomically(&folder.path().join("no/such/note.txt"), b"x").unwrap_err().to_string();
        assert!(error.contains("cannot write") && error.contains("no/such/note.txt"), "{error}");
        assert!(!error.contains(TEMPORARY_PREFIX), "{error}");
        let SessionError::File { source, .. } = write_atomically(&folder.path().join("no/note.txt"), b"x").unwrap_err()
        else {
            panic!("the system's reason is gone")
        };
        assert!(source.raw_os_error().is_some(), "{source}");
    }
}
