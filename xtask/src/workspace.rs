//! Where the workspace is and how to call cargo in it. What is done with either is elsewhere.

use anyhow::{Context, bail};
use serde_json::Value;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::OnceLock;

/// The workspace's root: the folder that holds `xtask/`.
pub fn root() -> &'static Path {
    static ROOT: OnceLock<PathBuf> = OnceLock::new();
    ROOT.get_or_init(|| root_of(std::env::var_os("CARGO_MANIFEST_DIR").as_deref()))
}

/// The root as cargo says it when it starts us. What was compiled in says where the checkout lay then: cargo compiles nothing anew in
/// one that was moved or copied, and all of xtask would look at the old one.
fn root_of(named: Option<&OsStr>) -> PathBuf {
    let compiled = Path::new(env!("CARGO_MANIFEST_DIR"));
    // Some other package's, where a program that cargo started has started us.
    let ours = |folder: &&Path| folder.ends_with("xtask") && folder.join("src/workspace.rs").is_file();
    let xtask = named.map(Path::new).filter(ours).unwrap_or(compiled);
    xtask.parent().unwrap_or(xtask).to_owned()
}

/// The cargo that started us, so that the same toolchain is used throughout.
pub fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// `cargo metadata` of the workspace below `root`, with all dependencies if `dependencies`.
pub fn metadata(root: &Path, dependencies: bool) -> anyhow::Result<Value> {
    let mut command = cargo();
    command.args(["metadata", "--format-version", "1", "--manifest-path"]).arg(root.join("Cargo.toml"));
    if !dependencies {
        command.arg("--no-deps");
    }
    let output = command.stderr(Stdio::inherit()).output().context("cannot start `cargo metadata`")?;
    if !output.status.success() {
        bail!("`cargo metadata` failed in {}; its message is above", root.display());
    }
    serde_json::from_slice(&output.stdout).context("`cargo metadata` printed something that is not JSON")
}

/// Where cargo puts what it builds.
pub fn target_folder(root: &Path) -> anyhow::Result<PathBuf> {
    let metadata = metadata(root, false)?;
    let folder = metadata["target_directory"].as_str().context("`cargo metadata` names no target_directory")?;
    Ok(folder.into())
}

/// The commit that is checked out, and whether files differ from it, those below `results` left aside: what an earlier run wrote
/// is no change of the code.
pub fn commit(root: &Path, results: &[&str]) -> String {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).current_dir(root).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let others: Vec<String> = results.iter().map(|path| format!(":!{path}")).collect();
    let mut status = vec!["status", "--porcelain", "--", "."];
    status.extend(others.iter().map(String::as_str));
    match git(&["rev-parse", "HEAD"]) {
        None => "unknown: this is no git repository, or git does not read it".to_owned(),
        Some(commit) => match git(&status).as_deref() {
            Some("") => commit,
            _ => format!("{commit}, with changes that are not committed"),
        },
    }
}

/// A process's exit code as a shell would report it: 128 + n after signal n. Windows has no signals; what ends a process there gives
/// it a code beyond 255, which is a failure.
pub fn exit_code(status: ExitStatus) -> u8 {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return u8::try_from(128 + signal).unwrap_or(crate::FAILED);
    }
    status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(crate::FAILED)
}

/// The folders of `PATH`.
pub fn path_folders() -> Vec<PathBuf> {
    std::env::var_os("PATH").map_or_else(Vec::new, |path| std::env::split_paths(&path).collect())
}

/// A program in one of these folders.
pub fn program_in(folders: &[PathBuf], name: &str) -> Option<PathBuf> {
    folders.iter().map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// Whether Rust's standard library for a target is installed.
pub fn has_target(target: &str) -> anyhow::Result<bool> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc)
        .args(["--print", "target-libdir", "--target", target])
        .current_dir(root())
        .output()
        .context("cannot start rustc")?;
    // A rustc that doesn't know the target fails.
    let folder = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    Ok(output.status.success() && folder.is_dir())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_target_that_is_none_is_not_there() {
        assert!(!has_target("no-such-machine-unknown-nothing").expect("rustc starts"));
    }

    #[test]
    fn exit_codes_are_what_a_shell_reports() {
        for (script, code) in
            [("exit 0", 0), ("exit 2", 2), ("exit 101", 101), ("kill -9 $$", 137), ("kill -15 $$", 143)]
        {
            let status = Command::new("sh").args(["-c", script]).status().expect("sh is everywhere");
            assert_eq!(exit_code(status), code, "{script}");
        }
    }

    #[test]
    fn a_moved_checkout_is_its_own_root() {
        let moved = tempfile::tempdir().expect("a temporary folder");
        let xtask = moved.path().join("xtask");
        std::fs::create_dir_all(xtask.join("src")).expect("writable");
        assert_eq!(root_of(Some(xtask.as_os_str())), root(), "another package of that name");
        std::fs::write(xtask.join("src/workspace.rs"), "").expect("writable");
        assert_eq!(root_of(Some(xtask.as_os_str())), moved.path());
        assert_eq!(root_of(Some(moved.path().as_os_str())), root());
        assert_eq!(root_of(None), Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("it has one"));
    }

    #[test]
    fn the_root_is_the_workspace() {
        let metadata = metadata(root(), false).expect("this is a workspace");
        assert_eq!(metadata["workspace_root"].as_str().map(Path::new), Some(root()));
    }
}
