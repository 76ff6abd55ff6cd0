//! What `cargo xtask windows` needs of this machine, and what to install where it is missing. Runs nothing but questions.

use crate::workspace;
use std::path::{Path, PathBuf};

/// The compiler of mingw-w64, for the C code of dependencies and for linking.
pub const MINGW: &str = "x86_64-w64-mingw32-gcc";
/// Debian's package of [`MINGW`].
pub const MINGW_PACKAGE: &str = "gcc-mingw-w64-x86-64";
/// Debian's package of wine. What it recommends is for programs with windows and sound.
pub const WINE_PACKAGE: &str = "wine64";
/// Where Debian's package has the programs: its `wine`, which is in the path, comes with another package.
const DEBIAN_WINE: &str = "/usr/lib/wine";

/// The two programs of wine.
pub struct WinePrograms {
    /// Runs Windows' programs.
    pub wine: PathBuf,
    /// Is Windows to them.
    pub server: PathBuf,
}

/// Whether the C compiler for Windows is there.
pub fn has_mingw() -> bool {
    in_path(MINGW).is_some()
}

/// wine's programs, if they are there. Other distributions have them in the path, under either name.
pub fn wine() -> Option<WinePrograms> {
    let find = |names: [&str; 2]| {
        names.iter().find_map(|name| {
            let debian = Path::new(DEBIAN_WINE).join(name);
            in_path(name).or_else(|| debian.is_file().then_some(debian))
        })
    };
    Some(WinePrograms { wine: find(["wine64", "wine"])?, server: find(["wineserver64", "wineserver"])? })
}

/// A program in one of the folders of `PATH`.
fn in_path(name: &str) -> Option<PathBuf> {
    workspace::program_in(&workspace::path_folders(), name)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_told_from_what_is_not() {
        assert!(in_path("cargo").is_some() && in_path("no-such-program-anywhere").is_none());
    }
}
