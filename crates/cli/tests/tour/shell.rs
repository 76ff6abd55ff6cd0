//! Walking through the pages of the tour: what they are is in `tour.rs`.

use crate::harness;
use libtest_mimic::{Arguments, Failed, Trial};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Every page is a test.
pub fn walk_all() {
    let mut trials = Vec::new();
    for entry in fs::read_dir(pages()).expect("the pages lie beside this file") {
        let path = entry.expect("a page").path();
        if path.extension().is_some_and(|extension| extension == "md") {
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            trials.push(Trial::test(name, move || walk(&path)));
        }
    }
    assert!(!trials.is_empty(), "no page in {}", pages().display());
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

/// Asked at run time: cargo compiles nothing anew in a checkout that was moved.
fn pages() -> PathBuf {
    let package =
        std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    package.join("tests/tour")
}

/// Runs a page's commands, and compares all that was said with the page.
fn walk(page: &Path) -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let shell = Shell::new(folder.path())?;
    let mut seen = String::new();
    let mut inside = false;
    let expected = fs::read_to_string(page)?;
    for line in expected.lines() {
        if line.starts_with("```") {
            inside = line == "```console";
        }
        match line.strip_prefix("$ ") {
            Some(command) if inside => {
                let _ = writeln!(seen, "{line}");
                seen += &shell.run(command)?;
            }
            // What a command has said is replaced by what it says.
            None if inside && !line.starts_with("```") => {}
            _ => _ = writeln!(seen, "{line}"),
        }
    }
    let said = snapbox::Data::text(seen);
    let assert = snapbox::Assert::new().action_env(snapbox::assert::DEFAULT_ACTION_ENV);
    // A backslash in a command is no separator of a path.
    assert.normalize_paths(false).try_eq(Some(&page.display()), said, snapbox::Data::read_from(page, None))?;
    Ok(())
}

/// A shell in a folder, with the program in its path.
struct Shell<'a> {
    folder: &'a Path,
    path: std::ffi::OsString,
}

impl<'a> Shell<'a> {
    fn new(folder: &'a Path) -> Result<Self, Failed> {
        let program = harness::executable();
        let programs = program.parent().ok_or("the program lies in no folder")?.to_owned();
        let rest = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths(std::iter::once(programs).chain(std::env::split_paths(&rest)))?;
        Ok(Self { folder, path })
    }

    /// What a command says, with how it ended; the folder, whose name is another each time, is called `/here`.
    fn run(&self, command: &str) -> Result<String, Failed> {
        let mut shell = harness::quiet(Command::new("sh"), self.folder);
        // One pipe for both streams keeps them in order.
        shell.args(["-c", &format!("exec 2>&1\n{command}")]).stdin(Stdio::null()).env("PATH", &self.path);
        let output = shell.output()?;
        let mut said = String::from_utf8_lossy(&output.stdout).replace(&*self.folder.to_string_lossy(), "/here");
        if !said.is_empty() && !said.ends_with('\n') {
            said.push('\n');
        }
        match output.status.code() {
            Some(0) => {}
            Some(code) => _ = writeln!(said, "? {code}"),
            None => said += "? killed\n",
        }
        Ok(said)
    }
}
