//! A folder that appears whole: it is filled under a temporary name beside its place, and then takes its own name. Files that appear
//! whole are in `durable.rs`.

use crate::SessionError;
use crate::durable::{rename, sync_folder};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A folder under its temporary name. Dropped, it goes with all that is in it.
pub(crate) struct NewFolder {
    unfinished: TempDir,
    parent: PathBuf,
}

impl NewFolder {
    /// Makes one in `parent`, which is made too where it isn't there. Its name begins with `prefix`.
    ///
    /// # Errors
    /// If the system refuses.
    pub(crate) fn within(parent: &Path, prefix: &str) -> Result<Self, SessionError> {
        let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
        fs::create_dir_all(parent).map_err(SessionError::file("create", parent))?;
        let mut builder = tempfile::Builder::new();
        builder.prefix(prefix);
        // As readable as any folder that is simply made (the umask still counts).
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o777));
        let unfinished = builder.tempdir_in(parent).map_err(SessionError::file("create", parent))?;
        Ok(Self { unfinished, parent: parent.to_owned() })
    }

    /// Where it is filled.
    pub(crate) fn path(&self) -> &Path {
        self.unfinished.path()
    }

    /// Gives it the name `to`, which nothing has, or an empty folder.
    ///
    /// # Errors
    /// If the system refuses: what is at `to` is then what it was.
    pub(crate) fn put(self, to: &Path) -> Result<(), SessionError> {
        sync_folder(self.path())?;
        rename(self.path(), to)?;
        // Nothing is left to remove under the temporary name.
        let _ = self.unfinished.keep();
        sync_folder(&self.parent)
    }

    /// Gives it the name `to`, and what has that name the name `aside`, where the caller removes it. Once it lies there, and nobody finds
    /// it any more by the name it had, `may_go` looks whether it may be replaced at all.
    ///
    /// # Errors
    /// What `may_go` says, or if the system refuses: what was at `to` is then there again. Should that fail too, it lies at `aside`, which
    /// the error says; nothing is removed.
    pub(crate) fn replace(
        self,
        to: &Path,
        aside: &Path,
        may_go: impl FnOnce(&Path) -> Result<(), SessionError>,
    ) -> Result<(), SessionError> {
        rename(to, aside)?;
        match may_go(aside).and_then(|()| self.put(to)) {
            Ok(()) => Ok(()),
            Err(error) => match rename(aside, to) {
                Ok(()) => Err(error),
                Err(_) => {
                    let message = format!("{error}; what was there before is in {}", aside.display());
                    Err(SessionError::format(to, message))
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn filled(parent: &Path) -> NewFolder {
        let new = NewFolder::within(parent, ".new-").unwrap();
        fs::write(new.path().join("note.txt"), "new").unwrap();
        new
    }

    #[test]
    fn it_appears_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("it");
        drop(filled(folder.path()));
        assert!(names(folder.path()).is_empty());
        filled(folder.path()).put(&to).unwrap();
        assert_eq!(names(folder.path()), ["it"]);
        // What came meanwhile is not replaced.
        assert!(filled(folder.path()).put(&to).is_err());
        assert_eq!(names(folder.path()), ["it"]);
    }

    #[test]
    fn what_is_replaced_is_aside_and_what_may_not_go_is_put_back() {
        let folder = tempfile::tempdir().unwrap();
        let (to, aside) = (folder.path().join("it"), folder.path().join(".old"));
        fs::create_dir(&to).unwrap();
        fs::write(to.join("theirs.txt"), "keep").unwrap();
        let refuse = |path: &Path| Err(SessionError::format(path, "it may not"));
        let error = filled(folder.path()).replace(&to, &aside, refuse).unwrap_err().to_string();
        assert!(error.contains(".old: it may not"), "{error}");
        assert_eq!((names(folder.path()), names(&to)), (vec!["it".to_owned()], vec!["theirs.txt".to_owned()]));
        // The new one can't take its name, since it is gone.
        let lost = filled(folder.path());
        fs::remove_dir_all(lost.path()).unwrap();
        lost.replace(&to, &aside, |_| Ok(())).unwrap_err();
        assert_eq!((names(folder.path()), names(&to)), (vec!["it".to_owned()], vec!["theirs.txt".to_owned()]));
        filled(folder.path()).replace(&to, &aside, |_| Ok(())).unwrap();
        assert_eq!((names(&to), names(&aside)), (vec!["note.txt".to_owned()], vec!["theirs.txt".to_owned()]));
    }
}
