//! The tour: pages of `tests/tour/` as a user's shell would run them, every command and every word of what it says. What is odd
//! enough to need code is tested beside this file.
//!
//! A page is Markdown. Its blocks ```` ```console ```` are one session in one empty folder: `$ ` begins a command of `sh`, then comes what
//! it prints, both streams as a terminal shows them, and `? 1` where the exit code is not 0. `[..]` stands for what may be
//! anything within a line, `...` alone for any lines. `SNAPSHOTS=overwrite cargo test --workspace --test tour` writes what was said into the
//! pages, to be read and to be given its `[..]` again.

#[cfg(target_os = "linux")]
mod harness;
#[cfg(target_os = "linux")]
#[path = "tour/shell.rs"]
mod shell;

#[cfg(target_os = "linux")]
fn main() {
    shell::walk_all();
}

/// The pages need a shell, `ulimit -v` and the `sed` of Linux.
#[cfg(not(target_os = "linux"))]
#[allow(clippy::print_stderr, reason = "a test that can't run says so")]
fn main() {
    eprintln!("SKIPPED: the tour is typed into a shell of Linux");
}
