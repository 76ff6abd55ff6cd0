//! What writing replaces and what it never does, and who is told of temporary folders.

mod harness;

use harness::{put, says};
use reformer_multiwoz::{DataError, Source, Target, Writing, convert, convert_with, sample};
use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};

/// A folder with `own.jsonl`, of one dialogue.
fn around() -> (tempfile::TempDir, Source) {
    let around = tempfile::tempdir().unwrap();
    let line = b"{\"turns\":[{\"speaker\":\"user\",\"text\":\"a\"}]}\n".to_vec();
    put(around.path(), &vec![("own.jsonl".to_owned(), line)]);
    let source = Source::open(around.path().join("own.jsonl")).unwrap();
    (around, source)
}

fn refused(source: &Source, out: &Path, force: bool, parts: &[&str]) {
    let error = convert(source, Target::Turns, out, force).unwrap_err();
    says(&out.display().to_string(), &error.to_string(), parts);
}

#[test]
fn what_is_no_file_and_no_folder_is_never_replaced() {
    let (around, source) = around();
    let at = |name: &str| around.path().join(name);
    fs::write(at("file"), "mine").unwrap();
    for name in ["file/x", "file/x/y.jsonl"] {
        refused(&source, &at(name), false, &["file: it is a file, and nothing can be in it"]);
    }
    let error = sample::write(&at("file/x"), true).unwrap_err().to_string();
    says("sample", &error, &["file: it is a file, and nothing can be in it"]);
    refused(&source, &at("file"), true, &["file: it is a file: name a folder"]);
    fs::create_dir(at("folder.jsonl")).unwrap();
    refused(&source, &at("folder.jsonl"), true, &["it is a folder: name a file in it"]);

    // What may not be written to.
    convert(&source, Target::Turns, &at("out"), false).unwrap();
    for name in ["mine.jsonl", "out/train.jsonl"] {
        fs::write(at(name), "mine").unwrap();
        let mut permissions = fs::metadata(at(name)).unwrap().permissions();
        permissions.set_readonly(true);
        fs::set_permissions(at(name), permissions).unwrap();
        let out = if name == "mine.jsonl" { at(name) } else { at("out") };
        refused(&source, &out, true, &[name, "it may not be written to"]);
        assert_eq!(fs::read_to_string(at(name)).unwrap(), "mine");
    }
}

#[cfg(unix)]
#[test]
fn links_and_devices_stay() {
    let (around, source) = around();
    let at = |name: &str| around.path().join(name);
    fs::create_dir(at("target")).unwrap();
    fs::write(at("target.jsonl"), "mine").unwrap();
    for (name, target) in [("link", "target"), ("link.jsonl", "target.jsonl"), ("dangling.jsonl", "nowhere")] {
        std::os::unix::fs::symlink(at(target), at(name)).unwrap();
        for force in [false, true] {
            refused(&source, &at(name), force, &["it is a link to ", target, "name that place itself"]);
        }
        assert!(at(name).is_symlink() && !at("nowhere").exists());
    }
    assert_eq!(fs::read_to_string(at("target.jsonl")).unwrap(), "mine");
    refused(&source, Path::new("/dev/null"), true, &["it is a pipe, a socket or a device"]);
    // Within a folder that is to be replaced a link is somebody's, too.
    convert(&source, Target::Turns, &at("out"), false).unwrap();
    fs::remove_file(at("out/train.jsonl")).unwrap();
    std::os::unix::fs::symlink(at("target.jsonl"), at("out/train.jsonl")).unwrap();
    refused(&source, &at("out"), true, &["holds train.jsonl"]);
}

#[test]
fn temporary_folders_are_told_while_they_may_be_removed() {
    let (around, source) = around();
    let told: RefCell<Vec<(&str, PathBuf, bool)>> = RefCell::default();
    let out = around.path().join("out");
    let tell = |what: &'static str| {
        let (told, out) = (&told, &out);
        move |path: &Path| told.borrow_mut().push((what, path.to_owned(), path.is_dir() && !out.exists()))
    };
    let (begun, complete) = (tell("begun"), tell("complete"));
    let writing = Writing { force: false, begun: &begun, complete: &complete };
    convert_with(&source, Target::Turns, &out, &writing).unwrap();
    let first = told.take();
    let ((_, path, _), (_, same, _)) = (&first[0], &first[1]);
    assert!(path == same && path.parent() == Some(around.path()), "{first:?}");
    assert_eq!((first[0].0, first[0].2, first[1].0, first[1].2), ("begun", true, "complete", true));

    // Removed by somebody else just then: nothing takes its place, and what was there stays.
    let complete = |path: &Path| _ = fs::remove_dir_all(path);
    let writing = Writing { force: true, begun: &begun, complete: &complete };
    let before = fs::read(out.join("train.jsonl")).unwrap();
    let error = convert_with(&source, Target::Messages, &out, &writing).unwrap_err();
    assert!(matches!(error, DataError::File { .. }), "{error}");
    assert_eq!(fs::read(out.join("train.jsonl")).unwrap(), before);
    assert_eq!(fs::read_dir(around.path()).unwrap().count(), 2, "something was left");
    convert(&source, Target::Messages, &out, true).unwrap();
    assert_ne!(fs::read(out.join("train.jsonl")).unwrap(), before);
    assert_eq!(fs::read_dir(around.path()).unwrap().count(), 2, "what was replaced was left");
}
