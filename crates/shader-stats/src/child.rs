//! The process that compiles for one architecture, from both sides. The driver reads its environment once and before
//! anything else, so each architecture has a process of its own. Neither side judges a figure.

use crate::architecture::{self, driver_name};
use crate::figures::Figures;
use crate::launches::Launch;
use crate::translate::{self, TranslateError};
use crate::vulkan::{Compiler, VulkanError};
use serde::{Deserialize, Serialize};
use std::io::{self, BufRead, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use thiserror::Error;

/// What the program is called with, followed by the family, to be a child.
pub const ARGUMENT: &str = "--compile-for";

/// What the child says first.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Greeting {
    /// The device.
    pub device: String,
    /// Its driver with its version.
    pub driver: String,
}

/// What one architecture makes of launches.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Compiled {
    /// The family that was asked for.
    pub family: String,
    /// Who compiled.
    pub by: Greeting,
    /// Each launch with its figures.
    pub rows: Vec<(Launch, Figures)>,
}

/// Why an architecture's figures are not to be had.
#[derive(Debug, Error)]
pub enum ChildError {
    /// A stream or a process failed.
    #[error("{what}: {error}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// Why it failed.
        error: io::Error,
    },
    /// What came through a stream is no JSON of the right kind.
    #[error("{what}: {error}")]
    Message {
        /// What was read or written.
        what: &'static str,
        /// What is wrong with it.
        error: serde_json::Error,
    },
    /// A launch that is none.
    #[error("there is no entry point `{0}`")]
    Unknown(String),
    /// A launch can't be translated.
    #[error(transparent)]
    Translate(#[from] TranslateError),
    /// The device can't be opened.
    #[error(transparent)]
    Open(VulkanError),
    /// The driver refuses a launch.
    #[error("{launch}: {error}")]
    Compile {
        /// The launch.
        launch: String,
        /// What the driver said.
        error: VulkanError,
    },
    /// The child ended early.
    #[error("compiling for `{family}` ended with {status}{at}:\n{said}")]
    Ended {
        /// The family.
        family: String,
        /// How it ended.
        status: std::process::ExitStatus,
        /// ` at fill.wgsl main`, if it got that far.
        at: String,
        /// What it wrote to its error stream.
        said: String,
    },
}

/// The child: reads launches, writes a greeting and then figures, a line each.
///
/// # Errors
/// If the device can't be opened, or a launch can't be compiled.
pub fn serve(family: &str, mut input: impl Read, mut output: impl Write) -> Result<(), ChildError> {
    let failed = |what| move |error| ChildError::Io { what, error };
    let mut text = String::new();
    input.read_to_string(&mut text).map_err(failed("cannot read launches"))?;
    let launches: Vec<Launch> =
        serde_json::from_str(&text).map_err(|error| ChildError::Message { what: "launches", error })?;
    let compiler = Compiler::open(driver_name(family)).map_err(ChildError::Open)?;
    let greeting = Greeting { device: compiler.device_name.clone(), driver: compiler.driver.clone() };
    let mut say = |line: Result<String, serde_json::Error>| {
        let line = line.map_err(|error| ChildError::Message { what: "an answer", error })?;
        writeln!(output, "{line}").and_then(|()| output.flush()).map_err(failed("cannot write an answer"))
    };
    say(serde_json::to_string(&greeting))?;
    for launch in launches {
        let entry = launch.find().ok_or_else(|| ChildError::Unknown(launch.to_string()))?;
        let words = translate::to_spirv(&launch)?;
        let figures = compiler
            .compile(entry, &words)
            .map_err(|error| ChildError::Compile { launch: launch.to_string(), error })?;
        say(serde_json::to_string(&figures))?;
    }
    Ok(())
}

/// The parent: starts `program` as a child for `family`, by the driver of `manifest`.
///
/// # Errors
/// If the child can't be started or does not get to the end; what it said is in the error.
pub fn compile(program: &Path, manifest: &Path, family: &str, launches: &[Launch]) -> Result<Compiled, ChildError> {
    let failed = |what| move |error| ChildError::Io { what, error };
    let mut child = Command::new(program)
        .args([ARGUMENT, family])
        .envs(architecture::environment(manifest, family))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed("cannot start the program again"))?;
    if let Some(stdin) = child.stdin.take() {
        let written = serde_json::to_writer(stdin, launches);
        // A child that ends before it reads says why; a closed pipe says nothing more.
        written
            .or_else(|error| if error.is_io() { Ok(()) } else { Err(error) })
            .map_err(|error| ChildError::Message { what: "launches", error })?;
    }
    let output = child.wait_with_output().map_err(failed("cannot wait for the child"))?;
    let mut lines = output.stdout.lines();
    let mut next = || lines.next().transpose().map_err(failed("cannot read the child's answer"));
    let (mut greeting, mut rows) = (None, Vec::new());
    if let Some(line) = next()? {
        let read = serde_json::from_str(&line).map_err(|error| ChildError::Message { what: "the greeting", error })?;
        greeting = Some(read);
    }
    for launch in launches {
        let Some(line) = next()? else { break };
        let figures = serde_json::from_str(&line).map_err(|error| ChildError::Message { what: "figures", error })?;
        rows.push((launch.clone(), figures));
    }
    match greeting {
        Some(by) if output.status.success() && rows.len() == launches.len() => {
            Ok(Compiled { family: family.to_owned(), by, rows })
        }
        greeting => Err(ChildError::Ended {
            family: family.to_owned(),
            status: output.status,
            at: greeting.and(launches.get(rows.len())).map_or_else(String::new, |launch| format!(" at {launch}")),
            said: String::from_utf8_lossy(&output.stderr).into_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_that_ends_early_is_quoted() {
        // This test program is no child: it refuses the argument.
        let program = std::env::current_exe().expect("a running program has a path");
        let error = compile(&program, Path::new("radeon_icd.json"), "navi31", &[]).expect_err("it is no child");
        let text = error.to_string();
        assert!(text.starts_with("compiling for `navi31` ended with "), "{text}");
        assert!(text.contains("compile-for"), "what it said is not in: {text}");
    }

    #[test]
    fn a_child_refuses_what_is_no_list_of_launches() {
        let error = serve("navi31", &b"{}"[..], Vec::new()).expect_err("no list").to_string();
        assert!(error.starts_with("launches: invalid type: map, expected a sequence"), "{error}");
    }
}
