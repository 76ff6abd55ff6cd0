//! Ctrl-C and `kill`: a wish to stop that loops look at. When there is nothing to end cleanly, the process ends at once.
//!
//! On Windows Ctrl-Break is the same as Ctrl-C. Closing the console's window, logging off and shutting down are told too, but
//! Windows ends the process as soon as it was told: a run then has its last checkpoint, as after a kill, which is never told.

use crate::output::note;
use anyhow::Context;
use std::sync::atomic::{AtomicBool, Ordering};

/// What a shell reports for a process that Ctrl-C ended: 128 and the signal's number.
const EXIT_CODE: i32 = 130;

/// Somebody wants what is going on to stop.
static WISH: AtomicBool = AtomicBool::new(false);
/// A reply is being made: the first Ctrl-C ends the reply and not the program.
static REPLYING: AtomicBool = AtomicBool::new(false);

/// From now on the first Ctrl-C is a wish, and says so; the second ends the process.
///
/// # Errors
/// If the system refuses the handler.
pub fn listen() -> anyhow::Result<()> {
    ctrlc::set_handler(|| {
        if WISH.swap(true, Ordering::SeqCst) {
            std::process::exit(EXIT_CODE);
        }
        note("\nstopping: this step ends, then the run is saved (Ctrl-C once more stops at once)");
    })
    .context("cannot listen for Ctrl-C")
}

/// From now on Ctrl-C during a reply ends the reply; else, or the second time, the process.
///
/// # Errors
/// If the system refuses the handler.
pub fn listen_between_replies() -> anyhow::Result<()> {
    ctrlc::set_handler(|| {
        if !REPLYING.load(Ordering::SeqCst) || WISH.swap(true, Ordering::SeqCst) {
            std::process::exit(EXIT_CODE);
        }
    })
    .context("cannot listen for Ctrl-C")
}

/// A reply begins.
pub fn reply_begins() {
    WISH.store(false, Ordering::SeqCst);
    REPLYING.store(true, Ordering::SeqCst);
}

/// It ended.
pub fn reply_ends() {
    REPLYING.store(false, Ordering::SeqCst);
}

/// Whether to stop.
pub fn wished() -> bool {
    WISH.load(Ordering::SeqCst)
}
