//! `cargo xtask windows`: the code is checked for Windows and macOS, and the program for Windows is run under wine. Which runs
//! these are is in `job.rs`.

mod job;
mod tools;
mod wine;

use crate::{DONE, forward, no_arguments, say, workspace};
use anyhow::{Context, bail, ensure};
use job::Job;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tools::{MINGW_PACKAGE, WINE_PACKAGE};
use wine::Wine;

/// What `cargo xtask windows --help` prints.
pub const HELP: &str = "\
Checks the whole workspace for Windows, and its libraries and programs for macOS, without running it. Then builds the
program for Windows, without the GPU backend, and runs it under wine beside the one for this machine: data, training, a
kill, a lock, resuming, generating and chatting must give the same bits and texts, and the tests of runs' folders must
pass. What runs is kept in `windows/` of the target folder if something is wrong.

Needs Rust's targets x86_64-pc-windows-gnu and aarch64-apple-darwin (`rustup target add`), and of Debian
gcc-mingw-w64-x86-64 and wine64. Says SKIPPED for what is not there; where CI is set, packages that are missing fail.
";

const WINDOWS: &str = "x86_64-pc-windows-gnu";
const MACOS: &str = "aarch64-apple-darwin";

/// Checks and runs what this machine has the tools for.
pub fn run(arguments: &[String]) -> anyhow::Result<u8> {
    no_arguments("windows", arguments)?;
    if has_target(MACOS)? {
        // No C compiler here makes code for macOS. A check links nothing, so what the C code becomes is never looked at: a
        // "compiler" that does nothing and succeeds lets the Rust code around it be checked.
        let nothing = ["CC", "CXX", "AR"].map(|tool| (format!("{tool}_{}", MACOS.replace('-', "_")), "true"));
        // Libraries and programs: tests and benches bring many more crates, and differ by no system.
        check(MACOS, &[], &nothing)?;
    }
    if !cfg!(target_arch = "x86_64") {
        say("SKIPPED: the program for Windows is one of x86-64, which this machine is not");
        return Ok(DONE);
    }
    if !has_target(WINDOWS)? || !has_package(tools::has_mingw(), MINGW_PACKAGE)? {
        return Ok(DONE);
    }
    check(WINDOWS, &["--all-targets"], &[])?;
    let wine = tools::wine();
    if has_package(wine.is_some(), WINE_PACKAGE)?
        && let Some(programs) = wine
    {
        let folder = workspace::target_folder(workspace::root())?.join("windows").join(std::process::id().to_string());
        fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        run_under_wine(programs, &folder).with_context(|| format!("the runs are kept in {}", folder.display()))?;
        fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    Ok(DONE)
}

fn run_under_wine(programs: tools::WinePrograms, folder: &Path) -> anyhow::Result<()> {
    let windows = build_for_windows()?;
    let linux = forward::build_reformer()?;
    let tests = tests_of_runs()?;
    let wine = Wine::begin(programs, folder)?;
    Job { wine: &wine, windows, linux, folder: folder.to_owned() }.whole()?;
    test_runs_folders(&wine, &tests)
}

/// Every lint of every crate: a warning is an error, as it is for this machine.
fn check(target: &str, parts: &[&str], variables: &[(String, &str)]) -> anyhow::Result<()> {
    say(format!("checking for {target}"));
    let mut cargo = workspace::cargo();
    cargo.args(["clippy", "--release", "--quiet", "--workspace", "--target", target]).args(parts);
    cargo.args(["--", "-D", "warnings"]).envs(variables.iter().map(|(name, value)| (name, value)));
    let checked = cargo.current_dir(workspace::root()).status().context("cannot start `cargo clippy`")?;
    ensure!(checked.success(), "the code is not right for {target}; the compiler's messages are above");
    Ok(())
}

/// The program, without the GPU backend: wine here has no GPU to show.
fn build_for_windows() -> anyhow::Result<PathBuf> {
    say(format!("building for {WINDOWS}"));
    let mut cargo = workspace::cargo();
    cargo.args(["build", "--release", "--quiet", "--package", "reformer-cli", "--no-default-features"]);
    cargo.args(["--target", WINDOWS, "--message-format=json-render-diagnostics"]).current_dir(workspace::root());
    forward::build(cargo, "reformer")
}

/// The tests of locks, checkpoints and damaged files, as Windows' programs.
fn tests_of_runs() -> anyhow::Result<Vec<PathBuf>> {
    let built = workspace::cargo()
        .args(["test", "--no-run", "--release", "--quiet", "--package", "reformer-session", "--tests"])
        .args(["--target", WINDOWS, "--message-format=json-render-diagnostics"])
        .current_dir(workspace::root())
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start `cargo test`")?;
    ensure!(built.status.success(), "the tests were not built; the compiler's messages are above");
    let messages = String::from_utf8_lossy(&built.stdout);
    let programs: Vec<PathBuf> = messages.lines().filter_map(executable_in).collect();
    ensure!(!programs.is_empty(), "cargo built the tests but named no program");
    Ok(programs)
}

fn test_runs_folders(wine: &Wine, programs: &[PathBuf]) -> anyhow::Result<()> {
    // What cargo would say to a test of that package: our own variable names the runner's folder.
    let package = workspace::root().join("crates/session");
    for program in programs {
        let name = program.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        say(format!("{name}   (tests of reformer-session)"));
        let output = wine
            .program(program)
            .current_dir(&package)
            .env("CARGO_MANIFEST_DIR", &package)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .output()
            .context("cannot start wine")?;
        let printed = String::from_utf8_lossy(&output.stdout);
        let passed = output.status.success() || wine.killed_at_its_end(output.status);
        if !passed || !printed.contains("test result: ok.") {
            bail!("tests fail on Windows:\n{printed}{}", String::from_utf8_lossy(&output.stderr));
        }
    }
    Ok(())
}

/// The program in a message of cargo, if it tells of one.
fn executable_in(message: &str) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(message).ok()?;
    message["executable"].as_str().map(PathBuf::from)
}

/// Whether a target is there; says so if not. rustup fetches it from a server that a checking machine may not reach.
fn has_target(target: &str) -> anyhow::Result<bool> {
    let has = workspace::has_target(target)?;
    if !has {
        say(format!("SKIPPED: nothing is checked for {target}: `rustup target add {target}` installs what is missing"));
    }
    Ok(has)
}

/// Whether a package's program is there. Where CI is set it must be, since `.ci/run` installs it.
fn has_package(has: bool, package: &str) -> anyhow::Result<bool> {
    let missing =
        format!("nothing runs as on Windows: `apt-get install --no-install-recommends {package}` would allow it");
    if !has && std::env::var_os("CI").is_some() {
        bail!("{missing}");
    }
    if !has {
        say(format!("SKIPPED: {missing}"));
    }
    Ok(has)
}
