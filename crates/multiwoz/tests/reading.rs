//! Reading: what is found, in which order, and what is said about files that are wrong. The sample's own content is tested
//! beside it, the published data in `real_data.rs`, duplicates in `duplicates.rs`.

mod harness;

use harness::folder::{Folder, dialogue, says, turn};
use reformer_multiwoz::{DataError, Dealing, Part, Reading, Source, Speaker, Split, check, stats};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

#[test]
fn files_are_read_in_numeric_order_and_states_are_kept() {
    let folder = Folder::new();
    for number in [10, 9, 100] {
        let name = format!("train/dialogues_{number}.json");
        folder.put(&name, &json!([dialogue(&format!("train-{number}"))]).to_string());
    }
    folder.put("train/schema.json", "not read");
    folder.put("train/notes.txt", "not read");
    let source = Source::open(folder.path()).unwrap();
    assert_eq!(source.layout(), "multiwoz-2.2");
    let train = source.split(Split::Train).unwrap();
    let ids: Vec<_> = train.iter().map(|dialogue| dialogue.id.as_str()).collect();
    assert_eq!(ids, ["train-1", "train-9", "train-10", "train-100"]);
    let first = &train[0];
    assert_eq!(first.turns[0].belief_state()["hotel-area"], ["north"]);
    assert!(first.turns[1].belief_state().is_empty());
    let text: Vec<_> = first.text().collect();
    let expected =
        [(Speaker::User, "A room in the north, please (train-1)."), (Speaker::System, "For how many nights?")];
    assert_eq!(text, expected);
    let parts: Vec<_> = source.parts(Split::Train).unwrap().map(|part| part.unwrap().dialogues.len()).collect();
    assert_eq!(parts, [1, 1, 1, 1], "a part is a file");
}

#[test]
fn fields_that_are_not_known_are_kept() {
    let folder = Folder::new();
    let mut value = dialogue("full");
    value["goal"] = json!({ "hotel": { "info": {} } });
    value["turns"][0]["frames"][0]["actions"] = json!([{ "act": "INFORM", "slot": "area", "values": ["north"] }]);
    value["turns"][0]["frames"][0]["service_call"] = json!({ "method": "FindHotel" });
    value["turns"][0]["mood"] = json!(0.25);
    folder.put("train/dialogues_001.json", &json!([value]).to_string());
    let read = Source::open(folder.path()).unwrap().split(Split::Train).unwrap();
    assert_eq!(serde_json::to_value(&read[0]).unwrap(), value);
}

#[test]
fn a_truncated_file_is_named_with_what_was_whole() {
    let folder = Folder::new();
    let text = json!([dialogue("a"), dialogue("b"), dialogue("c")]).to_string();
    let whole = text.len();
    for cut in [whole - 1, whole - 40, whole / 2] {
        folder.put("dev/dialogues_001.json", &text[..cut]);
        let error = folder.error(Split::Dev);
        assert!(matches!(error, DataError::CutOff { .. }), "cut at {cut}: {error}");
        says(&error, &["dialogues_001.json", "cut off", "download it again"]);
    }
    folder.put("dev/dialogues_001.json", &text[..whole / 2]);
    says(&folder.error(Split::Dev), &["line 1", "after 1 whole dialogues"]);
    folder.put("dev/dialogues_001.json", "");
    assert!(matches!(folder.error(Split::Dev), DataError::CutOff { .. }));
}

#[test]
fn every_cut_of_a_file_is_an_error() {
    let folder = Folder::new();
    let text = json!([dialogue("a"), dialogue("b")]).to_string();
    for cut in 0..text.len() {
        folder.put("test/dialogues_001.json", &text[..cut]);
        says(&folder.error(Split::Test), &["dialogues_001.json"]);
    }
}

type Change = fn(&mut Value);

#[test]
fn wrong_fields_are_named_with_their_place_and_value() {
    let cases: [(Change, &[&str]); 14] = [
        (|d| d["dialogue_id"] = json!(7), &["dialogue number 2", "`dialogue_id` is 7", "a text"]),
        (
            |d| drop(d.as_object_mut().unwrap().remove("dialogue_id")),
            &["dialogue number 2", "`dialogue_id` is missing"],
        ),
        (|d| *d = json!("hello"), &["dialogue number 2", "\"hello\"", "`turns`"]),
        (|d| drop(d.as_object_mut().unwrap().remove("turns")), &["dialogue bad", "`turns` is missing"]),
        (|d| d["turns"] = json!({}), &["dialogue bad", "`turns` is {}", "a list"]),
        (|d| d["services"] = json!(["hotel", null]), &["dialogue bad", "`services[1]` is null"]),
        (|d| d["turns"][1] = json!([1, 2]), &["dialogue bad, turn 1", "[1,2]", "`speaker`"]),
        (
            |d| d["turns"][1]["speaker"] = json!("BOT"),
            &["dialogue bad, turn 1", "`speaker` is \"BOT\"", "\"USER\" or \"SYSTEM\""],
        ),
        (|d| d["turns"][1]["speaker"] = json!("user"), &["turn 1", "`speaker` is \"user\""]),
        (|d| d["turns"][0]["utterance"] = json!(["a"]), &["dialogue bad, turn 0", "`utterance` is [\"a\"]"]),
        (|d| drop(d["turns"][1].as_object_mut().unwrap().remove("utterance")), &["turn 1", "`utterance` is missing"]),
        (
            |d| d["turns"][0]["frames"][0]["state"]["slot_values"]["hotel-area"] = json!("north"),
            &["turn 0, frame 0", "`slot_values.hotel-area` is \"north\"", "a list"],
        ),
        (|d| d["turns"][0]["frames"][0]["state"] = json!([]), &["turn 0, frame 0", "`state` is []"]),
        (|d| d["turns"][0]["frames"][0]["service"] = json!(null), &["turn 0, frame 0", "`service` is null"]),
    ];
    let folder = Folder::new();
    for (change, parts) in cases {
        let mut bad = dialogue("bad");
        change(&mut bad);
        folder.put("train/dialogues_001.json", &json!([dialogue("good"), bad]).to_string());
        let error = folder.error(Split::Train);
        assert!(matches!(error, DataError::Field { .. }), "{error}");
        says(&error, &["dialogues_001.json"]);
        says(&error, parts);
    }
}

#[test]
fn a_long_wrong_value_is_shortened() {
    let folder = Folder::new();
    let mut bad = dialogue("bad");
    bad["turns"] = json!("long\n".repeat(1000));
    folder.put("train/dialogues_001.json", &json!([bad]).to_string());
    let error = folder.error(Split::Train);
    says(&error, &["long", "…"]);
    assert!(error.to_string().len() < 400, "{error}");
}

#[test]
fn what_is_no_list_of_dialogues_is_said() {
    let folder = Folder::new();
    let cases: [(&str, &[&str]); 6] = [
        (r#"{"a": 1}"#, &["expected a list of dialogues", "another layout"]),
        ("[1] trailing", &["dialogue number 1", "found 1"]),
        ("[] trailing", &["trailing characters", "line 1"]),
        ("<html></html>", &["not valid JSON", "line 1 column 1"]),
        (r#"[{"dialogue_id": "a", "dialogue_id": "b"}]"#, &["the key `dialogue_id` occurs twice"]),
        (r#"[{"dialogue_id": "\ud800"}]"#, &["not valid JSON", "line 1"]),
    ];
    for (text, parts) in cases {
        folder.put("train/dialogues_001.json", text);
        says(&folder.error(Split::Train), parts);
    }
    let deep = format!("[{}{}]", "[".repeat(100_000), "]".repeat(100_000));
    folder.put("train/dialogues_001.json", &deep);
    says(&folder.error(Split::Train), &["recursion limit"]);
    fs::write(folder.path().join("train/dialogues_001.json"), b"[\"\xff\xfe\"]").unwrap();
    says(&folder.error(Split::Train), &["not valid JSON"]);
}

#[test]
fn paths_that_hold_no_data_are_explained() {
    let folder = tempfile::tempdir().unwrap();
    let open = |path: &Path| Source::open(path).unwrap_err();
    let missing = folder.path().join("no/such/data");
    let every_layout =
        ["train/, dev/ and test/", "data.json", "valListFile", "val.json", "single .json", ".jsonl", ".zip"];
    says(&open(&missing), &["no/such/data does not exist"]);
    says(&open(&missing), &every_layout);
    says(&open(folder.path()), &every_layout);
    says(&open(folder.path()), &["is an empty folder", "dialogues_001.json"]);
    fs::create_dir(folder.path().join("train")).unwrap();
    says(&open(folder.path()), &["is a folder without dialogues"]);
    fs::write(folder.path().join("dialogues_001.json"), "[]").unwrap();
    says(&open(folder.path()), &["a single split", "the folder above"]);
    let text = folder.path().join("book.txt");
    fs::write(&text, "Once upon a time").unwrap();
    says(&open(&text), &["book.txt is not a file of dialogues"]);
    let several = tempfile::tempdir().unwrap();
    for name in ["a.jsonl", "b.jsonl"] {
        fs::write(several.path().join(name), "").unwrap();
    }
    says(&open(several.path()), &["holds several .jsonl files", "train.jsonl"]);
    let outer = tempfile::tempdir().unwrap();
    fs::write(outer.path().join("MultiWOZ_2.1.zip"), "").unwrap();
    says(&open(outer.path()), &["holds the archive MultiWOZ_2.1.zip", "name that"]);
}

#[test]
fn missing_splits_and_files_that_would_be_left_out_are_errors() {
    let folder = Folder::new();
    fs::remove_dir_all(folder.path().join("dev")).unwrap();
    let source = Source::open(folder.path()).unwrap();
    assert_eq!(source.splits(), [Split::Train, Split::Test]);
    says(&source.split(Split::Dev).unwrap_err(), &["no dialogues for dev", "dev/dialogues_001.json"]);
    folder.put("test/dialogues_001.json", "[]");
    says(&folder.error(Split::Test), &["no dialogues for test", "empty lists"]);
    folder.put("train/dialogs_002.json", "[]");
    says(&Source::open(folder.path()).unwrap_err(), &["dialogs_002.json", "would be left out"]);
}

#[test]
fn after_an_error_the_iterator_ends() {
    let folder = Folder::new();
    folder.put("train/dialogues_002.json", "[");
    folder.put("train/dialogues_003.json", &json!([dialogue("train-3")]).to_string());
    let parts: Vec<_> = Source::open(folder.path()).unwrap().parts(Split::Train).unwrap().collect();
    assert_eq!(parts.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false]);
}

fn line(id: usize) -> String {
    json!({ "turns": [{ "speaker": "user", "text": format!("Question {id}?") }, { "speaker": "System", "text": "Yes." }] })
        .to_string()
}

/// What the user says first, by split.
fn asked(source: &Source) -> Vec<Vec<String>> {
    let first = |part: Part| part.dialogues.into_iter().map(|dialogue| dialogue.turns[0].utterance.clone());
    Split::ALL.map(|split| source.parts(split).unwrap().flat_map(|part| first(part.unwrap())).collect()).to_vec()
}

/// As runs were dealt that were begun before a dialogue's text decided: they must find the same dialogues again.
#[test]
fn lines_can_be_dealt_by_their_number() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("own.jsonl");
    let lines: Vec<_> = (0..45).map(line).collect();
    fs::write(&path, lines.join("\n\n")).unwrap();
    let source = Source::open_with(&path, &Reading { dealing: Dealing::ByLine, ..Reading::default() }).unwrap();
    assert_eq!((source.layout(), source.is_dealt()), ("jsonl", true));
    let [train, dev, test] = asked(&source).try_into().unwrap();
    assert_eq!(dev, ["Question 0?", "Question 20?", "Question 40?"]);
    assert_eq!(test, ["Question 1?", "Question 21?", "Question 41?"]);
    assert_eq!(train.len(), 39);
    let counted = stats(&source).unwrap();
    assert_eq!((counted.splits[&Split::Train].turns, counted.splits[&Split::Dev].bytes), (78, 3 * 4 + 11 + 12 + 12));
    assert_eq!(check(&path), []);
}

#[test]
fn a_dialogue_is_in_its_split_wherever_it_stands() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: String| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let sorted = |path: &Path| {
        let mut splits = asked(&Source::open(path).unwrap());
        splits.iter_mut().for_each(|split| split.sort());
        splits
    };
    let lines: Vec<_> = (0..400).map(line).collect();
    let backwards: Vec<_> = lines.iter().rev().cloned().collect();
    let named: Vec<_> = lines.iter().map(|line| line.replacen('{', "{\"id\":\"x\",\"mood\":1,", 1)).collect();
    let messages = |line: &String| {
        let renamed = line.replace("turns", "messages").replace("speaker", "role").replace("text", "content");
        renamed.replace("System", "assistant")
    };
    let messages: Vec<_> = lines.iter().map(messages).collect();
    let there = sorted(&write("own.jsonl", lines.join("\n")));
    assert!(there[1].len() > 5 && there[2].len() > 5, "{:?}", there.iter().map(Vec::len).collect::<Vec<_>>());
    assert_eq!(sorted(&write("other.ndjson", backwards.join("\n"))), there);
    assert_eq!(sorted(&write("named.jsonl", named.join("\n"))), there);
    assert_eq!(sorted(&write("list.json", format!("[{}]", lines.join(",\n")))), there);
    assert_eq!(sorted(&write("messages.jsonl", messages.join("\n"))), there);
    // Whatever is added, nothing that was there moves; and of one text all are in one split.
    let more: Vec<_> = (0..800).chain(0..400).map(line).collect();
    for (more, there) in sorted(&write("more.jsonl", more.join("\n"))).iter().zip(&there) {
        assert!(there.iter().all(|text| more.iter().filter(|other| *other == text).count() == 2));
    }
}

#[test]
fn wrong_lines_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("own.jsonl");
    let cases: [(&str, &[&str]); 6] = [
        ("{\"turns\": [", &["line 3", "cut off"]),
        ("turns", &["line 3", "not valid JSON"]),
        ("[]", &["dialogue in line 3", "found []", "`turns`"]),
        (
            r#"{"turns":[{"speaker":"me","text":"a"}]}"#,
            &["in line 3, turn 0", "`speaker` is \"me\"", "\"user\" or \"system\""],
        ),
        (r#"{"turns":[{"speaker":"user"}]}"#, &["in line 3, turn 0", "`text` is missing"]),
        (r#"{"id":3,"turns":[]}"#, &["in line 3", "`id` is 3"]),
    ];
    for (bad, parts) in cases {
        fs::write(&path, format!("{}\n{}\n{bad}\n{}\n", line(0), line(1), line(2))).unwrap();
        let source = Source::open(&path).unwrap();
        // Whatever the split, the file is read as a whole.
        for split in Split::ALL {
            let error = source.split(split).unwrap_err();
            says(&error, &["own.jsonl"]);
            says(&error, parts);
        }
        assert_eq!(check(&path).iter().filter(|flaw| flaw.unreadable).count(), 1);
    }
    fs::write(&path, line(0)).unwrap();
    // The one dialogue is for train.
    let source = Source::open(&path).unwrap();
    assert_eq!(source.split(Split::Train).unwrap().len(), 1);
    says(
        &source.split(Split::Test).unwrap_err(),
        &["no dialogues for test", "about 5 of 100", "add dialogues", "test.jsonl"],
    );
}

#[test]
fn check_finds_everything() {
    let folder = Folder::new();
    assert_eq!(check(folder.path()), []);
    let mut twice = dialogue("train-1");
    twice["turns"] = json!([turn(0, "SYSTEM", "Hello."), turn(1, "SYSTEM", " "), turn(7, "USER", "Hi.")]);
    let mut wrong = dialogue("wrong");
    wrong["turns"][1]["speaker"] = json!(null);
    let empty = json!({ "dialogue_id": "empty", "services": [], "turns": [] });
    let mut copy = dialogue("train-1");
    copy["dialogue_id"] = json!("copy");
    folder.put("train/dialogues_002.json", &json!([twice, wrong, empty]).to_string());
    folder.put("train/dialogues_004.json", &json!([dialogue("last")]).to_string()[..50]);
    folder.put("dev/dialogues_002.json", &json!([copy]).to_string());
    fs::remove_dir_all(folder.path().join("test")).unwrap();
    let flaws = check(folder.path());
    let found: Vec<_> = flaws.iter().map(|flaw| (flaw.unreadable, flaw.dialogue.as_deref(), flaw.turn)).collect();
    let expected = [
        (false, Some("train-1"), None),
        (false, Some("train-1"), Some(0)),
        (false, Some("train-1"), Some(1)),
        (false, Some("train-1"), Some(1)),
        (false, Some("train-1"), Some(2)),
        (true, Some("wrong"), Some(1)),
        (false, Some("empty"), None),
        (false, None, None),
        (true, Some("last"), None),
        (false, Some("copy"), None),
        (false, None, None),
    ];
    let messages: Vec<_> = flaws.iter().map(ToString::to_string).collect();
    assert_eq!(found, expected, "{messages:#?}");
    let parts = [
        "the id occurs also in",
        "first turn is the system's",
        "as in the turn before",
        "utterance is empty",
        "`turn_id` is 7, not 2",
        "`speaker` is null",
        "no turns",
        "missing",
        "cut off",
        "is that of dialogue train-1 of train",
        "no files for test",
    ];
    for (message, part) in messages.iter().zip(parts) {
        assert!(message.contains(part), "{message:?} does not say {part:?}");
    }
    let nothing = check(folder.path().join("nothing"));
    assert!(nothing.len() == 1 && nothing[0].unreadable, "{nothing:?}");
}
