//! Dialogues of any layout in any other: what is written is read back, and what a layout can't hold is said.

mod harness;

use harness::{files, logged, published_2_2, published_sgd, put, says};
use proptest::prelude::*;
use reformer_multiwoz::{Converted, Dialogue, Source, Split, Target, check, convert, sample};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

fn read(path: &Path) -> BTreeMap<Split, Vec<Dialogue>> {
    let source = Source::open(path).unwrap();
    let all = |split| source.parts(split).unwrap().flat_map(|part| part.unwrap().dialogues).collect();
    source.splits().into_iter().map(|split| (split, all(split))).collect()
}

fn converted(from: &Path, target: Target, to: &Path) -> Converted {
    convert(&Source::open(from).unwrap(), target, to, false).unwrap()
}

/// Everything but the annotation.
fn texts(splits: &BTreeMap<Split, Vec<Dialogue>>) -> Vec<(Split, String, Vec<(String, String)>)> {
    let text = |dialogue: &Dialogue| dialogue.text().map(|(who, what)| (who.to_string(), what.to_owned())).collect();
    let each = |(split, dialogues): (&Split, &Vec<Dialogue>)| -> Vec<_> {
        dialogues.iter().map(|dialogue| (*split, dialogue.id.clone(), text(dialogue))).collect()
    };
    splits.iter().flat_map(each).collect()
}

fn published(folder: &Path) {
    let three = |text: &str| json!([published_2_2(&format!("{text}1")), published_sgd(&format!("{text}2"))]);
    put(
        folder,
        &files(&[
            ("train/dialogues_001.json", &three("a")),
            ("dev/dialogues_001.json", &three("b")),
            ("test/dialogues_001.json", &three("c")),
            ("schema.json", &json!([{ "service_name": "restaurant" }])),
        ]),
    );
}

#[test]
fn every_layout_becomes_every_other() {
    let outer = tempfile::tempdir().unwrap();
    let at = |name: &str| outer.path().join(name);
    published(&at("published"));
    let lists = files(&[
        ("data.json", &json!({ "A.json": logged("a"), "B": logged("b"), "C": logged("c") })),
        ("valListFile.json", &json!(["B"])),
        ("testListFile.json", &json!(["C"])),
    ]);
    put(&at("logged"), &lists);
    let first = |role: &str, text: &str| json!({ "role": role, "content": text });
    let chat = |text: &str| json!({ "id": text, "messages": [first("system", "Be brief."), first("user", text), first("assistant", "Yes.")] });
    let line = |text: &str| chat(text).to_string().into_bytes();
    put(&at("chats"), &["train", "dev", "test"].map(|split| (format!("{split}.jsonl"), line(split))).to_vec());
    for from in ["published", "logged", "chats"] {
        let before = read(&at(from));
        for target in Target::ALL {
            let name = format!("{from}-{target}");
            let said = converted(&at(from), target, &at(&name));
            let after = read(&at(&name));
            assert_eq!(texts(&after), texts(&before), "{name}");
            assert_eq!(said.dialogues.values().sum::<usize>(), before.values().map(Vec::len).sum::<usize>());
            assert_eq!(said.lost.is_empty(), after == before || from == "chats", "{name}: {:?}", said.lost);
            // And from there to all others.
            for second in Target::ALL {
                let twice = format!("{name}-{second}");
                converted(&at(&name), second, &at(&twice));
                assert_eq!(texts(&read(&at(&twice))), texts(&before), "{twice}");
            }
        }
    }
    for name in [
        "published-schema-guided",
        "published-turns-schema-guided",
        "logged-turns-data-json",
        "logged-schema-guided-turns",
    ] {
        assert!(read(&at(name)) == read(&at(name.split('-').next().unwrap())), "{name} lost something");
    }
    assert_eq!(
        fs::read(at("published-schema-guided/schema.json")).unwrap(),
        fs::read(at("published/schema.json")).unwrap()
    );
    let first = fs::read_to_string(at("chats-turns-messages/train.jsonl")).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&first).unwrap(), chat("train"), "a first message comes back");
}

#[test]
fn what_a_layout_does_not_hold_is_said() {
    let outer = tempfile::tempdir().unwrap();
    let at = |name: &str| outer.path().join(name);
    published(&at("published"));
    let lost = |target, name: &str| converted(&at("published"), target, &at(name)).lost.into_iter().collect::<Vec<_>>();
    assert_eq!(lost(Target::Turns, "turns"), []);
    assert_eq!(
        lost(Target::Messages, "messages"),
        [("acts, spans and further annotation of frames", 6), ("belief states", 6), ("services", 6)]
    );
    assert_eq!(lost(Target::Turns, "one.jsonl"), [("which split a dialogue is in", 6)]);
    let said = lost(Target::DataJson, "data");
    assert!(said.contains(&("services", 6)) && said.iter().all(|(_, count)| *count <= 6), "{said:?}");
    // What MultiWOZ 2.2 says of states, the older layout can say, too.
    sample::write(&at("sample"), false).unwrap();
    let said = converted(&at("sample"), Target::DataJson, &at("sample-data"));
    assert!(!said.lost.contains_key("belief states"), "{:?}", said.lost);
    assert_eq!(said.dialogues[&Split::Train], 3600);
    let states = |path: &Path| -> Vec<_> {
        read(path).into_values().flatten().flat_map(|one| one.turns).map(|turn| turn.belief_state()).collect()
    };
    assert!(states(&at("sample-data")).iter().filter(|state| !state.is_empty()).count() > 1000);
}

#[test]
fn what_cannot_be_written_is_an_error_and_leaves_nothing() {
    let outer = tempfile::tempdir().unwrap();
    let at = |name: &str| outer.path().join(name);
    let turn = |who: &str, text: &str| json!({ "speaker": who, "text": text });
    let odd = json!({ "id": "odd", "turns": [turn("user", "a"), turn("user", "b")] });
    let twice = json!([{ "id": "x", "turns": [] }, { "id": "x.json", "turns": [turn("user", "a")] }]);
    put(&at("data"), &files(&[("odd.json", &json!([odd])), ("twice/own.json", &twice)]));
    let refused = |from: &str, target, to: &str, force, parts: &[&str]| {
        let error = convert(&Source::open(at(from)).unwrap(), target, &at(to), force).unwrap_err();
        says(to, &error.to_string(), parts);
    };
    refused("data/odd.json", Target::DataJson, "out", false, &["dialogue odd, turn 1", "take turns"]);
    refused("data/twice", Target::DataJson, "out", false, &["dialogue x", "the same id"]);
    refused("data/twice", Target::DataJson, "out.jsonl", false, &["data-json is a folder"]);
    refused("data/twice", Target::Turns, "data/twice/out", false, &["lie one within the other"]);
    refused("data/twice", Target::Turns, "data", true, &["lie one within the other"]);
    refused("data/odd.json", Target::Turns, "data", false, &["lie one within the other"]);
    for within in ["not-there/../data/twice/out", "data/no/../twice/./out", "data/twice/no/.."] {
        refused("data/twice", Target::Turns, within, false, &["lie one within the other"]);
    }
    assert_eq!(fs::read_dir(outer.path()).unwrap().count(), 1, "something was left");

    fs::write(at("mine.jsonl"), "mine").unwrap();
    refused("data/odd.json", Target::Turns, "mine.jsonl", false, &["mine.jsonl is there already"]);
    assert_eq!(fs::read(at("mine.jsonl")).unwrap(), b"mine");
    let source = Source::open(at("data/odd.json")).unwrap();
    convert(&source, Target::Turns, &at("mine.jsonl"), true).unwrap();
    assert_eq!(read(&at("mine.jsonl"))[&Split::Train].len(), 1);

    convert(&source, Target::Turns, &at("out"), false).unwrap();
    refused("data/odd.json", Target::Messages, "out", false, &["out is there already"]);
    convert(&source, Target::Messages, &at("out"), true).unwrap();
    assert!(fs::read_to_string(at("out/train.jsonl")).unwrap().contains("\"role\""));
    fs::write(at("out/letter.txt"), "dear").unwrap();
    refused("data/odd.json", Target::Turns, "out", true, &["holds letter.txt", "nothing that was converted"]);
    assert_eq!(fs::read(at("out/letter.txt")).unwrap(), b"dear");
    assert_eq!(fs::read_dir(outer.path()).unwrap().count(), 3, "something was left");
}

#[test]
fn what_has_no_id_is_given_none() {
    let outer = tempfile::tempdir().unwrap();
    let at = |name: &str| outer.path().join(name);
    let chat = |text: &str| format!("{{\"messages\":[{{\"role\":\"user\",\"content\":\"{text}\"}}]}}\n");
    let named = chat("e").replacen('{', "{\"id\":\"line\",", 1);
    let splits = [("train", chat("a") + &chat("b")), ("dev", chat("c")), ("test", chat("d") + &named)];
    for (split, text) in &splits {
        put(&at("chats"), &vec![(format!("{split}.jsonl"), text.clone().into_bytes())]);
    }
    converted(&at("chats"), Target::Turns, &at("turns"));
    converted(&at("turns"), Target::Messages, &at("again"));
    for (split, text) in &splits {
        assert_eq!(&fs::read_to_string(at("again").join(format!("{split}.jsonl"))).unwrap(), text);
    }
    assert_eq!(check(at("chats")).iter().filter(|flaw| flaw.message.contains("the id occurs")).count(), 0);
    // Where each must have an id of its own, it gets one.
    let ids = |path: &Path| -> Vec<_> { read(path).into_values().flatten().map(|dialogue| dialogue.id).collect() };
    converted(&at("chats"), Target::DataJson, &at("logged"));
    assert_eq!(ids(&at("logged")), ["line 1", "line 2", "line 1 of dev", "line 1 of test", "line"]);
}

/// A dialogue of own turns with whatever fields beside them.
fn own() -> impl Strategy<Value = Value> {
    let turn = (any::<bool>(), any::<String>(), "[a-z]{0,7}", any::<i64>()).prop_map(|(user, text, field, value)| {
        let mut turn = json!({ format!("x{field}"): value });
        turn["speaker"] = json!(if user { "user" } else { "system" });
        turn["text"] = json!(text);
        turn
    });
    let fields = prop::collection::btree_map(
        "system|developer|role|log|content|x[a-z]{0,4}",
        prop_oneof![
            any::<String>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            Just(json!({ "content": "a", "role": "b" })),
            Just(json!({ "content": "a", "name": "b" })),
            Just(Value::Null),
        ],
        0..4,
    );
    (any::<String>(), prop::collection::vec(turn, 0..5), fields).prop_map(|(id, turns, fields)| {
        let mut dialogue = json!(fields);
        dialogue["id"] = json!(id);
        dialogue["turns"] = json!(turns);
        dialogue
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(32), ..ProptestConfig::default() })]

    #[test]
    fn own_dialogues_come_back_from_messages_and_from_2_2(dialogues in prop::collection::vec(own(), 1..4)) {
        let outer = tempfile::tempdir().unwrap();
        let at = |name: &str| outer.path().join(name);
        let text: String = dialogues.iter().map(|dialogue| format!("{dialogue}\n")).collect();
        fs::write(at("own.jsonl"), text).unwrap();
        let before = read(&at("own.jsonl"));
        for (first, second) in [("messages", "turns"), ("schema-guided", "messages"), ("turns", "schema-guided")] {
            let target = |name: &str| Target::ALL.into_iter().find(|target| target.name() == name).unwrap();
            let (once, twice) = (at(first), at(&format!("{first}-{second}")));
            prop_assert_eq!(converted(&at("own.jsonl"), target(first), &once).lost, BTreeMap::new());
            prop_assert_eq!(converted(&once, target(second), &twice).lost, BTreeMap::new());
            prop_assert_eq!(&read(&once), &before);
            prop_assert_eq!(&read(&twice), &before);
        }
    }
}
