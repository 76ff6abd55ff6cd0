//! Builds the `reformer` program and becomes it. Knows nothing of its arguments.

use crate::workspace;
use anyhow::{Context, bail};
use serde_json::Value;
use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Builds `reformer` and runs `reformer NAME ARGUMENTS…` in the user's folder. Where the system can replace a process
/// by another (Unix), it does not return: signals, streams and exit code are then the program's without our doing, so
/// that Ctrl-C reaches it once and `kill` finds it under the process id the user sees.
pub fn run(name: &str, arguments: &[OsString]) -> anyhow::Result<u8> {
    let program = build_reformer()?;
    let mut command = Command::new(&program);
    // What it tells the user to type is then what they have typed themselves.
    command.env("REFORMER_CALLED_AS", "cargo xtask");
    command.arg(name).args(arguments);
    become_it(command, &program)
}

#[cfg(unix)]
fn become_it(mut command: Command, program: &Path) -> anyhow::Result<u8> {
    use std::os::unix::process::CommandExt;
    let error = command.exec();
    Err(error).with_context(|| format!("cannot start {}", program.display()))
}

#[cfg(not(unix))]
fn become_it(mut command: Command, program: &Path) -> anyhow::Result<u8> {
    // The console sends Ctrl-C to the program as well, which saves and stops; we only wait for it.
    ctrlc::set_handler(|| {}).context("cannot ignore Ctrl-C while the program runs")?;
    let status = command.status().with_context(|| format!("cannot start {}", program.display()))?;
    Ok(workspace::exit_code(status))
}

/// Builds the program and returns where it lies.
pub fn build_reformer() -> anyhow::Result<PathBuf> {
    build(build_command(workspace::root(), "reformer-cli", "reformer"), "reformer")
}

/// The call of cargo that builds a program of the workspace below `root` with the release profile.
fn build_command(root: &Path, package: &str, program: &str) -> Command {
    let mut cargo = workspace::cargo();
    cargo.args(["build", "--release", "--package", package, "--bin", program]);
    cargo.arg("--message-format=json-render-diagnostics").arg("--manifest-path").arg(root.join("Cargo.toml"));
    // The first build takes minutes: show cargo's progress. Later ones must not put a line before every answer.
    if built_before(program) {
        cargo.arg("--quiet");
    }
    cargo
}

/// Builds, and asks cargo for the path: it alone knows what `CARGO_TARGET_DIR`, config files and targets make of it.
pub fn build(mut cargo: Command, program: &str) -> anyhow::Result<PathBuf> {
    let mut child = cargo.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().context("cannot start cargo")?;
    let mut executable = None;
    if let Some(messages) = child.stdout.take() {
        for line in BufReader::new(messages).lines() {
            let line = line.context("cannot read cargo's messages")?;
            executable = executable_in(&line, program).or(executable);
        }
    }
    if !child.wait().context("cannot wait for cargo")?.success() {
        bail!("`{program}` was not built; the compiler's messages are above");
    }
    executable.with_context(|| format!("cargo built everything but named no program `{program}`"))
}

/// The path in a message of cargo that says that `program` is built.
fn executable_in(message: &str, program: &str) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(message).ok()?;
    let this = message["reason"] == "compiler-artifact" && message["target"]["name"] == program;
    this.then(|| message["executable"].as_str()).flatten().map(PathBuf::from)
}

/// Whether the program lies beside us, where a build with our profile puts it.
fn built_before(program: &str) -> bool {
    std::env::current_exe()
        .is_ok_and(|this| this.with_file_name(program).with_extension(std::env::consts::EXE_EXTENSION).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn workspace_with(main: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::create_dir_all(folder.path().join("src")).expect("writable");
        let manifest = "[package]\nname = \"tiny\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\
                        [[bin]]\nname = \"tiny-program\"\npath = \"src/main.rs\"\n[workspace]\n";
        fs::write(folder.path().join("Cargo.toml"), manifest).expect("writable");
        fs::write(folder.path().join("src/main.rs"), main).expect("writable");
        folder
    }

    /// Builds into the folder itself, whatever the environment says: tests run beside one another.
    fn build_in(folder: &Path) -> anyhow::Result<PathBuf> {
        let mut cargo = build_command(folder, "tiny", "tiny-program");
        cargo.env("CARGO_TARGET_DIR", folder.join("target"));
        build(cargo, "tiny-program")
    }

    #[test]
    fn what_is_built_is_found_and_exits_with_its_own_code() {
        let folder = workspace_with("fn main() { std::process::exit(std::env::args().count() as i32) }");
        let program = build_in(folder.path()).expect("it builds");
        let status = Command::new(&program).args(["one", "two"]).status().expect("it starts");
        assert_eq!(workspace::exit_code(status), 3);
        assert_eq!(build_in(folder.path()).expect("nothing to do"), program);
    }

    #[test]
    fn what_does_not_compile_is_an_error() {
        let folder = workspace_with("fn main() { missing() }");
        let error = build_in(folder.path()).expect_err("it does not compile");
        assert!(error.to_string().contains("`tiny-program` was not built"), "{error}");
    }

    #[test]
    fn only_the_program_itself_is_taken_from_messages() {
        let line = |name: &str, executable: &str| {
            format!(r#"{{"reason":"compiler-artifact","target":{{"name":"{name}"}},"executable":{executable}}}"#)
        };
        assert_eq!(executable_in(&line("reformer", "\"/x/reformer\""), "reformer"), Some("/x/reformer".into()));
        assert_eq!(executable_in(&line("serde", "null"), "reformer"), None);
        assert_eq!(executable_in(&line("other", "\"/x/other\""), "reformer"), None);
        assert_eq!(executable_in("not json", "reformer"), None);
    }
}
