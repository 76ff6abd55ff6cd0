//! Files and folders that appear whole or not at all: written under another name next to where they belong, then renamed. What is
//! in them comes from the caller.

use crate::DataError;
use crate::rename::rename;
use crate::write::is_written_by_us;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use tempfile::Builder;

const PREFIX: &str = ".writing-";

/// Fills a folder. What is there already is an error, an empty folder excepted; with `force` it is replaced if nothing is in it but
/// what this crate writes.
///
/// # Errors
/// [`DataError::NotEmpty`] or [`DataError::NotOurs`] if something is there that may not be replaced; what `fill` says; or if the
/// system refuses.
pub(crate) fn folder<T>(
    folder: &Path,
    force: bool,
    fill: impl FnOnce(&Path) -> Result<T, DataError>,
) -> Result<T, DataError> {
    refuse_to_replace(folder, force)?;
    let parent = parent_of(folder)?;
    let temporary = builder(0o777).tempdir_in(parent).map_err(DataError::file("write to", parent))?;
    let filled = fill(temporary.path())?;
    refuse_to_replace(folder, force)?;
    let old = builder(0o777).tempdir_in(parent).map_err(DataError::file("write to", parent))?;
    let aside = old.path().join("old");
    // Not every system renames over an empty folder, and none over one that isn't.
    let was_there = folder.is_dir();
    if was_there {
        rename(folder, &aside).map_err(DataError::file("replace", folder))?;
    }
    if let Err(error) = rename(temporary.path(), folder) {
        if was_there {
            // What was there is better than nothing.
            rename(&aside, folder).map_err(DataError::file("put back", folder))?;
        }
        return Err(DataError::file("write", folder)(error));
    }
    // Only now is there nothing left for the guard to delete.
    let _renamed = temporary.keep();
    Ok(filled)
}

/// Writes a file. One that is there already is an error, unless `force` says to replace it.
///
/// # Errors
/// [`DataError::NotEmpty`] if something is there that may not be replaced; what `fill` says; or if the system refuses.
pub(crate) fn file<T>(
    path: &Path,
    force: bool,
    fill: impl FnOnce(&Path) -> Result<T, DataError>,
) -> Result<T, DataError> {
    let there = || DataError::NotEmpty { path: path.to_owned() };
    if path.is_dir() || !force && path.symlink_metadata().is_ok() {
        return Err(there());
    }
    let parent = parent_of(path)?;
    let temporary = builder(0o777).tempdir_in(parent).map_err(DataError::file("write to", parent))?;
    let written = temporary.path().join("file");
    let filled = fill(&written)?;
    if force {
        rename(&written, path).map_err(DataError::file("write", path))?;
        return Ok(filled);
    }
    // A link is made only where nothing is; where the system has none, what comes between is replaced.
    match fs::hard_link(&written, path) {
        Ok(()) => Ok(filled),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(there()),
        Err(_) if path.symlink_metadata().is_err() => {
            rename(&written, path).map_err(DataError::file("write", path))?;
            Ok(filled)
        }
        Err(_) => Err(there()),
    }
}

fn parent_of(path: &Path) -> Result<&Path, DataError> {
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    fs::create_dir_all(parent).map_err(DataError::file("create", parent))?;
    Ok(parent)
}

/// Temporary folders are private; these should be as readable as any that is simply made (the umask still counts).
fn builder(mode: u32) -> Builder<'static, 'static> {
    let mut builder = Builder::new();
    builder.prefix(PREFIX);
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(mode));
    #[cfg(not(unix))]
    let _ = mode;
    builder
}

fn refuse_to_replace(folder: &Path, force: bool) -> Result<(), DataError> {
    let is_empty = match fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) if error.kind() == ErrorKind::NotFound => true,
        Err(error) if error.kind() == ErrorKind::NotADirectory => false,
        Err(error) => return Err(DataError::file("list", folder)(error)),
    };
    if is_empty {
        return Ok(());
    }
    if !force || !folder.is_dir() {
        return Err(DataError::NotEmpty { path: folder.to_owned() });
    }
    match foreign_in(folder, Path::new(""))? {
        None => Ok(()),
        Some(other) => Err(DataError::NotOurs { path: folder.to_owned(), other }),
    }
}

/// The first file below a folder that this crate doesn't write there.
fn foreign_in(folder: &Path, within: &Path) -> Result<Option<PathBuf>, DataError> {
    let here = folder.join(within);
    let mut entries: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(&here).map_err(DataError::file("list", &here))? {
        entries.push(within.join(entry.map_err(DataError::file("list", &here))?.file_name()));
    }
    entries.sort();
    for name in entries {
        let path = folder.join(&name);
        // A link to a folder is not ours, whatever is in it.
        let kind = path.symlink_metadata().map_err(DataError::file("read", &path))?;
        if !is_written_by_us(&name, kind.is_dir()) || kind.is_symlink() {
            return Ok(Some(name));
        }
        if kind.is_dir()
            && let Some(other) = foreign_in(folder, &name)?
        {
            return Ok(Some(other));
        }
    }
    Ok(None)
}
