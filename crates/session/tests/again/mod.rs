//! How a test starts its own program again, in a process of its own.

use std::env;
use std::process::Command;

/// What cargo starts programs for aarch64 with, where it was told one: an emulator. The system alone can't start them there.
const RUNNER: &str = "CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER";

/// The command that runs this test program; arguments may follow.
pub fn this_program() -> Command {
    let runner = if cfg!(target_arch = "aarch64") { env::var(RUNNER).unwrap_or_default() } else { String::new() };
    let mut words = runner.split_whitespace();
    let program = env::current_exe().unwrap();
    match words.next() {
        None => Command::new(program),
        Some(runner) => {
            let mut command = Command::new(runner);
            command.args(words).arg(program);
            command
        }
    }
}
