//! What xtask prints, and whether it could be printed. What is said is up to the commands.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};
use std::sync::OnceLock;

/// Why something that was to be printed was not.
static LOST: OnceLock<io::Error> = OnceLock::new();

/// Prints a line.
pub fn say(line: impl Display) {
    // Tests look at values, and this would go past the capture of their output.
    if !cfg!(test) {
        let _ = writeln!(Stdout, "{line}").and_then(|()| Stdout.flush());
    }
}

/// Stdout that never stops anybody: what was begun is worth finishing though its report gets lost, and a reader that went away
/// (`… | head`) has read what it wanted. See [`lost`].
pub struct Stdout;

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        note(io::stdout().lock().write_all(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        note(io::stdout().lock().flush());
        Ok(())
    }
}

fn note(written: io::Result<()>) {
    if let Err(error) = written
        && error.kind() != ErrorKind::BrokenPipe
    {
        // Of several reasons the first is the cause.
        let _ = LOST.set(error);
    }
}

/// Why something was not printed, a full disk for instance; none if everything was.
pub fn lost() -> Option<&'static io::Error> {
    LOST.get()
}
