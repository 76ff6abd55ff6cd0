//! Files and folders that appear whole or not at all: written under another name next to where they belong, then renamed. What is
//! in them comes from the caller; what may be replaced is said in `replacing.rs`.

use crate::DataError;
use crate::rename::rename;
use crate::replacing::{refuse_to_replace, refuse_to_replace_file};
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use tempfile::{Builder, TempDir};

const PREFIX: &str = ".writing-";
/// What the new name of a folder that is being replaced ends in, before a number.
const REPLACED: &str = ".replaced-";

/// How something is written.
#[derive(Clone, Copy)]
pub struct Writing<'a> {
    /// Replaces a file, or a folder of nothing but what this crate writes.
    pub force: bool,
    /// Told the temporary folder as soon as it is there: whoever ends the process removes it, since nothing is dropped then.
    pub begun: &'a dyn Fn(&Path),
    /// Told the same folder before what is in it gets its name: from then on it must not be removed from outside any more.
    pub complete: &'a dyn Fn(&Path),
}

impl Writing<'_> {
    /// Without anybody being told of temporary folders.
    pub fn new(force: bool) -> Self {
        Self { force, begun: &|_| {}, complete: &|_| {} }
    }
}

/// A temporary folder whose end is told, too.
struct Temporary<'a> {
    folder: TempDir,
    complete: &'a dyn Fn(&Path),
}

impl<'a> Temporary<'a> {
    fn new(parent: &Path, writing: &Writing<'a>) -> Result<Self, DataError> {
        let folder = builder().tempdir_in(parent).map_err(DataError::file("write to", parent))?;
        (writing.begun)(folder.path());
        Ok(Self { folder, complete: writing.complete })
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Whoever was told of it leaves it alone from now on.
    ///
    /// # Errors
    /// If it was removed before: then there is nothing to be renamed.
    fn complete(&self) -> Result<(), DataError> {
        (self.complete)(self.path());
        fs::metadata(self.path()).map(|_| ()).map_err(DataError::file("read", self.path()))
    }
}

impl Drop for Temporary<'_> {
    fn drop(&mut self) {
        // What is left, before nobody knows of it any more; nothing after it was renamed.
        let _ = fs::remove_dir_all(self.path());
        (self.complete)(self.path());
    }
}

/// Fills a folder. What is there already is an error, an empty folder excepted; with `force` it is replaced if nothing is in it but
/// what this crate writes.
///
/// # Errors
/// [`DataError::NotEmpty`], [`DataError::NotOurs`] or [`DataError::InTheWay`] if something is there that may not be replaced; what
/// `fill` says; or if the system refuses.
pub(crate) fn folder<T>(
    folder: &Path,
    writing: &Writing,
    fill: impl FnOnce(&Path) -> Result<T, DataError>,
) -> Result<T, DataError> {
    refuse_to_replace(folder, writing.force)?;
    let parent = parent_of(folder)?;
    let temporary = Temporary::new(parent, writing)?;
    let filled = fill(temporary.path())?;
    refuse_to_replace(folder, writing.force)?;
    temporary.complete()?;
    if !writing.force && folder.is_dir() {
        // The system removes it only if it is empty still: another process may have filled it meanwhile.
        fs::remove_dir(folder).map_err(|error| match error.kind() {
            ErrorKind::DirectoryNotEmpty => DataError::NotEmpty { path: folder.to_owned() },
            _ => DataError::file("replace", folder)(error),
        })?;
    }
    let old = put_in_place(temporary.path(), folder, &mut rename)?;
    sync_folder(parent)?;
    if let Some(old) = old {
        // Only now is the new data sure to be there after a power failure.
        fs::remove_dir_all(&old).map_err(DataError::file("remove", &old))?;
        sync_folder(parent)?;
    }
    Ok(filled)
}

/// Renames `new` to `folder`, and what is there to a name beside it, which is returned. Two renames: no system has one that replaces
/// a folder. A process that ends between them leaves the old data under that name.
fn put_in_place(
    new: &Path,
    folder: &Path,
    rename: &mut dyn FnMut(&Path, &Path) -> io::Result<()>,
) -> Result<Option<PathBuf>, DataError> {
    // An empty folder, too: not every system renames over one.
    let old = if folder.is_dir() { Some(name_aside(folder)?) } else { None };
    if let Some(old) = &old {
        rename(folder, old).map_err(DataError::file("replace", folder))?;
    }
    match (rename(new, folder), old) {
        (Ok(()), old) => Ok(old),
        (Err(source), Some(kept)) if rename(&kept, folder).is_err() => {
            Err(DataError::PutAside { path: folder.to_owned(), kept, source })
        }
        (Err(source), _) => Err(DataError::file("write", folder)(source)),
    }
}

/// A name beside a folder that nothing has: `town.replaced-1`. It says to whoever finds it what it is.
fn name_aside(folder: &Path) -> Result<PathBuf, DataError> {
    // `.` and `..` have no name: it is asked of the folder that they are.
    let folder = dunce::canonicalize(folder).map_err(DataError::file("find", folder))?;
    let mut number = 1_u64;
    loop {
        let mut name = folder.file_name().unwrap_or_default().to_owned();
        name.push(format!("{REPLACED}{number}"));
        let aside = folder.with_file_name(name);
        if aside.symlink_metadata().is_err() {
            return Ok(aside);
        }
        number += 1;
    }
}

/// Writes a file. One that is there already is an error, unless `force` says to replace it.
///
/// # Errors
/// [`DataError::NotEmpty`] or [`DataError::InTheWay`] if something is there that may not be replaced; what `fill` says; or if the
/// system refuses.
pub(crate) fn file<T>(
    path: &Path,
    writing: &Writing,
    fill: impl FnOnce(&Path) -> Result<T, DataError>,
) -> Result<T, DataError> {
    let there = || DataError::NotEmpty { path: path.to_owned() };
    refuse_to_replace_file(path, writing.force)?;
    let parent = parent_of(path)?;
    let temporary = Temporary::new(parent, writing)?;
    let written = temporary.path().join("file");
    let filled = fill(&written)?;
    refuse_to_replace_file(path, writing.force)?;
    temporary.complete()?;
    let rename_over = || rename(&written, path).map_err(DataError::file("write", path));
    if writing.force {
        rename_over()?;
    } else {
        // A link is made only where nothing is; where the system has none, what comes between is replaced.
        match fs::hard_link(&written, path) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::AlreadyExists => return Err(there()),
            Err(_) if path.symlink_metadata().is_err() => rename_over()?,
            Err(_) => return Err(there()),
        }
    }
    sync_folder(parent)?;
    Ok(filled)
}

fn parent_of(path: &Path) -> Result<&Path, DataError> {
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    fs::create_dir_all(parent).map_err(DataError::file("create", parent))?;
    Ok(parent)
}

/// A rename is only sure to outlive a power failure when the folder is on disk.
#[cfg(unix)]
fn sync_folder(folder: &Path) -> Result<(), DataError> {
    fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(DataError::file("sync", folder))
}

/// Windows has no such thing: a folder can't be opened to be synced.
#[cfg(not(unix))]
fn sync_folder(_: &Path) -> Result<(), DataError> {
    Ok(())
}

/// Temporary folders are private; these should be as readable as any that is simply made (the umask still counts).
fn builder() -> Builder<'static, 'static> {
    let mut builder = Builder::new();
    builder.prefix(PREFIX);
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o777));
    builder
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with old data and one with new, and what is left when the renames from the `failing`th on fail up to the `last`.
    fn after(failing: usize, last: usize) -> (TempDir, Result<Option<PathBuf>, DataError>) {
        let around = tempfile::tempdir().unwrap();
        for name in ["data", "new"] {
            fs::create_dir(around.path().join(name)).unwrap();
            fs::write(around.path().join(name).join("file"), name).unwrap();
        }
        fs::create_dir(around.path().join("data.replaced-1")).unwrap();
        let mut count = 0;
        let mut failing_rename = |from: &Path, to: &Path| {
            count += 1;
            if (failing..=last).contains(&count) { Err(io::Error::other("refused")) } else { fs::rename(from, to) }
        };
        let done = put_in_place(&around.path().join("new"), &around.path().join("data"), &mut failing_rename);
        (around, done)
    }

    fn text(folder: &Path) -> Option<String> {
        fs::read_to_string(folder.join("file")).ok()
    }

    #[test]
    fn what_is_replaced_is_never_lost() {
        let (around, done) = after(0, 0);
        let old = done.unwrap().unwrap();
        assert_eq!(old.file_name().unwrap(), "data.replaced-2", "another is there already");
        assert_eq!((text(&around.path().join("data")), text(&old)), (Some("new".to_owned()), Some("data".to_owned())));

        for failing in [1, 2] {
            let (around, done) = after(failing, failing);
            assert!(matches!(done, Err(DataError::File { .. })), "{done:?}");
            assert_eq!(text(&around.path().join("data")).as_deref(), Some("data"), "it was put back");
            assert_eq!(text(&around.path().join("new")).as_deref(), Some("new"), "for the caller to remove");
        }

        let (around, done) = after(2, 3);
        let error = done.unwrap_err();
        let DataError::PutAside { kept, .. } = &error else { panic!("{error}") };
        assert_eq!(text(kept).as_deref(), Some("data"), "it can't be put back, and is kept");
        assert!(error.to_string().contains("data.replaced-2 now: rename it"), "{error}");
        assert!(!around.path().join("data").exists());
    }
}
