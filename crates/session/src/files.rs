//! Reading files that may be anything: a folder, a pipe, a link in a circle, endless, no text. What is in them is known elsewhere.

use crate::SessionError;
use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::Path;

/// Why a file is of no use.
#[derive(Debug)]
pub(crate) enum Unusable {
    /// It isn't there.
    Missing(std::io::Error),
    /// The system does not let us.
    Refused(std::io::Error),
    /// It isn't what it should be.
    Wrong(String),
}

impl Unusable {
    /// As the error of a file that lies in the run's folder itself.
    pub(crate) fn in_run(self, path: &Path) -> SessionError {
        match self {
            Unusable::Missing(error) | Unusable::Refused(error) => SessionError::file("read", path)(error),
            Unusable::Wrong(message) => SessionError::format(path, message),
        }
    }

    /// As the error of a checkpoint's file: one that is missing or wrong is damage, the rest is the system's trouble.
    pub(crate) fn in_checkpoint(self, path: &Path) -> SessionError {
        match self {
            Unusable::Missing(_) => SessionError::damaged(path, "it is missing"),
            Unusable::Refused(error) => SessionError::file("read", path)(error),
            Unusable::Wrong(message) => SessionError::damaged(path, message),
        }
    }
}

/// Opens an ordinary file, and says how many bytes it has. Anything else is not even opened: opening a pipe waits for a
/// writer, reading a device never ends.
pub(crate) fn open(path: &Path) -> Result<(File, u64), Unusable> {
    let metadata = fs::metadata(path).map_err(|error| {
        let is_link = fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink());
        match error.kind() {
            ErrorKind::PermissionDenied => Unusable::Refused(error),
            _ if is_link => Unusable::Wrong(format!("it is a link that leads nowhere ({error}): remove it")),
            ErrorKind::NotFound => Unusable::Missing(error),
            _ => Unusable::Refused(error),
        }
    })?;
    if !metadata.is_file() {
        return Err(Unusable::Wrong(format!("{}: a file belongs here", kind(&metadata))));
    }
    Ok((File::open(path).map_err(Unusable::Refused)?, metadata.len()))
}

/// Reads a text of at most `limit` bytes; a longer one is refused before it is read.
pub(crate) fn read_text(path: &Path, limit: u64) -> Result<String, Unusable> {
    let (file, length) = open(path)?;
    let too_long = |length: u64| {
        Unusable::Wrong(format!("it has {length} bytes, far more than the at most {limit} that are expected"))
    };
    if length > limit {
        return Err(too_long(length));
    }
    let mut bytes = Vec::with_capacity(length as usize);
    // It may grow while it is read.
    let read = file.take(limit + 1).read_to_end(&mut bytes).map_err(Unusable::Refused)? as u64;
    if read > limit {
        return Err(too_long(read));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Unusable::Wrong(format!("it is no UTF-8 text: byte {at} does not belong to a character"))
    })
}

/// What something that is no ordinary file is.
pub(crate) fn kind(metadata: &fs::Metadata) -> &'static str {
    if metadata.is_dir() { "it is a folder" } else { "it is a link, a pipe, a socket or a device" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(path: &Path, limit: u64) -> String {
        match read_text(path, limit) {
            Err(Unusable::Wrong(message)) => message,
            other => panic!("expected a file that is wrong, got {other:?}"),
        }
    }

    #[test]
    fn what_is_no_short_text_is_told_before_it_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        assert!(matches!(read_text(&path, 4), Err(Unusable::Missing(_))));
        fs::write(&path, "four").unwrap();
        assert_eq!(read_text(&path, 4).unwrap(), "four");
        assert!(wrong(&path, 3).starts_with("it has 4 bytes, far more than the at most 3"));
        fs::write(&path, b"ok\xff\xfe").unwrap();
        assert!(wrong(&path, 9).contains("byte 2 does not belong"));
        assert!(wrong(folder.path(), 9).starts_with("it is a folder"));
        // Terabytes that take no place on the disk.
        File::create(&path).unwrap().set_len(1 << 40).unwrap();
        assert!(wrong(&path, 1 << 20).starts_with("it has 1099511627776 bytes"));
    }

    #[cfg(unix)]
    #[test]
    fn links_in_a_circle_to_nothing_and_to_what_never_ends_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let link = |name: &str, target: &str| {
            let path = folder.path().join(name);
            std::os::unix::fs::symlink(target, &path).unwrap();
            path
        };
        assert!(wrong(&link("circle", "circle"), 9).starts_with("it is a link that leads nowhere"));
        assert!(wrong(&link("nowhere", "nothing"), 9).starts_with("it is a link that leads nowhere"));
        assert!(wrong(&link("zeros", "/dev/zero"), 9).contains("a device: a file belongs here"));
    }
}
