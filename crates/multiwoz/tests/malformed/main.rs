//! Files that are wrong in every way: each is an error that says where it is, never a panic and never less data. What can be
//! read and is odd is in `odd.rs`, archives are in `archives.rs`.

#[path = "../harness/mod.rs"]
mod harness;

mod data_json;
mod own;
mod schema_guided;

use harness::{first_error, logged, published_2_2, put, says};
use reformer_multiwoz::check;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Where a case's bytes go.
const SCHEMA_GUIDED: &str = "train/dialogues_001.json";
const DATA_JSON: &str = "train.json";
const OWN: &str = "own.jsonl";
/// A case that is lost is one that nobody misses.
const CASES: usize = 137;

#[derive(Clone)]
struct Case {
    name: &'static str,
    file: &'static str,
    bytes: Vec<u8>,
    /// What the message says, beside the file's name.
    says: &'static [&'static str],
}

fn case(name: &'static str, file: &'static str, bytes: impl Into<Vec<u8>>, says: &'static [&'static str]) -> Case {
    Case { name, file, bytes: bytes.into(), says }
}

fn remove(value: &mut Value, field: &str) {
    value.as_object_mut().unwrap().remove(field).unwrap();
}

/// A text up to and with the last `at`.
fn cut(bytes: &[u8], at: &str) -> String {
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    text[..text.rfind(at).unwrap() + at.len()].to_owned()
}

fn deep(before: &str, after: &str) -> String {
    format!("{before}{}{}{after}", "[".repeat(9999), "]".repeat(9999))
}

/// Text that is not what it says, the same for each layout.
fn broken_texts(file: &'static str, good: &[u8]) -> Vec<Case> {
    let with = |before: &[u8], after: &[u8]| [before, good, after].concat();
    let utf16 = |little: bool| -> Vec<u8> {
        let units = String::from_utf8(good.to_vec()).unwrap().encode_utf16().collect::<Vec<_>>();
        units.into_iter().flat_map(|unit| if little { unit.to_le_bytes() } else { unit.to_be_bytes() }).collect()
    };
    let latin = String::from_utf8(good.to_vec()).unwrap().replace("good", "g\u{1}d").into_bytes();
    let latin = latin.into_iter().map(|byte| if byte == 1 { 0xf6 } else { byte }).collect::<Vec<_>>();
    vec![
        case("byte-order mark", file, with(b"\xef\xbb\xbf", b""), &["byte-order mark", "save it as UTF-8"]),
        case("UTF-16, little", file, [b"\xff\xfe".to_vec(), utf16(true)].concat(), &["UTF-16", "save it as UTF-8"]),
        case("UTF-16, big", file, [b"\xfe\xff".to_vec(), utf16(false)].concat(), &["UTF-16", "save it as UTF-8"]),
        case("UTF-16, little, no mark", file, utf16(true), &["may be UTF-16"]),
        case("UTF-16, big, no mark", file, utf16(false), &["may be UTF-16"]),
        case("invalid UTF-8", file, latin, &["not valid JSON", "invalid unicode"]),
        case("a page", file, "<!DOCTYPE html><html>404</html>", &["not valid JSON"]),
        case("a name of a git object", file, "version https://git-lfs.github.com/spec/v1\n", &["not valid JSON"]),
        case("trailing text", file, with(b"", b" x"), &["not valid JSON"]),
    ]
}

#[test]
fn every_wrong_file_is_an_error_that_says_where_it_is() {
    let cases = [schema_guided::cases(), data_json::cases(), own::cases()].concat();
    assert_eq!(cases.len(), CASES, "cases were added or lost");
    for Case { name, file, bytes, says: parts } in &cases {
        let folder = tempfile::tempdir().unwrap();
        put(folder.path(), &vec![((*file).to_owned(), bytes.clone())]);
        let label = format!("{name} ({file})");
        let began = Instant::now();
        let error = first_error(folder.path());
        let error = error.unwrap_or_else(|| panic!("{label}: it was read"));
        says(&label, &error.to_string(), &[&[file.rsplit('/').next().unwrap()], *parts].concat());
        let flaws = check(folder.path());
        assert!(flaws.iter().any(|flaw| flaw.unreadable && flaw.message == error.to_string()), "{label}: {flaws:#?}");
        assert!(began.elapsed() < Duration::from_secs(10), "{label}: it took {:?}", began.elapsed());
    }
}

#[test]
fn every_cut_of_every_layout_is_an_error() {
    let cases = [(SCHEMA_GUIDED, json!([published_2_2("a")])), (DATA_JSON, json!({ "A": logged("a") }))];
    for (file, value) in cases {
        let folder = tempfile::tempdir().unwrap();
        let text = value.to_string();
        for cut in 0..text.len() {
            put(folder.path(), &vec![(file.to_owned(), text.as_bytes()[..cut].to_vec())]);
            let error = first_error(folder.path()).unwrap_or_else(|| panic!("{file}, cut at {cut}, was read"));
            says(file, &error.to_string(), &["cut off"]);
        }
    }
}
