//! Archives that are cut, lie, nest, climb out of their folder or unpack to more than anyone wants: each is an error that
//! says so, in little time and memory. Limits are made small instead of archives large.

mod harness;

use harness::{Files, files, first_error, published_2_2, put, read, says, zipped};
use reformer_multiwoz::{DataError, Limits, Source, Split, check};
use serde_json::json;
use std::fs;
use std::path::Path;

const FIRST: &str = "train/dialogues_001.json";
const SECOND: &str = "train/dialogues_002.json";
/// The signatures of an archive's records.
const LOCAL: &[u8] = b"PK\x03\x04";
const CENTRAL: &[u8] = b"PK\x01\x02";
const END: &[u8] = b"PK\x05\x06";

fn good() -> Files {
    let two = [json!([published_2_2("one")]), json!([published_2_2("two")])];
    files(&[(FIRST, &two[0]), (SECOND, &two[1]), ("dev/dialogues_001.json", &json!([published_2_2("dev")]))])
}

/// Where the first record with a signature begins.
fn find(bytes: &[u8], signature: &[u8]) -> usize {
    bytes.windows(4).position(|window| window == signature).unwrap()
}

/// A good archive in which bytes of the first record with a signature are others.
fn patched(signature: &[u8], offset: usize, new: &[u8]) -> Vec<u8> {
    let mut bytes = zipped(&good());
    let at = find(&bytes, signature) + offset;
    bytes[at..at + new.len()].copy_from_slice(new);
    bytes
}

/// A good archive in which the first file says that it unpacks to so many bytes more.
fn resized(more: i64) -> Vec<u8> {
    let bytes = zipped(&good());
    let at = find(&bytes, CENTRAL) + 24;
    let size = i64::from(u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())) + more;
    patched(CENTRAL, 24, &u32::try_from(size).unwrap().to_le_bytes())
}

/// A good archive with all places where a name stands changed to another of the same length.
fn renamed(from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut bytes = zipped(&good());
    for at in 0..bytes.len() - from.len() {
        if &bytes[at..at + from.len()] == from.as_bytes() {
            bytes[at..at + from.len()].copy_from_slice(to.as_bytes());
        }
    }
    bytes
}

/// A good archive whose end says in 64 bits that there are so many files in so many bytes.
fn with_64_bits(count: u64, size: u64, offset: u64) -> Vec<u8> {
    let mut bytes = zipped(&good());
    let end = find(&bytes, END);
    let tail = bytes.split_off(end);
    let start = bytes.len() as u64;
    bytes.extend(b"PK\x06\x06");
    bytes.extend(44_u64.to_le_bytes());
    bytes.extend([45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    for number in [count, count, size, offset] {
        bytes.extend(number.to_le_bytes());
    }
    bytes.extend(b"PK\x06\x07\0\0\0\0");
    bytes.extend(start.to_le_bytes());
    bytes.extend(1_u32.to_le_bytes());
    bytes.extend(&tail[..8]);
    bytes.extend([0xff; 12]);
    bytes.extend(&tail[20..]);
    bytes
}

fn plus(name: &str, bytes: &[u8]) -> Vec<u8> {
    let mut files = good();
    files.push((name.to_owned(), bytes.to_vec()));
    zipped(&files)
}

fn write(folder: &Path, bytes: &[u8]) -> std::path::PathBuf {
    let path = folder.join("data.zip");
    fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn every_wrong_archive_is_an_error_that_says_what_is_wrong() {
    let whole = zipped(&good());
    let json_bomb = [b"[".as_slice(), &vec![b' '; 8 << 20], b"]"].concat();
    const DAMAGED: &str = "copy or download it again";
    let cases: Vec<(&str, Vec<u8>, &[&str])> = vec![
        ("empty", Vec::new(), &["data.zip", "no zip archive", DAMAGED]),
        ("two letters", b"PK".to_vec(), &["no zip archive", DAMAGED]),
        ("a text", b"Once upon a time ".repeat(50), &["no zip archive", DAMAGED]),
        ("cut in the list", whole[..whole.len() - 40].to_vec(), &["cut off", DAMAGED]),
        ("cut in the data", whole[..200].to_vec(), &["cut off", DAMAGED]),
        ("its beginning is missing", whole[100..].to_vec(), &["damaged", DAMAGED]),
        ("no files", zipped(&Vec::new()), &["is an empty archive", "expected is"]),
        ("no dialogues", zipped(&files(&[("notes.json", &json!({}))])), &["is an archive without dialogues", ".zip"]),
        (
            "nested",
            zipped(&vec![("MultiWOZ.zip".to_owned(), whole.clone())]),
            &["holds the archive MultiWOZ.zip", "unpacked"],
        ),
        ("nested in a folder", zipped(&vec![("a/inner.zip".to_owned(), whole.clone())]), &["without dialogues"]),
        ("climbs", plus("../../.bashrc", b"x"), &["holds ../../.bashrc", "outside its own folder"]),
        ("climbs within", plus("train/../../x.json", b"x"), &["holds train/../../x.json", "outside its own folder"]),
        (
            "climbs with the other stroke",
            renamed(SECOND, "..\\..\\trai\\dialogue.json"),
            &["holds ../../trai/", "outside its own folder"],
        ),
        (
            "climbs from the root",
            renamed(SECOND, "/rain/dialogues_002.json"),
            &["holds /rain", "outside its own folder"],
        ),
        ("names a drive", renamed(SECOND, "C:\\in\\dialogues_002.json"), &["holds C:/in", "outside its own folder"]),
        ("a name twice", renamed(SECOND, FIRST), &["holds train/dialogues_001.json twice", "would be lost"]),
        ("a name twice, spelled in two ways", renamed(SECOND, "train\\dialogues_001.json"), &["twice"]),
        ("a long name", plus(&"n".repeat(60_000), b"x"), &["whose name has 60000 bytes", "nnn…"]),
        (
            "a file as a folder",
            plus("test/dialogues_001.json/x.json", b"[]"),
            &["data.zip/test/dialogues_001.json is a folder, where"],
        ),
        ("a file that would be left out", plus("train/more.json", b"[]"), &["train/more.json", "would be left out"]),
        ("encrypted", patched(CENTRAL, 8, &[1, 0]), &["dialogues_001.json is encrypted"]),
        ("packed in another way", patched(CENTRAL, 10, &[12, 0]), &["dialogues_001.json is packed with"]),
        ("packed in no way", patched(CENTRAL, 10, &[77, 0]), &["dialogues_001.json is packed with"]),
        (
            "unpacks to less than it says",
            resized(1),
            &["read", "data.zip/train/dialogues_001.json", "unpacks to", DAMAGED],
        ),
        ("unpacks to more than it says", resized(-1), &["unpacks to more than the", DAMAGED]),
        ("unpacks to nothing, it says", patched(CENTRAL, 24, &[0; 4]), &["unpacks to more than the 0 bytes"]),
        ("another checksum", patched(CENTRAL, 16, &[1, 2, 3, 4]), &["checksum is another", DAMAGED]),
        (
            "damaged data",
            patched(LOCAL, 30 + FIRST.len() + 20, &[0xff; 40]),
            &["the archive is damaged or lies", DAMAGED],
        ),
        ("data that ends early", patched(CENTRAL, 20, &[40, 0, 0, 0]), &["the archive is damaged or lies", DAMAGED]),
        ("a place beyond its end", patched(CENTRAL, 42, &[0xff, 0xff, 0xff, 0x7f]), &["damaged", DAMAGED]),
        ("a record that is none", patched(LOCAL, 0, b"XXXX"), &["damaged", DAMAGED]),
        ("more files than there are", patched(END, 8, &[0xff, 0x7f, 0xff, 0x7f]), &["damaged", DAMAGED]),
        ("more files than fit, in 64 bits", with_64_bits(u64::MAX, u64::MAX, 0), &["damaged", DAMAGED]),
        ("more files than fit, in half", with_64_bits(1 << 40, 46 << 40, 0), &["damaged", DAMAGED]),
        ("a list beyond its end", with_64_bits(3, 300, 1 << 60), &["damaged", DAMAGED]),
        ("a text that is not in UTF-8", plus("test/dialogues_001.json", b"\xff\xfe[\0]\0"), &["UTF-16"]),
        ("blanks for ever", plus("test/dialogues_001.json", &json_bomb), &["no dialogues for test"]),
    ];
    assert_eq!(cases.len(), 37);
    for (name, bytes, parts) in cases {
        let folder = tempfile::tempdir().unwrap();
        let path = write(folder.path(), &bytes);
        let error = first_error(&path).unwrap_or_else(|| panic!("{name}: it was read")).to_string();
        says(name, &error, &["data.zip"]);
        says(name, &error, parts);
        let _ = check(&path);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "{name}: something was unpacked");
    }
}

#[test]
fn limits_are_those_that_are_given() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), &zipped(&good()));
    let bytes: usize = good().iter().map(|(_, bytes)| bytes.len()).sum();
    let enough = Limits { archive_entries: 3, unpacked_bytes: bytes as u64, ..Limits::default() };
    assert!(Source::open_within(&path, enough).unwrap().split(Split::Train).is_ok());
    let cases: [(Limits, &[&str]); 2] = [
        (Limits { archive_entries: 2, ..enough }, &["holds 3 files", "more than the 2", "unpack it"]),
        (Limits { unpacked_bytes: enough.unpacked_bytes - 1, ..enough }, &["unpack to more than the", "unpack it"]),
    ];
    for (limits, parts) in cases {
        says("limits", &Source::open_within(&path, limits).unwrap_err().to_string(), parts);
    }
    // Eight megabytes of blanks are eight kilobytes of archive: what it says is enough to refuse it.
    let path = write(folder.path(), &plus("test/dialogues_001.json", &vec![b' '; 8 << 20]));
    assert!(fs::metadata(&path).unwrap().len() < 16 << 10);
    let error = Source::open_within(&path, Limits { unpacked_bytes: 1 << 20, ..Limits::default() }).unwrap_err();
    says("a bomb", &error.to_string(), &["unpack to more than the 1048576 bytes"]);
    // One text of eight megabytes fills memory only up to what a dialogue may have.
    let text = [b"[\"".as_slice(), &vec![b'a'; 8 << 20], b"\"]"].concat();
    let path = write(folder.path(), &zipped(&vec![("test/dialogues_001.json".to_owned(), text)]));
    let source = Source::open_within(&path, Limits { dialogue_bytes: 1 << 20, ..Limits::default() }).unwrap();
    says(
        "a long text",
        &source.split(Split::Test).unwrap_err().to_string(),
        &["more than the 1048576 bytes", "dialogue number 1"],
    );
}

/// Wherever an archive is cut and whichever byte is wrong: an error, or all dialogues of what is left; never others.
#[test]
fn no_cut_and_no_wrong_byte_changes_a_dialogue() {
    let folder = tempfile::tempdir().unwrap();
    let turn = json!({ "speaker": "USER", "utterance": "Hello there, hello.", "frames": [] });
    let small = |id: &str| json!([{ "dialogue_id": id, "services": [], "turns": [turn] }]);
    let whole = zipped(&files(&[(FIRST, &small("one")), (SECOND, &small("two"))]));
    let expected = read(&write(folder.path(), &whole)).1;
    let known = |path: &Path| -> Result<(), DataError> {
        let source = Source::open(path)?;
        for split in source.splits() {
            for part in source.parts(split)? {
                for dialogue in part?.dialogues {
                    assert!(expected.values().flatten().any(|one| *one == dialogue), "another dialogue was read");
                }
            }
        }
        Ok(())
    };
    let mut errors = 0;
    for cut in 0..whole.len() {
        assert!(known(&write(folder.path(), &whole[..cut])).is_err(), "cut at {cut}");
    }
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        errors += usize::from(known(&write(folder.path(), &bytes)).is_err());
    }
    // Times, attributes and the like may change.
    assert!(errors > whole.len() / 2, "{errors} of {}", whole.len());
}

#[test]
fn junk_and_names_for_windows_do_no_harm() {
    let folder = tempfile::tempdir().unwrap();
    put(&folder.path().join("plain"), &good());
    let windows: Files = good().into_iter().map(|(name, bytes)| (name.replace('/', "\\"), bytes)).collect();
    let dotted: Files = good().into_iter().map(|(name, bytes)| (format!("./Data//{name}"), bytes)).collect();
    let expected = read(&folder.path().join("plain"));
    for files in [windows, dotted] {
        assert_eq!(read(&write(folder.path(), &zipped(&files))), expected);
    }
    // What is before or after an archive is no part of it.
    let stub = [b"#!/bin/sh\n".repeat(100), zipped(&good())].concat();
    assert_eq!(read(&write(folder.path(), &stub)), expected);
}
