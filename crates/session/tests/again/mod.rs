//! How a test starts its own program again, in a process of its own.
#![allow(dead_code)]

use std::env;
use std::process::Command;

/// What cargo starts programs for aarch64 with, where it was told one. The system alone can't start them there.
fn emulator() -> Option<String> {
    let emulator = env::var("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER").ok();
    emulator.filter(|emulator| cfg!(target_arch = "aarch64") && !emulator.is_empty())
}

/// Whether an emulator runs this program.
pub fn is_emulated() -> bool {
    emulator().is_some()
}

/// The command that runs this test program; arguments may follow.
pub fn this_program() -> Command {
    let program = env::current_exe().unwrap();
    let emulator = emulator().unwrap_or_default();
    let mut words = emulator.split_whitespace();
    let Some(first) = words.next() else { return Command::new(program) };
    let mut command = Command::new(first);
    command.args(words).arg(program);
    command
}
