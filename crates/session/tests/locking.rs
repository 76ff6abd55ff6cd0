//! The lock of a run is the process's: SIGKILL releases it.

mod again;

use reformer_session::RunFolder;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;

const FOLDER: &str = "REFORMER_TEST_LOCK_FOLDER";

/// Not a test of its own: what the child process of the other test does.
#[test]
fn hold_the_lock_when_told_to() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let _lock = RunFolder::open(Path::new(&folder)).and_then(|run| run.lock()).unwrap();
    // The harness keeps what tests print; a file says it too.
    std::fs::write(Path::new(&folder).join("held"), "").unwrap();
    // Waits until it is killed, or its standard input is closed.
    let _ = BufReader::new(std::io::stdin()).read_line(&mut String::new());
}

#[test]
fn a_killed_process_releases_the_lock() {
    let folder = tempfile::tempdir().unwrap();
    let run = RunFolder::create(folder.path()).unwrap();
    std::fs::write(run.config_path(), "{}").unwrap();
    let mut child = again::this_program()
        .args(["--exact", "hold_the_lock_when_told_to"])
        .env(FOLDER, folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    while !folder.path().join("held").exists() {
        assert!(child.try_wait().unwrap().is_none(), "the child ended without the lock");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let error = run.lock().unwrap_err().to_string();
    assert!(error.contains(&format!("in use by process {}", child.id())), "{error}");
    child.kill().unwrap();
    child.wait().unwrap();
    run.lock().unwrap();
}
