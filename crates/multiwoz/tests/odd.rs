//! What can be read and is odd: counted warnings that say where they are, and limits. What can't be read is in `malformed`.

mod harness;

use harness::{files, first_error, logged, published_2_2, put, says};
use reformer_multiwoz::{Limits, Source, Split, check};
use serde_json::{Value, json};
use std::fs;

const SCHEMA_GUIDED: &str = "train/dialogues_001.json";
const DATA_JSON: &str = "train.json";
const OWN: &str = "own.jsonl";

/// What can be read and is odd is counted by `check`, and is read as it is.
#[test]
fn every_odd_file_is_a_warning_that_says_where_it_is() {
    let change_2_2 = |change: fn(&mut Value)| {
        let mut odd = published_2_2("odd");
        change(&mut odd);
        json!([published_2_2("good"), odd])
    };
    let change_2_1 = |change: fn(&mut Value)| {
        let mut odd = logged("hello");
        change(&mut odd);
        json!({ "odd": odd })
    };
    let cases: Vec<(&str, &str, Value, &[&str])> = vec![
        ("empty list", SCHEMA_GUIDED, json!([]), &["dialogues_001.json: there are no dialogues in it"]),
        ("empty list", SCHEMA_GUIDED, json!([]), &["no dialogue of train can be read"]),
        ("empty object", DATA_JSON, json!({}), &["train.json: there are no dialogues in it"]),
        ("no turns", SCHEMA_GUIDED, change_2_2(|d| d["turns"] = json!([])), &["dialogue odd: there are no turns"]),
        ("no turns", DATA_JSON, change_2_1(|d| d["log"] = json!([])), &["dialogue odd: there are no turns"]),
        (
            "duplicate id",
            SCHEMA_GUIDED,
            change_2_2(|d| d["dialogue_id"] = json!("good")),
            &["dialogue good: the id occurs also in"],
        ),
        (
            "duplicate text",
            SCHEMA_GUIDED,
            json!([published_2_2("same"), published_2_2("same")]),
            &["is that of dialogue same of train"],
        ),
        (
            "system first",
            SCHEMA_GUIDED,
            change_2_2(|d| d["turns"][0]["speaker"] = json!("SYSTEM")),
            &["dialogue odd, turn 0: the first turn is the system's"],
        ),
        (
            "two turns of one",
            SCHEMA_GUIDED,
            change_2_2(|d| d["turns"][1]["speaker"] = json!("USER")),
            &["dialogue odd, turn 1: the speaker is USER, as in the turn before"],
        ),
        (
            "empty utterance",
            SCHEMA_GUIDED,
            change_2_2(|d| d["turns"][1]["utterance"] = json!(" ")),
            &["dialogue odd, turn 1: the utterance is empty"],
        ),
        (
            "empty utterance",
            DATA_JSON,
            change_2_1(|d| d["log"][0]["text"] = json!("")),
            &["dialogue odd, turn 0: the utterance is empty"],
        ),
        (
            "wrong number",
            SCHEMA_GUIDED,
            change_2_2(|d| d["turns"][1]["turn_id"] = json!("7")),
            &["dialogue odd, turn 1: `turn_id` is 7, not 1"],
        ),
        (
            "span outside",
            SCHEMA_GUIDED,
            change_2_2(|d| d["turns"][0]["frames"][0]["slots"][0]["exclusive_end"] = json!(9000)),
            &["dialogue odd, turn 0: frame 0: `slots[0]` is from 18 to 9000"],
        ),
        (
            "a value is a number",
            DATA_JSON,
            change_2_1(|d| d["log"][1]["metadata"]["hotel"]["semi"]["area"] = json!(5)),
            &["dialogue odd, turn 1: `metadata.hotel.semi.area` is 5, neither a text"],
        ),
        (
            "missing file",
            "train/dialogues_003.json",
            json!([published_2_2("late")]),
            &["dialogues_003.json: the file with the number before"],
        ),
    ];
    assert_eq!(cases.len(), 15);
    for (name, file, value, parts) in cases {
        let folder = tempfile::tempdir().unwrap();
        if file.contains("003") {
            put(folder.path(), &files(&[(SCHEMA_GUIDED, &json!([published_2_2("early")]))]));
        }
        put(folder.path(), &files(&[(file, &value)]));
        let flaws = check(folder.path());
        assert!(flaws.iter().all(|flaw| !flaw.unreadable), "{name}: {flaws:#?}");
        assert!(flaws.iter().any(|flaw| parts.iter().all(|part| flaw.message.contains(part))), "{name}: {flaws:#?}");
    }
}

#[test]
fn huge_ids_and_utterances_are_read_up_to_the_limit() {
    let folder = tempfile::tempdir().unwrap();
    let mut huge = published_2_2(&"i".repeat(2 << 20));
    huge["turns"][1]["utterance"] = json!("u".repeat(4 << 20));
    put(folder.path(), &files(&[(SCHEMA_GUIDED, &json!([huge]))]));
    let read = Source::open(folder.path()).unwrap().split(Split::Train).unwrap();
    assert_eq!((read[0].id.len(), read[0].turns[1].utterance.len()), (2 << 20, 4 << 20));
    // Messages repeat but the beginning of it.
    assert!(check(folder.path()).iter().all(|flaw| flaw.message.len() < 1000));

    let limits = Limits { dialogue_bytes: 10_000, ..Limits::default() };
    let long = "long ".repeat(4000);
    let mut value = published_2_2("bad");
    value["turns"][1]["utterance"] = json!(long);
    let good = r#"{"turns":[{"speaker":"user","text":"Hello."}]}"#;
    let lines = format!("{good}\n\n{}\n{good}", json!({ "turns": [{ "speaker": "user", "text": long }] })).into_bytes();
    let cases: [(&str, Vec<u8>, &[&str]); 3] = [
        (
            SCHEMA_GUIDED,
            json!([published_2_2("good"), value]).to_string().into_bytes(),
            &["dialogue number 2", "begins in line 1"],
        ),
        (DATA_JSON, json!({ "A1": logged("good"), "B2": logged(&long) }).to_string().into_bytes(), &["dialogue B2"]),
        (OWN, lines, &["in line 3"]),
    ];
    for (file, bytes, parts) in cases {
        let folder = tempfile::tempdir().unwrap();
        put(folder.path(), &vec![(file.to_owned(), bytes)]);
        let source = Source::open_within(folder.path(), limits).unwrap();
        let error = source.split(Split::Train).unwrap_err().to_string();
        says(file, &error, parts);
        says(file, &error, &["more than the 10000 bytes", "cut it into several"]);
    }
}

#[test]
fn a_folder_or_a_pipe_where_a_file_belongs_is_said() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join(SCHEMA_GUIDED)).unwrap();
    let error = first_error(folder.path()).unwrap().to_string();
    says("a folder", &error, &["dialogues_001.json is a folder, where a file of dialogues belongs"]);
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("val.json")).unwrap();
    says("a folder", &first_error(folder.path()).unwrap().to_string(), &["is a folder without dialogues"]);
    #[cfg(unix)]
    {
        for name in ["own.jsonl", "data.zip", "dialogues_001.json"] {
            let pipe = folder.path().join(name);
            let made = std::process::Command::new("mkfifo").arg(&pipe).status();
            if made.is_ok_and(|status| status.success()) {
                says("a pipe", &first_error(&pipe).unwrap().to_string(), &[name, "is no ordinary file"]);
            }
        }
    }
}

#[test]
fn lists_of_splits_that_are_none_are_said() {
    let data = json!({ "A": logged("a"), "B": logged("b") });
    let cases: [(&[(&str, &[u8])], &[&str]); 7] = [
        (
            &[("valListFile.txt", b"A\n"), ("testListFile.txt", b"A.json\n")],
            &["valListFile.txt", "names A", "the other split's list"],
        ),
        (&[("valListFile.txt", b"A\n"), ("valListFile.json", b"B\n")], &["valListFile.", "lists the same split"]),
        (&[("valListFile.json", b"[\"A\", 5]")], &["valListFile.json", "no list of dialogues' ids"]),
        (&[("valListFile.json", b"{\"A\": 1}")], &["valListFile.json", "no list of dialogues' ids"]),
        (&[("valListFile.json", b"[\"A\"")], &["valListFile.json", "no list of dialogues' ids"]),
        (&[("testListFile.txt", b"\xe4\n")], &["testListFile.txt", "not in UTF-8"]),
        (&[("testListFile.txt", b"\xff\xfeA\0")], &["testListFile.txt", "UTF-16"]),
    ];
    for (lists, parts) in cases {
        let folder = tempfile::tempdir().unwrap();
        let mut all = files(&[("data.json", &data)]);
        all.extend(lists.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec())));
        put(folder.path(), &all);
        says(lists[0].0, &first_error(folder.path()).unwrap().to_string(), parts);
    }
    let folder = tempfile::tempdir().unwrap();
    let mut all = files(&[("data.json", &data)]);
    all.push(("valListFile.txt".to_owned(), b"A\n".repeat(100)));
    put(folder.path(), &all);
    let limits = Limits { dialogue_bytes: 100, ..Limits::default() };
    says("long", &Source::open_within(folder.path(), limits).unwrap_err().to_string(), &["more than 100 bytes"]);
}

#[test]
fn flaws_are_counted_once_there_are_too_many_to_describe() {
    let folder = tempfile::tempdir().unwrap();
    let lines = "{\"turns\":[]}\n".repeat(10_010);
    put(folder.path(), &vec![(OWN.to_owned(), lines.into_bytes())]);
    let flaws = check(folder.path());
    assert_eq!(flaws.len(), 10_001);
    says("many", &flaws[10_000].message, &["10 further flaws", "0 make something unreadable"]);
}

/// A small object takes a hundred times as much memory as its text: what a dialogue takes is bounded, too.
#[test]
fn values_take_no_more_memory_than_they_may() {
    let limits = Limits { dialogue_bytes: 1 << 16, ..Limits::default() };
    // Each of 16 bytes of JSON a byte: more than 3,000 in 64 KiB, of which a megabyte has room for fewer than 1,700.
    let kinds = [("objects", "{\"\":0}", 1_300, 1_700), ("lists", "[0]", 5_000, 7_000)];
    for (kind, value, fit, too_many) in kinds {
        let values = |count: usize| vec![value; count].join(",");
        let layouts: [(&str, &dyn Fn(usize) -> String, &str); 3] = [
            (
                SCHEMA_GUIDED,
                &|count| format!("[{{\"dialogue_id\":\"a\",\"services\":[],\"turns\":[],\"x\":[{}]}}]", values(count)),
                "in dialogue a, field `x[",
            ),
            (
                DATA_JSON,
                &|count| format!("{{\"A1\":{{\"log\":[],\"x\":[{}]}}}}", values(count)),
                "in dialogue A1, field `x[",
            ),
            (OWN, &|count| format!("{{\"turns\":[],\"x\":[{}]}}", values(count)), "in dialogue in line 1, field `x["),
        ];
        for (file, text, place) in layouts {
            let folder = tempfile::tempdir().unwrap();
            put(folder.path(), &vec![(file.to_owned(), text(fit).into_bytes())]);
            let source = Source::open_within(folder.path(), limits).unwrap();
            assert!(
                source.splits().into_iter().all(|split| source.parts(split).unwrap().all(|part| part.is_ok())),
                "{kind}"
            );
            put(folder.path(), &vec![(file.to_owned(), text(too_many).into_bytes())]);
            let error = source.split(source.splits()[0]).unwrap_err().to_string();
            let parts =
                [file.rsplit('/').next().unwrap(), place, "take more than 1048576 bytes of memory", "cut the dialogue"];
            says(kind, &error, &parts);
        }
    }
}

#[test]
fn a_million_flaws_are_enough() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), &vec![(SCHEMA_GUIDED.to_owned(), format!("[{}0]", "0,".repeat(1_100_000)).into_bytes())]);
    let flaws = check(folder.path());
    assert_eq!(flaws.len(), 10_001);
    says("many", &flaws[10_000].message, &["100000", "further flaws", "what comes after them was not looked at"]);
}
