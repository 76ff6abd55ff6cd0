//! Writing that survives a kill: a file is either the old one or the new one, and what was reported as written is on disk.

use crate::SessionError;
use std::io::Write;
use std::path::Path;

/// Replaces `path` by `bytes` in one step: written beside it under a temporary name, synced, renamed, the folder synced.
///
/// # Errors
/// If the system refuses; `path` is then what it was.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), SessionError> {
    let fail = || SessionError::file("write", path);
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    builder.prefix(".writing-");
    // Temporary files are private; this one should be as readable as any that is simply written (the umask still counts).
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(folder).map_err(fail())?;
    file.write_all(bytes).map_err(fail())?;
    file.as_file().sync_all().map_err(fail())?;
    file.persist(path).map_err(|error| fail()(error.error))?;
    sync_folder(folder)
}

/// Waits until the names in `folder` are on disk.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), SessionError> {
    #[cfg(unix)]
    std::fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(SessionError::file("sync", folder))?;
    #[cfg(not(unix))]
    let _ = folder;
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
    fn a_missing_folder_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = write_atomically(&folder.path().join("no/such/note.txt"), b"x").unwrap_err().to_string();
        assert!(error.contains("cannot write") && error.contains("no/such/note.txt"), "{error}");
    }
}
