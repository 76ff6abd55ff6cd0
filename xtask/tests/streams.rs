//! xtask as a process: what it says when its words get lost, or its arguments are no text. What commands do is tested beside them.
#![cfg(target_os = "linux")]

use std::ffi::OsStr;
use std::fs::OpenOptions;
use std::os::unix::ffi::OsStrExt;
use std::process::{Command, Stdio};

/// Asked at run time: cargo compiles nothing anew in a checkout that was moved or copied.
fn xtask() -> Command {
    Command::new(std::env::var_os("CARGO_BIN_EXE_xtask").unwrap_or_else(|| env!("CARGO_BIN_EXE_xtask").into()))
}

#[test]
fn what_could_not_be_printed_is_an_error() {
    for arguments in [&["--help"][..], &["test", "--help"], &["mutants", "--list"]] {
        let full = OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
        let output = xtask().args(arguments).stdout(full).output().expect("it runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
        assert!(said.starts_with("error: cannot write to stdout: "), "{arguments:?}: {said}");
    }
}

#[test]
fn a_reader_that_went_away_is_no_error() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let output = xtask().arg("--help").stdout(writer).output().expect("it runs");
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(0), ""));
}

#[test]
fn an_argument_that_is_no_text_is_wrong_usage() {
    let mut command = xtask();
    command.arg("gpu-check").arg("--out").arg(OsStr::from_bytes(b"caf\xe9.md")).stdin(Stdio::null());
    let output = command.output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.starts_with("error: `caf\u{fffd}.md` is no text"), "{said}");
}
