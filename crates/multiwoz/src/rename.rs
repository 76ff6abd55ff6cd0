//! Renaming that a virus scanner does not stop. What is renamed, and when, is decided elsewhere.

use std::fs;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long somebody may hold a file before that is an error.
const PATIENCE: Duration = Duration::from_secs(5);
/// The pause after a first try; each is twice the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(2);

/// Renames a file or a folder. Windows refuses that as long as anybody has it open, or anything in it, and virus scanners open
/// what has just been written: there it is tried again for a while. Elsewhere an open file is in nobody's way.
/// (`reformer-session` does the same for runs; the two crates do not know each other.)
pub(crate) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    let begin = Instant::now();
    let mut pause = FIRST_PAUSE;
    loop {
        match fs::rename(from, to) {
            Err(error) if is_held(&error) && begin.elapsed() < PATIENCE => std::thread::sleep(pause),
            result => return result,
        }
        pause *= 2;
    }
}

/// Whether an error says that somebody has a file open.
fn is_held(error: &io::Error) -> bool {
    const ACCESS_DENIED: i32 = 5;
    const SHARING_VIOLATION: i32 = 32;
    const LOCK_VIOLATION: i32 = 33;
    let held = [ACCESS_DENIED, SHARING_VIOLATION, LOCK_VIOLATION];
    cfg!(windows) && error.raw_os_error().is_some_and(|code| held.contains(&code))
}
