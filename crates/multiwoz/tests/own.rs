//! Own dialogues in every form that is read: lines and lists, turns and messages, packed or not, in folders and archives; and what
//! is said of files that are something else than their names say, or are not read.

mod harness;

use flate2::Compression;
use flate2::write::GzEncoder;
use harness::{Files, first_error, logged, put, says, zipped};
use reformer_multiwoz::{Dialogue, Limits, Source, Speaker, Split, check, contents, read_text, stats};
use serde_json::{Value, json};
use std::fs;
use std::io::Write;
use std::path::Path;

/// Files that are something else than their names say: a case that is lost is one that nobody misses.
const MISNAMED: usize = 22;

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn turns(text: &str) -> Value {
    json!({ "turns": [{ "speaker": "user", "text": text }, { "speaker": "system", "text": "Yes." }] })
}

fn lines(values: &[Value]) -> Vec<u8> {
    values.iter().map(|value| format!("{value}\n")).collect::<String>().into_bytes()
}

/// All dialogues, whatever their splits.
fn all(path: &Path) -> Vec<Dialogue> {
    let source = Source::open(path).unwrap();
    let splits = source.splits().into_iter();
    splits.flat_map(|split| source.parts(split).unwrap().flat_map(|part| part.unwrap().dialogues)).collect()
}

fn said(dialogue: &Dialogue) -> Vec<(Speaker, &str)> {
    dialogue.text().collect()
}

#[test]
fn messages_are_turns_and_instructions_are_kept_beside_them() {
    let folder = tempfile::tempdir().unwrap();
    let part = |text: &str| json!({ "type": "text", "text": text });
    let chat = |first: Value| {
        json!({ "messages": [first, { "role": "user", "content": [part("Hi "), part("there.")] },
            { "role": "Assistant", "content": "Hello.", "tool_calls": null, "name": "bot" }], "source": 7 })
    };
    let brief = json!({ "role": "system", "content": "Be brief." });
    let named = json!({ "role": "developer", "content": "Be kind.", "name": "x" });
    let shared = json!({ "id": "s1", "conversations": [{ "from": "system", "value": "Be brief." },
        { "from": "human", "value": "Hi there." }, { "from": "gpt", "value": "Hello." }] });
    let given = [chat(brief), chat(named), shared];
    put(
        folder.path(),
        &vec![
            ("chats.jsonl".to_owned(), lines(&given)),
            ("list/a.json".to_owned(), json!(given).to_string().into_bytes()),
        ],
    );
    for path in ["chats.jsonl", "list"].map(|name| folder.path().join(name)) {
        let mut read = all(&path);
        read.sort_by_key(|dialogue| dialogue.id.clone());
        assert_eq!(read.len(), 3);
        for dialogue in &read {
            assert_eq!(said(dialogue), [(Speaker::User, "Hi there."), (Speaker::System, "Hello.")], "{}", dialogue.id);
        }
        assert_eq!(read[0].other["system"], "Be brief.");
        assert_eq!((&read[0].other["source"], &read[0].turns[1].other["name"]), (&json!(7), &json!("bot")));
        assert_eq!(read[1].other["developer"], json!({ "content": "Be kind.", "name": "x" }));
        assert_eq!((read[2].id.as_str(), &read[2].other["system"]), ("s1", &json!("Be brief.")));
    }
    assert_eq!(Source::open(folder.path().join("list")).unwrap().layout(), "json");
}

#[test]
fn packed_files_are_read_wherever_they_lie() {
    let folder = tempfile::tempdir().unwrap();
    let [a, b, c] = ["a", "b", "c"].map(|text| [turns(text)]);
    let files: Files = vec![
        ("train.jsonl.gz".to_owned(), [gzipped(&lines(&a)), gzipped(&lines(&b))].concat()),
        ("VALID.ndjson".to_owned(), lines(&c)),
        ("test.json.GZ".to_owned(), gzipped(json!(a).to_string().as_bytes())),
    ];
    put(&folder.path().join("own"), &files);
    fs::write(folder.path().join("own.zip"), zipped(&files)).unwrap();
    for name in ["own", "own.zip"] {
        let source = Source::open(folder.path().join(name)).unwrap();
        assert_eq!((source.layout(), source.is_dealt(), source.is_own()), ("json", false, true));
        let counts = Split::ALL.map(|split| source.split(split).unwrap().len());
        assert_eq!(counts, [2, 1, 1], "{name}: the second part of a packed file counts");
        assert_eq!(check(folder.path().join(name)).iter().filter(|flaw| flaw.unreadable).count(), 0);
    }
    put(
        &folder.path().join("published"),
        &vec![
            ("data.json.gz".to_owned(), gzipped(json!({ "A": logged("a"), "B": logged("b") }).to_string().as_bytes())),
            ("devListFile.txt.gz".to_owned(), gzipped(b"B\n")),
        ],
    );
    for name in ["published", "published/data.json.gz"] {
        let source = Source::open(folder.path().join(name)).unwrap();
        assert_eq!((source.layout(), source.split(Split::Dev).unwrap()[0].id.as_str()), ("multiwoz-2.1", "B"));
    }
    assert_eq!(all(&folder.path().join("own/train.jsonl.gz")).len(), 2);
}

#[test]
fn a_packed_file_takes_no_more_than_it_may() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("own.jsonl.gz");
    let bytes = lines(&vec![turns("a"); 1000]);
    fs::write(&path, gzipped(&bytes)).unwrap();
    let limits = Limits { unpacked_bytes: bytes.len() as u64, ..Limits::default() };
    let read = |limits| {
        let source = Source::open_within(&path, limits).unwrap();
        source.parts(Split::Train).unwrap().find_map(Result::err).map(|error| error.to_string())
    };
    assert_eq!(read(limits), None);
    let error = read(Limits { unpacked_bytes: limits.unpacked_bytes - 1, ..limits }).unwrap();
    says("bomb", &error, &["own.jsonl.gz", "unpacks to more than the", "unpack it"]);
    // A line is held against its own limit, however small it was packed.
    fs::write(&path, gzipped(&vec![b' '; 40 << 20])).unwrap();
    says("blanks", &read(Limits::default()).unwrap(), &["own.jsonl.gz", "more than the 16777216 bytes"]);
}

/// What a file is called, what it holds, what is said.
#[test]
fn what_a_file_is_counts_more_than_its_name() {
    let own = lines(&[turns("a")]);
    let list = json!([turns("a")]).to_string().into_bytes();
    let pretty = serde_json::to_vec_pretty(&turns("a")).unwrap();
    let published = json!([harness::published_2_2("a")]).to_string().into_bytes();
    let tar = [vec![b'x'; 257], b"ustar\0".to_vec(), vec![0; 300]].concat();
    let cases: Vec<(&str, Vec<u8>, &[&str])> = vec![
        ("own.jsonl.txt", own.clone(), &["holds dialogues as JSON objects one after another", "end in .jsonl"]),
        ("own", list.clone(), &["holds dialogues as one JSON list", "end in .json"]),
        ("own.dat", published.clone(), &["holds dialogues of the layout of MultiWOZ 2.2", "end in .json"]),
        ("own.data", json!({ "A": logged("a") }).to_string().into_bytes(), &["layout of MultiWOZ 2.0 and 2.1"]),
        ("own.json", own.clone(), &["holds dialogues as JSON objects one after another", "end in .jsonl"]),
        ("own.json", pretty.clone(), &["holds dialogues as JSON objects", "put them into one list, [{…}, {…}]"]),
        ("own.jsonl", list.clone(), &["holds one JSON list", "end in .json"]),
        ("own.jsonl", pretty, &["in line 1", "the line is cut off", "each line must be one whole JSON object"]),
        ("own.zip", own.clone(), &["holds dialogues as JSON objects", "end in .jsonl"]),
        ("own.zip", tar.clone(), &["is a tar archive, not a zip archive", "unpack it"]),
        ("own.zip", b"7z\xbc\xaf\x27\x1c\0\x04".to_vec(), &["is a 7z archive, not a zip archive"]),
        ("own.jsonl", gzipped(&own), &["is a gzip file", "end in .gz"]),
        ("own.json", zipped(&vec![("a.jsonl".to_owned(), own.clone())]), &["is a zip archive", "end in .zip"]),
        ("own.jsonl.gz", own.clone(), &["own.jsonl.gz", "no gzip file"]),
        ("own.jsonl.gz", gzipped(&own)[..30].to_vec(), &["own.jsonl.gz", "cut off"]),
        ("own.json.gz", gzipped(&tar), &["own.json.gz is a tar archive", "unpack it"]),
        ("own.json.gz", gzipped(b"\xff\xfe[\0]\0"), &["own.json.gz is UTF-16"]),
        ("own.json", b"\x89PNG\r\n\x1a\n".to_vec(), &["is a picture (PNG)"]),
        ("own.jsonl", b"\x10\0\0\0\0\0\0\0{\"a\":1}".to_vec(), &["is a safetensors file", "no tensors"]),
        ("own.jsonl", [b"\xff\xfe\0\0".as_slice(), b"{\0\0\0"].concat(), &["is UTF-32"]),
        ("train/x.jsonl", own.clone(), &["x.jsonl", "would be left out"]),
        ("notes.txt", b"Dear all".to_vec(), &["holds the text notes.txt", "name the file itself"]),
    ];
    assert_eq!(cases.len(), MISNAMED);
    for (name, bytes, parts) in cases {
        let folder = tempfile::tempdir().unwrap();
        put(folder.path(), &vec![(name.to_owned(), bytes.clone())]);
        let is_of_folder = name.contains('/') || name == "notes.txt";
        let path = if is_of_folder { folder.path().to_owned() } else { folder.path().join(name) };
        let error = first_error(&path).unwrap_or_else(|| panic!("{name}: it was read")).to_string();
        says(name, &error, parts);
        if !is_of_folder && (name.contains(".json") && !name.contains(".txt")) {
            // The same within an archive, where the file's own name is said.
            let packed = folder.path().join("all.zip");
            let inner = name.replace("own", "train");
            fs::write(&packed, zipped(&vec![(inner.clone(), bytes)])).unwrap();
            let error = first_error(&packed).unwrap_or_else(|| panic!("{name}: it was read")).to_string();
            says(name, &error, &[&inner]);
        }
    }
}

#[test]
fn text_is_what_is_utf_8() {
    let folder = tempfile::tempdir().unwrap();
    let text = "Für dich.\n".repeat(3000);
    let late = |bytes: &[u8]| [text.as_bytes(), bytes].concat();
    let cases: Vec<(&str, Vec<u8>, &[&str])> = vec![
        ("latin.txt", late(b"gr\xfcn"), &["is no text in UTF-8", "from byte 33003 on", "convert it to UTF-8"]),
        ("zero.txt", late(b"a\0b"), &["is no text (byte 33002 is 0)"]),
        (
            "mark.txt",
            late(b"").into_iter().rev().chain(*b"\xbf\xbb\xef").rev().collect(),
            &["byte-order mark", "save it as UTF-8"],
        ),
        ("wide.txt", "wide".encode_utf16().flat_map(u16::to_le_bytes).collect(), &["may be UTF-16"]),
        ("own.jsonl.txt", lines(&[turns("a")]), &["holds dialogues", "end in .jsonl"]),
        ("packed.txt.gz", gzipped(&late(b"\xff")), &["packed.txt.gz is no text in UTF-8"]),
        ("model.pt", [b"PK\x03\x04".as_slice(), &[0; 26], b"m/data.pkl"].concat(), &["is a file of PyTorch"]),
    ];
    for (name, bytes, parts) in cases {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        says(name, &read_text(&path, u64::MAX).unwrap_err().to_string(), parts);
    }
    let path = folder.path().join("good.txt.gz");
    fs::write(&path, gzipped(text.as_bytes())).unwrap();
    assert_eq!(read_text(&path, u64::MAX).unwrap(), text.as_bytes());
    assert_eq!(read_text(&path, 100).unwrap().len(), 101, "a byte more than is wanted tells that there is more");
    assert_eq!(contents(&path).unwrap(), reformer_multiwoz::Contents::Other);
}

#[test]
fn what_is_not_read_is_found_by_what_is_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let one = |text: &str| json!([harness::published_2_2(text)]).to_string().into_bytes();
    let files: Files = vec![
        ("train/dialogues_001.json".to_owned(), one("a")),
        ("train/notes.txt".to_owned(), b"hello".to_vec()),
        ("Valid/dialogues_001.json".to_owned(), one("b")),
        ("test/dialogues_001.json".to_owned(), one("c")),
        ("test_unseen/dialogues_001.json".to_owned(), one("d")),
        ("train2/deep/more.dat".to_owned(), lines(&[turns("e")])),
        ("eval/x.bin.gz".to_owned(), gzipped(&lines(&[turns("f")]))),
        ("test2.json".to_owned(), json!({ "A": logged("a") }).to_string().into_bytes()),
        ("schema.json".to_owned(), b"[]".to_vec()),
        ("attraction_db.json".to_owned(), b"[]".to_vec()),
        ("README.md".to_owned(), b"# Data".to_vec()),
        ("more.zip".to_owned(), zipped(&vec![("x.jsonl".to_owned(), lines(&[turns("h")]))])),
        ("train.parquet".to_owned(), b"PAR1\x15\x04\x15".to_vec()),
        ("test.arrow".to_owned(), b"ARROW1\0\0\xff".to_vec()),
        ("picture.png".to_owned(), b"\x89PNG\r\n\x1a\n".to_vec()),
        ("wide.jsonl.old".to_owned(), b"\xff\xfe{\0".to_vec()),
        (".hidden.jsonl".to_owned(), lines(&[turns("g")])),
    ];
    put(&folder.path().join("data"), &files);
    fs::write(folder.path().join("data.zip"), zipped(&files)).unwrap();
    for name in ["data", "data.zip"] {
        let path = folder.path().join(name);
        let source = Source::open(&path).unwrap();
        assert_eq!(source.splits(), Split::ALL);
        let unread = source.unread().unwrap();
        let names = |paths: &[std::path::PathBuf]| -> Vec<String> {
            let within = paths.iter().map(|file| file.strip_prefix(&path).unwrap().display().to_string());
            let mut names: Vec<_> = within.collect();
            names.sort();
            names
        };
        assert_eq!(
            names(&unread.dialogues),
            ["eval/x.bin.gz", "test2.json", "test_unseen/dialogues_001.json", "train2/deep/more.dat"]
        );
        assert_eq!(names(&unread.companions), ["attraction_db.json", "schema.json"]);
        assert_eq!(names(&unread.others), ["README.md", "picture.png", "train/notes.txt"]);
        let mut opaque: Vec<_> = unread.opaque.iter().map(|(_, why)| why.as_str()).collect();
        opaque.sort_unstable();
        assert_eq!(
            opaque,
            ["it is UTF-16, not UTF-8", "it is a table (Arrow)", "it is a table (Parquet)", "it is a zip archive"]
        );
        let flaws = check(&path);
        assert_eq!(flaws.iter().filter(|flaw| flaw.message.contains("is not looked into")).count(), 4, "{flaws:#?}");
        let unread = flaws.iter().filter(|flaw| flaw.unreadable && flaw.message.contains("is not read")).count();
        assert_eq!(unread, 4, "{flaws:#?}");
        assert!(stats(&source).is_ok());
    }
    put(
        &folder.path().join("twice"),
        &vec![
            ("train.jsonl".to_owned(), lines(&[turns("a")])),
            ("valid.jsonl".to_owned(), lines(&[turns("b")])),
            ("validation.jsonl.gz".to_owned(), gzipped(&lines(&[turns("c")]))),
        ],
    );
    let error = first_error(folder.path().join("twice")).unwrap().to_string();
    says("twice", &error, &["validation.jsonl.gz is of the same split as", "valid.jsonl"]);

    // Numbered files and a `data.json` beside themselves.
    let (numbered, whole) = (one("a"), json!({ "A": logged("a") }).to_string().into_bytes());
    for (name, bytes) in [("train/dialogues_001.json", numbered), ("data.json", whole)] {
        let around = tempfile::tempdir().unwrap();
        put(around.path(), &vec![(name.to_owned(), bytes.clone()), (format!("{name}.gz"), gzipped(&bytes))]);
        let error = first_error(around.path()).unwrap().to_string();
        says(name, &error, &[".json.gz is ", ".json once more, packed or unpacked: take one of them away"]);
        fs::remove_file(around.path().join(name)).unwrap();
        assert_eq!(first_error(around.path()).map(|error| error.to_string()), None, "packed alone it is read");
    }
}
