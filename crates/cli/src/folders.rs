//! Where the platform keeps a program's data and caches. What is in them is the business of those who ask.

use std::env;
use std::path::PathBuf;

/// The folder that an environment variable names, unless it is empty.
pub fn named(variable: &str) -> Option<PathBuf> {
    env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// The folder for data that should stay.
pub fn data() -> Option<PathBuf> {
    platform("APPDATA", "Library/Application Support", "XDG_DATA_HOME", ".local/share")
}

/// The folder for what can be made again.
#[cfg_attr(not(feature = "gpu"), allow(dead_code, reason = "only compiled kernels are kept there"))]
pub fn cache() -> Option<PathBuf> {
    platform("LOCALAPPDATA", "Library/Caches", "XDG_CACHE_HOME", ".cache")
}

/// Ours in what Windows' variable names, in a folder of the home on macOS, and in what the XDG variable names or its default elsewhere.
fn platform(windows: &str, macos: &str, xdg: &str, xdg_default: &str) -> Option<PathBuf> {
    let in_home = |folder: &str| named("HOME").map(|home| home.join(folder));
    let folder = if cfg!(windows) {
        named(windows)
    } else if cfg!(target_os = "macos") {
        in_home(macos)
    } else {
        named(xdg).or_else(|| in_home(xdg_default))
    };
    folder.map(|folder| folder.join("reformer"))
}
