//! Ctrl-C and `kill`: a wish to stop that whatever runs looks at. Where nothing would be lost, the process ends at once.
//!
//! On Windows Ctrl-Break is the same as Ctrl-C. Closing the console's window, logging off and shutting down are told too, but
//! Windows ends the process as soon as it was told: a run then has its last checkpoint, as after a kill, which is never told.

use crate::allocation;
use crate::output::note;
use anyhow::Context;
use reformer_session::SessionError;
use reformer_tensor::RunError;
use reformer_trainer::TrainError;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What a shell reports for a process that Ctrl-C ended: 128 and the signal's number.
pub const EXIT_CODE: u8 = 130;
/// Steps that take less need no warning that one has to end.
const LONG_STEP: Duration = Duration::from_secs(2);

/// Signals that are nearer to each other are one. Nobody presses Ctrl-C twice in so short a time.
const SAME_SIGNAL: Duration = Duration::from_millis(200);

/// When the last signal came.
static LAST: Mutex<Option<Instant>> = Mutex::new(None);
/// Somebody wants what is going on to stop.
static WISH: AtomicBool = AtomicBool::new(false);
/// The [`Work`] that is going on.
static WORK: AtomicU8 = AtomicU8::new(Work::Preparing as u8);
/// About how long a training step takes, in milliseconds; 0 while nobody knows.
static STEP: AtomicU64 = AtomicU64::new(0);
/// Folders of what is unfinished or temporary, which go whenever the process ends.
static TEMPORARY: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());
/// What to undo if the process ends before anything is worth keeping.
static UNDO: Mutex<Option<Undo>> = Mutex::new(None);

/// Undoes something, and says whether there was anything left of it to undo.
type Undo = Box<dyn FnOnce() -> bool + Send>;

/// What is going on, and so what Ctrl-C means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Work {
    /// Reading, planning, waiting for a line: the process ends at once.
    Preparing,
    /// A run is trained: a step ends, then the run is saved.
    Training,
    /// The run is evaluated between steps: that is broken off, then the run is saved.
    Evaluating,
    /// A text is made or a figure is measured: it is broken off, and what there is by then is shown.
    Answering,
    /// A reply is being made: it ends, and not the program.
    Replying,
}

impl Work {
    const ALL: [Work; 5] = [Work::Preparing, Work::Training, Work::Evaluating, Work::Answering, Work::Replying];

    fn now() -> Self {
        let now = WORK.load(Ordering::SeqCst);
        Self::ALL.into_iter().find(|&work| work as u8 == now).unwrap_or(Work::Preparing)
    }
}

/// Listens for Ctrl-C from now on. Until something else is [going on](during) it ends the process at once.
///
/// # Errors
/// If the system refuses the handler.
pub fn install() -> anyhow::Result<()> {
    ctrlc::set_handler(|| {
        let work = Work::now();
        if work == Work::Preparing {
            end(work);
        }
        let again = is_again();
        if WISH.swap(true, Ordering::SeqCst) {
            if again {
                end(work);
            }
            return;
        }
        if let Some(said) = said(work, Duration::from_millis(STEP.load(Ordering::SeqCst))) {
            note(format_args!("\n{said}"));
        }
    })
    .context("cannot listen for Ctrl-C")
}

/// Whether this is somebody who wants it at once, and not the first signal over again: `timeout` sends each to the process and to its
/// group, and a shell may do the same.
fn is_again() -> bool {
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    last.replace(Instant::now()).is_some_and(|last| last.elapsed() >= SAME_SIGNAL)
}

/// Ends the process at once.
fn end(work: Work) -> ! {
    if work == Work::Preparing {
        let said = if undo() { "stopped before the first step: nothing was saved" } else { "stopped" };
        note(format_args!("\n{said}"));
    }
    // The process ends here, and with it nothing is dropped.
    for folder in TEMPORARY.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
        remove_while_written(&folder);
    }
    // At once: what the system calls at a usual end takes apart what another thread may be in the middle of, a GPU's driver for one.
    allocation::leave(EXIT_CODE)
}

/// Removes a folder that other threads of this process may still write to: a file that comes while the others are removed is met by the
/// next try.
fn remove_while_written(folder: &Path) {
    const TRIES: usize = 10;
    for _ in 0..TRIES {
        match std::fs::remove_dir_all(folder) {
            Err(error) if error.kind() == ErrorKind::DirectoryNotEmpty => {}
            _ => return,
        }
    }
}

/// What to say to the first Ctrl-C.
fn said(work: Work, step: Duration) -> Option<String> {
    const AGAIN: &str = "(Ctrl-C once more stops at once)";
    match work {
        Work::Preparing | Work::Replying => None,
        Work::Training if step >= LONG_STEP => {
            let seconds = step.as_secs();
            Some(format!("stopping: this step ends, which takes up to {seconds} s, then the run is saved {AGAIN}"))
        }
        Work::Training => Some(format!("stopping: this step ends, then the run is saved {AGAIN}")),
        Work::Evaluating => Some(format!("stopping: the evaluation is broken off, then the run is saved {AGAIN}")),
        Work::Answering => Some(format!("stopping {AGAIN}")),
    }
}

/// From now on this is going on.
pub fn during(work: Work) {
    WORK.store(work as u8, Ordering::SeqCst);
}

/// A reply begins.
pub fn reply_begins() {
    WISH.store(false, Ordering::SeqCst);
    during(Work::Replying);
}

/// It ended.
pub fn reply_ends() {
    during(Work::Preparing);
}

/// A training step took so long.
pub fn step_took(step: Duration) {
    STEP.store(step.as_millis() as u64, Ordering::SeqCst);
}

/// If nothing comes of it, whether somebody ends it or it fails, this is done. It says whether there was anything to undo.
pub fn undo_with(undo: impl FnOnce() -> bool + Send + 'static) {
    *UNDO.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(undo));
}

/// Something came of it: nothing is to be undone any more.
pub fn keep() {
    *UNDO.lock().unwrap_or_else(PoisonError::into_inner) = None;
}

/// This folder goes, too, if somebody ends the process.
pub fn remove_at_an_end(folder: &Path) {
    TEMPORARY.lock().unwrap_or_else(PoisonError::into_inner).push(folder.to_owned());
}

/// This folder is not to be removed any more. Waits for whoever is removing it, which is before the process ends.
pub fn keep_at_an_end(folder: &Path) {
    TEMPORARY.lock().unwrap_or_else(PoisonError::into_inner).retain(|known| known != folder);
}

/// Nothing came of it: undoes what is to be undone, and says whether that was anything.
pub fn undo() -> bool {
    let undo = UNDO.lock().unwrap_or_else(PoisonError::into_inner).take();
    undo.is_some_and(|undo| undo())
}

/// Whether to stop.
pub fn wished() -> bool {
    WISH.load(Ordering::SeqCst)
}

/// Whether an error says no more than that somebody wanted an end.
pub fn is_end(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        matches!(cause.downcast_ref(), Some(TrainError::Stopped { .. } | TrainError::Run(RunError::Stopped)))
            || matches!(cause.downcast_ref(), Some(SessionError::Run(RunError::Stopped)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_fits_what_runs() {
        let second = Duration::from_secs(1);
        assert_eq!(said(Work::Preparing, second), None, "it is over before anything could be said");
        assert_eq!(said(Work::Replying, second), None, "the reply ends where one looks at it");
        let rows = [
            (Work::Training, 1, "stopping: this step ends, then the run is saved (Ctrl-C once more stops at once)"),
            (
                Work::Training,
                61,
                "stopping: this step ends, which takes up to 61 s, then the run is saved (Ctrl-C once",
            ),
            (Work::Evaluating, 61, "stopping: the evaluation is broken off, then the run is saved (Ctrl-C once"),
            (Work::Answering, 61, "stopping (Ctrl-C once more stops at once)"),
        ];
        for (work, seconds, expected) in rows {
            let text = said(work, seconds * second).unwrap_or_default();
            assert!(text.starts_with(expected), "{text}");
        }
    }

    /// One test, since there is one such list in a process.
    #[test]
    fn what_is_undone_is_said_and_what_is_kept_is_not() {
        assert!(!undo(), "there is nothing");
        undo_with(|| true);
        assert!(undo());
        assert!(!undo(), "once is enough");
        undo_with(|| false);
        assert!(!undo(), "nothing was left of it");
        undo_with(|| true);
        keep();
        assert!(!undo(), "by then a run was saved");
    }

    #[test]
    fn a_folder_is_removed_while_it_is_written_to() {
        let around = tempfile::tempdir().expect("a folder");
        let folder = around.path().join("unfinished");
        std::fs::create_dir_all(folder.join("below")).expect("writable");
        std::fs::write(folder.join("below/file"), "half").expect("writable");
        remove_while_written(&folder);
        assert!(!folder.exists());
        remove_while_written(&folder);
    }

    #[test]
    fn an_end_that_was_wanted_is_told_from_a_failure() {
        let stopped = TrainError::Stopped { done: 1, all: 2 };
        assert!(is_end(&anyhow::Error::new(stopped).context("--split test")));
        assert!(is_end(&SessionError::Run(RunError::Stopped).into()));
        assert!(!is_end(&SessionError::EmptyPrompt.into()));
    }
}
