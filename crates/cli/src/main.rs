//! The `reformer` program: arguments and printing. No logic that a library user would miss.

mod allocation;
mod arguments;
mod chat;
mod claim;
mod data;
mod evaluate;
mod export;
mod fetch;
mod folders;
mod generate;
#[cfg_attr(not(feature = "gpu"), path = "no_graphics.rs")]
mod graphics;
mod handling;
mod info;
mod interrupt;
mod lengths;
mod machine;
mod material;
mod named_file;
mod output;
mod paths;
mod picture;
mod plan;
mod presets;
mod progress;
mod prompt;
mod quantities;
mod resume;
mod run_names;
mod seen;
mod spool;
mod text_file;
mod texts;
mod train;
mod train_arguments;
mod trained;
mod typed;

use arguments::{Command, CommandLine};
use output::{ReaderGone, note};
use std::io::Write;
use std::process::ExitCode;

/// Something failed; what and why was printed. Wrong usage (2) is the parser's, 0 is done.
const FAILED: u8 = 1;

/// The command line makes no sense.
const WRONG_USAGE: u8 = 2;

fn main() -> ExitCode {
    allocation::report_refusals_of_others();
    let done = match CommandLine::read() {
        Ok(line) => interrupt::install().and_then(|()| run(&line.command)),
        Err(said) if said.use_stderr() => {
            // If even stderr is closed, there is nobody to tell.
            let _ = said.print();
            return ExitCode::from(WRONG_USAGE);
        }
        // Help and version. Left to clap, a disk that is full would go unnoticed.
        Err(said) => output::written(said.print()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        // `reformer … | head`: what was wanted was printed.
        Err(error) if error.is::<ReaderGone>() => ExitCode::SUCCESS,
        Err(error) if interrupt::is_end(&error) => {
            interrupt::undo();
            note(format_args!("{error:#}"));
            ExitCode::from(interrupt::EXIT_CODE)
        }
        Err(error) => {
            interrupt::undo();
            let _ = std::io::stderr().lock().write_all(output::report(&error).as_bytes());
            ExitCode::from(FAILED)
        }
    }
}

fn run(command: &Command) -> anyhow::Result<()> {
    match command {
        Command::Train(arguments) => train::run(arguments),
        Command::Chat(arguments) => chat::run(arguments),
        Command::Generate(arguments) => generate::run(arguments),
        Command::Evaluate(arguments) => evaluate::run(arguments),
        Command::Plan(arguments) => plan::run(arguments),
        Command::Info(arguments) => info::run(arguments),
        Command::Export(arguments) => export::run(arguments),
        Command::Data(arguments) => data::run(&arguments.command),
    }
}
