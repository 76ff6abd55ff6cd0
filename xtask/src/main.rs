//! `cargo xtask`: the list of commands, their help, and exit codes. What a command does is in the module of its name.
//! The runner holds no logic that a user of the libraries would miss, and depends on no crate of the workspace.

mod arm;
mod bench;
mod ci;
mod drivers;
mod forward;
mod gpu_check;
mod listing;
mod mutants;
mod output;
mod shader_stats;
mod smoke;
mod test;
mod tidy;
mod windows;
mod workspace;

use anyhow::anyhow;
use output::say;
use std::ffi::OsString;
use std::fmt::{self, Display};
use std::io::Write;
use std::process::ExitCode;

/// Everything went well.
const DONE: u8 = 0;
/// Something failed; what and why was printed.
const FAILED: u8 = 1;
/// The command line makes no sense.
const WRONG_USAGE: u8 = 2;

/// What a command does with its arguments.
enum Does {
    /// Builds the program and becomes it: arguments, streams and exit code are the program's.
    Forward,
    /// Runs here and returns the exit code.
    Here(fn(&[String]) -> anyhow::Result<u8>),
}

struct Command {
    name: &'static str,
    arguments: &'static str,
    summary: &'static str,
    /// What `--help` adds to the summary. Forwarded commands have their own help.
    help: &'static str,
    does: Does,
}

const COMMANDS: &[Command] = &[
    forwarded("train", "trains a Reformer; without options, a chatbot"),
    forwarded("chat", "talks to a trained run"),
    forwarded("generate", "answers or continues a prompt"),
    forwarded("evaluate", "bits per byte on held-out text"),
    forwarded("plan", "parameters, peak memory and FLOPs of a step, before anything runs"),
    forwarded("info", "what a run is"),
    forwarded("export", "writes a run's weights alone"),
    forwarded("data", "counts, checks and converts data, writes the sample out"),
    Command {
        name: "test",
        arguments: "[ARGS OF cargo test…]",
        summary: "every test a contributor must pass",
        help: test::HELP,
        does: Does::Here(test::run),
    },
    Command {
        name: "arm",
        arguments: "",
        summary: "the CPU's tests on aarch64, emulated",
        help: arm::HELP,
        does: Does::Here(arm::run),
    },
    Command {
        name: "ci",
        arguments: "",
        summary: "everything that is checked before a change lands",
        help: ci::HELP,
        does: Does::Here(ci::run),
    },
    Command {
        name: "tidy",
        arguments: "",
        summary: "the absences of docs/ARCHITECTURE.md and the house rules",
        help: tidy::HELP,
        does: Does::Here(tidy::run),
    },
    Command {
        name: "smoke",
        arguments: "",
        summary: "the main job in small: plan, train, kill, resume, evaluate, generate, chat",
        help: smoke::HELP,
        does: Does::Here(smoke::run),
    },
    Command {
        name: "windows",
        arguments: "",
        summary: "checks for Windows and macOS, and the main job under wine",
        help: windows::HELP,
        does: Does::Here(windows::run),
    },
    Command {
        name: "mutants",
        arguments: "[NAME] [--part K/N] [--list]",
        summary: "planted faults, each with the test that must catch it",
        help: mutants::HELP,
        does: Does::Here(mutants::run),
    },
    Command {
        name: "drivers",
        arguments: "",
        summary: "the GPU's suite on three software drivers, none of which need be installed",
        help: drivers::HELP,
        does: Does::Here(drivers::run),
    },
    Command {
        name: "bench",
        arguments: "[FILTER] [--baseline NAME] [--save-baseline NAME]",
        summary: "the criterion benches, and docs/results.md from them",
        help: bench::HELP,
        does: Does::Here(bench::run),
    },
    Command {
        name: "shader-stats",
        arguments: "[--check] [--family NAME]",
        summary: "what real GPUs' compilers make of each kernel",
        help: shader_stats::HELP,
        does: Does::Here(shader_stats::run),
    },
    Command {
        name: "gpu-check",
        arguments: "[--adapter NAME] [--out FILE] [--force]",
        summary: "everything that a real GPU has to show, and a page of results",
        help: gpu_check::HELP,
        does: Does::Here(gpu_check::run),
    },
];

const fn forwarded(name: &'static str, summary: &'static str) -> Command {
    Command { name, arguments: "[ARGS…]", summary, help: "", does: Does::Forward }
}

/// A mistake in the command line: printed like every error, but with exit code 2.
#[derive(Debug)]
struct UsageError(String);

impl Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for UsageError {}

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let outcome = dispatch(&arguments).and_then(|code| match output::lost() {
        // What failed has said so already, or could not say anything either.
        Some(error) if code == DONE => Err(anyhow!("cannot write to stdout: {error}")),
        _ => Ok(code),
    });
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            let mut text = format!("error: {error}\n");
            for cause in error.chain().skip(1) {
                text += &format!("  because: {cause}\n");
            }
            let _ = std::io::stderr().lock().write_all(text.as_bytes());
            ExitCode::from(if error.is::<UsageError>() { WRONG_USAGE } else { FAILED })
        }
    }
}

fn dispatch(arguments: &[OsString]) -> anyhow::Result<u8> {
    let Some((name, rest)) = arguments.split_first() else {
        return Err(UsageError(format!("which command?\n\n{}", overview())).into());
    };
    let name = name.to_string_lossy();
    if matches!(&*name, "help" | "--help" | "-h") {
        say(overview());
        return Ok(DONE);
    }
    let Some(command) = COMMANDS.iter().find(|command| command.name == name) else {
        return Err(UsageError(format!("there is no command `{name}`\n\n{}", overview())).into());
    };
    let run = match command.does {
        Does::Forward => return forward::run(command.name, rest),
        Does::Here(run) => run,
    };
    let text = |argument: &OsString| match argument.to_str() {
        Some(text) => Ok(text.to_owned()),
        None => Err(UsageError(format!("`{}` is no text: its bytes are no UTF-8", argument.display()))),
    };
    let rest = rest.iter().map(text).collect::<Result<Vec<String>, UsageError>>()?;
    // `cargo xtask test -- --help` asks the test binaries, not us.
    if rest.iter().take_while(|argument| *argument != "--").any(|argument| argument == "--help" || argument == "-h") {
        let usage = format!("cargo xtask {} {}", command.name, command.arguments);
        say(format!("{}\n\n{}", usage.trim_end(), command.help.trim_end()));
        return Ok(DONE);
    }
    run(&rest)
}

/// Refuses arguments of a command that takes none.
fn no_arguments(command: &str, arguments: &[String]) -> anyhow::Result<()> {
    match arguments.first() {
        None => Ok(()),
        Some(first) => Err(UsageError(format!(
            "`cargo xtask {command}` takes no arguments, but got `{first}`; see `cargo xtask {command} --help`"
        ))
        .into()),
    }
}

/// The list of commands.
fn overview() -> String {
    let list = |forward: bool| {
        COMMANDS
            .iter()
            .filter(|command| matches!(command.does, Does::Forward) == forward)
            .map(|command| format!("  {:13}{}\n", command.name, command.summary))
            .collect::<String>()
    };
    format!(
        "cargo xtask COMMAND [ARGS…]; each command has --help\n\n\
         Built with the release profile, then run as `reformer COMMAND ARGS…`:\n{}\n\
         For contributors:\n{}",
        list(true),
        list(false).trim_end()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(arguments: &[&str]) -> anyhow::Result<u8> {
        dispatch(&arguments.iter().map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn wrong_usage_is_told_apart_and_lists_every_command() {
        for arguments in
            [&["trian"][..], &[], &["tidy", "--fast"], &["ci", "now"], &["bench", "a", "b"], &["gpu-check", "now"]]
        {
            let error = call(arguments).expect_err("wrong usage");
            assert!(error.is::<UsageError>(), "{arguments:?} gave {error}");
        }
        let text = call(&["trian"]).expect_err("no such command").to_string();
        for command in COMMANDS {
            assert!(text.contains(command.name), "{} is not in:\n{text}", command.name);
        }
    }

    #[test]
    fn every_command_of_ours_has_help_and_runs_nothing_for_it() {
        for command in COMMANDS.iter().filter(|command| matches!(command.does, Does::Here(_))) {
            assert!(command.help.len() > 40, "{} explains nothing", command.name);
            assert_eq!(call(&[command.name, "--help"]).expect("help works"), DONE);
        }
    }

    #[test]
    fn names_are_unique() {
        let mut names: Vec<_> = COMMANDS.iter().map(|command| command.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), COMMANDS.len());
    }
}
