//! What writing may replace: nothing, or with `force` an ordinary file that may be written to, or a folder of nothing but what this
//! crate writes. Never a link, a pipe or a device: what a link leads to is somebody's, wherever the link lies.

use crate::DataError;
use crate::write::is_written_by_us;
use std::fs::{self, Metadata};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// # Errors
/// What is at `path`, if a file may not be written there.
pub(crate) fn refuse_to_replace_file(path: &Path, force: bool) -> Result<(), DataError> {
    let Some(metadata) = what_is_there(path)? else { return Ok(()) };
    if metadata.is_dir() {
        return Err(in_the_way(path, "it is a folder: name a file in it"));
    }
    if !force {
        return Err(DataError::NotEmpty { path: path.to_owned() });
    }
    refuse_read_only(path, &metadata)
}

/// # Errors
/// What is at `folder`, if a folder may not be written there.
pub(crate) fn refuse_to_replace(folder: &Path, force: bool) -> Result<(), DataError> {
    let Some(metadata) = what_is_there(folder)? else { return Ok(()) };
    if !metadata.is_dir() {
        return Err(in_the_way(folder, "it is a file: name a folder that is empty or does not exist yet"));
    }
    let is_empty = fs::read_dir(folder).map_err(DataError::file("list", folder))?.next().is_none();
    if is_empty {
        return Ok(());
    }
    if !force {
        return Err(DataError::NotEmpty { path: folder.to_owned() });
    }
    match foreign_in(folder, Path::new(""))? {
        None => Ok(()),
        Some(other) => Err(DataError::NotOurs { path: folder.to_owned(), other }),
    }
}

fn in_the_way(path: &Path, problem: impl Into<String>) -> DataError {
    DataError::InTheWay { path: path.to_owned(), problem: problem.into() }
}

fn refuse_read_only(path: &Path, metadata: &Metadata) -> Result<(), DataError> {
    if metadata.permissions().readonly() {
        return Err(in_the_way(path, "it may not be written to: name another place, or make it writable first"));
    }
    Ok(())
}

/// The file or the folder that is at a path, if any.
///
/// # Errors
/// If it is something else; if the path leads through a file.
fn what_is_there(path: &Path) -> Result<Option<Metadata>, DataError> {
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if [ErrorKind::NotFound, ErrorKind::NotADirectory].contains(&error.kind()) => {
            let above = path.ancestors().skip(1).filter(|above| !above.as_os_str().is_empty());
            let file = above.into_iter().find(|above| fs::metadata(above).is_ok_and(|metadata| !metadata.is_dir()));
            return match file {
                Some(file) => Err(in_the_way(file, "it is a file, and nothing can be in it: name another place")),
                None => Ok(None),
            };
        }
        Err(error) => return Err(DataError::file("read", path)(error)),
    };
    if metadata.is_symlink() {
        let target = fs::read_link(path).map_err(DataError::file("read", path))?;
        return Err(in_the_way(
            path,
            format!("it is a link to {}: name that place itself, or another", target.display()),
        ));
    }
    if !metadata.is_dir() && !metadata.is_file() {
        return Err(in_the_way(path, "it is a pipe, a socket or a device: name another place"));
    }
    Ok(Some(metadata))
}

/// The first file below a folder that this crate doesn't write there.
///
/// # Errors
/// If one can't be looked at, or may not be written to.
fn foreign_in(folder: &Path, within: &Path) -> Result<Option<PathBuf>, DataError> {
    let here = folder.join(within);
    let mut entries: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(&here).map_err(DataError::file("list", &here))? {
        entries.push(within.join(entry.map_err(DataError::file("list", &here))?.file_name()));
    }
    entries.sort();
    for name in entries {
        let path = folder.join(&name);
        // Neither a link nor a pipe is ours, whatever it is called.
        let metadata = path.symlink_metadata().map_err(DataError::file("read", &path))?;
        let is_ordinary = metadata.is_dir() || metadata.is_file();
        if !is_written_by_us(&name, metadata.is_dir()) || !is_ordinary {
            return Ok(Some(name));
        }
        if metadata.is_file() {
            refuse_read_only(&path, &metadata)?;
        } else if let Some(other) = foreign_in(folder, &name)? {
            return Ok(Some(other));
        }
    }
    Ok(None)
}
