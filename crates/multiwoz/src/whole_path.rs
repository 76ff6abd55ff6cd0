//! Where a path leads, of which not all is there yet: so that one can tell whether one place lies within another.

use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

/// A path from the root on, without links and `..`, though its end need not be there yet; none if the system does not say where it
/// leads. `not-there/../data` is `data`: whoever makes `not-there` first gets there.
pub fn whole_path(path: &Path) -> Option<PathBuf> {
    let mut whole = PathBuf::new();
    for component in std::path::absolute(path).ok()?.components() {
        match component {
            Component::ParentDir => _ = whole.pop(),
            Component::CurDir => {}
            part => whole.push(part),
        }
        match dunce::canonicalize(&whole) {
            Ok(found) => whole = found,
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(_) => return None,
        }
    }
    Some(whole)
}
