//! Every layout as it is published, wherever it lies: what is recognised, in which split, and what of it is kept.

mod harness;

use harness::{Files, files, logged, published_2_2, published_sgd, put, read, says, zipped};
use reformer_multiwoz::{Dialogue, SlotValue, Source, Speaker, Split, check};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The published folders, each with what lies beside the dialogues.
fn published() -> Vec<(&'static str, Files)> {
    let schema = json!([{ "service_name": "restaurant" }]);
    let acts = json!({ "a.json": { "0": { "dialog_act": {}, "span_info": [] } } });
    let multiwoz_2_2 = files(&[
        ("train/dialogues_001.json", &json!([published_2_2("PMUL1.json"), published_2_2("PMUL2.json")])),
        ("train/dialogues_002.json", &json!([published_2_2("PMUL3.json")])),
        ("dev/dialogues_001.json", &json!([published_2_2("PMUL4.json")])),
        ("test/dialogues_001.json", &json!([published_2_2("PMUL5.json")])),
        ("schema.json", &schema),
        ("dialog_acts.json", &acts),
    ]);
    let sgd = files(&[
        ("train/dialogues_001.json", &json!([published_sgd("1_00000")])),
        ("train/schema.json", &schema),
        ("dev/dialogues_001.json", &json!([published_sgd("2_00000")])),
        ("dev/schema.json", &schema),
        ("test/dialogues_001.json", &json!([published_sgd("3_00000")])),
        ("test/schema.json", &schema),
    ]);
    let three = json!({ "PMUL1.json": logged("one"), "MUL2.json": logged("two"), "SNG3.json": logged("three") });
    let mut multiwoz_2_1 =
        files(&[("data.json", &three), ("ontology.json", &json!({})), ("hotel_db.json", &json!([]))]);
    multiwoz_2_1.push(("valListFile.txt".to_owned(), b"MUL2.json\n".to_vec()));
    multiwoz_2_1.push(("testListFile.txt".to_owned(), b"SNG3.json\r\n\r\n".to_vec()));
    let line = |text: &str| json!({ "turns": [{ "speaker": "user", "text": text }] }).to_string().into_bytes();
    let own: Files = ["train", "dev", "test"].map(|split| (format!("{split}.jsonl"), line(split))).to_vec();
    vec![("multiwoz-2.2", multiwoz_2_2), ("schema-guided", sgd), ("multiwoz-2.1", multiwoz_2_1), ("jsonl", own)]
}

#[test]
fn a_folder_an_archive_and_a_folder_within_either_are_the_same() {
    for (layout, files) in published() {
        let outer = tempfile::tempdir().unwrap();
        put(&outer.path().join("plain"), &files);
        let expected = read(&outer.path().join("plain"));
        assert_eq!(expected.0, layout);
        assert_eq!(expected.1.keys().copied().collect::<Vec<_>>(), Split::ALL, "{layout}");
        assert_eq!(check(outer.path().join("plain")).iter().find(|flaw| flaw.unreadable), None);

        let inner: Files = files.iter().map(|(name, bytes)| (format!("Data Set 2/{name}"), bytes.clone())).collect();
        let mut with_junk = inner.clone();
        for (name, bytes) in &inner {
            with_junk.push((format!("__MACOSX/{}", name.replace("/", "/._")), bytes.clone()));
            with_junk.push((format!("__MACOSX/{name}"), b"not JSON".to_vec()));
        }
        with_junk.push(("Data Set 2/.DS_Store".to_owned(), b"junk".to_vec()));
        put(&outer.path().join("nested"), &with_junk);
        assert_eq!(read(&outer.path().join("nested")), expected, "{layout}, in a folder within");
        for (name, files) in [("flat.zip", &files), ("nested.ZIP", &with_junk)] {
            let path = outer.path().join(name);
            fs::write(&path, zipped(files)).unwrap();
            assert_eq!(read(&path), expected, "{layout}, in {name}");
            let parts = Source::open(&path).unwrap().parts(Split::Train).unwrap();
            let file = parts.map(|part| part.unwrap().file).next().unwrap();
            assert!(file.starts_with(&path), "{} does not say that it is in {name}", file.display());
        }
    }
}

fn first(path: &Path, split: Split) -> Dialogue {
    Source::open(path).unwrap().split(split).unwrap().remove(0)
}

#[test]
fn frames_are_kept_in_types_and_written_as_they_were() {
    let folder = tempfile::tempdir().unwrap();
    let (mine, other) = (published_2_2("a"), published_sgd("b"));
    put(
        folder.path(),
        &files(&[("train/dialogues_001.json", &json!([mine])), ("dev/dialogues_001.json", &json!([other]))]),
    );
    let read = first(folder.path(), Split::Train);
    assert_eq!(serde_json::to_value(&read).unwrap(), mine);
    let frames = &read.turns[0].frames;
    let span = &frames[0].slots[0];
    assert_eq!((span.slot.as_str(), span.start, span.exclusive_end), ("restaurant-food", Some(18), Some(25)));
    assert_eq!(span.value, Some(SlotValue::Text("chinese".to_owned())));
    let copy = &frames[1].slots[0];
    assert_eq!(copy.copy_from.as_deref(), Some("restaurant-name"));
    assert_eq!(copy.value.as_ref().unwrap().texts(), ["nandos"]);
    let state = frames[0].state.as_ref().unwrap();
    assert_eq!(
        (state.active_intent.as_str(), &state.requested_slots[..]),
        ("find_restaurant", &["restaurant-address".to_owned()][..])
    );
    assert_eq!(read.turns[0].belief_state()["restaurant-name"], ["nandos", "nando's"]);

    let read = first(folder.path(), Split::Dev);
    let mut expected = other;
    for (at, turn) in expected["turns"].as_array_mut().unwrap().iter_mut().enumerate() {
        turn["turn_id"] = json!(at.to_string());
    }
    assert_eq!(serde_json::to_value(&read).unwrap(), expected);
    let frame = &read.turns[1].frames[0];
    assert_eq!(frame.actions[0].act, "OFFER");
    assert_eq!(read.turns[0].frames[0].actions[0].canonical_values, ["San Jose"]);
    let call = frame.service_call.as_ref().unwrap();
    assert_eq!((call.method.as_str(), call.parameters["city"].as_str()), ("FindRestaurants", "San Jose"));
    assert_eq!(frame.service_results.as_ref().unwrap()[0]["name"], "71 St");
}

#[test]
fn data_json_becomes_the_same_dialogues() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), &files(&[("train.json", &json!({ "PMUL1": logged("I need a hotel") }))]));
    let read = first(folder.path(), Split::Train);
    assert_eq!((read.id.as_str(), &read.services[..]), ("PMUL1", &["hotel".to_owned()][..]));
    assert_eq!(read.goal.as_ref().unwrap()["hotel"]["info"]["area"], "east");
    let text: Vec<_> = read.text().collect();
    assert_eq!(text, [(Speaker::User, "I need a hotel"), (Speaker::System, "For how many nights ?")]);

    // The belief state is published with the answer, and belongs to what the user said before.
    let [user, system] = &read.turns[..] else { panic!("two turns") };
    let wanted = [
        ("hotel-area", vec!["east"]),
        ("hotel-bookpeople", vec!["3"]),
        ("hotel-parking", vec!["yes"]),
        ("hotel-pricerange", vec!["cheap", "moderate"]),
        ("taxi-destination", vec!["a", "b"]),
    ];
    let wanted: BTreeMap<_, Vec<_>> = wanted
        .into_iter()
        .map(|(slot, values)| (slot.to_owned(), values.into_iter().map(str::to_owned).collect()))
        .collect();
    assert_eq!(user.belief_state(), wanted);
    assert!(system.belief_state().is_empty());
    let services: Vec<_> = user.frames.iter().map(|frame| frame.service.as_str()).collect();
    assert_eq!(services, ["hotel", "taxi"]);

    let log = user.log.as_ref().unwrap();
    assert_eq!(log.dialog_act["Hotel-Inform"][1], ("Stars".to_owned(), SlotValue::Text("4".to_owned())));
    let span = &log.span_info[0];
    assert_eq!((span.act.as_str(), span.slot.as_str(), span.first, span.last), ("Hotel-Inform", "Area", 8, 8));
    let hotel = &system.log.as_ref().unwrap().metadata["hotel"];
    assert_eq!(hotel.semi["name"], SlotValue::Text("not mentioned".to_owned()), "what has no value is kept, too");
    assert_eq!(hotel.book.booked[0]["reference"], "X1");
}

#[test]
fn version_2_0_has_fewer_fields_and_other_words() {
    let folder = tempfile::tempdir().unwrap();
    let turn = json!({ "text": "hello", "metadata": {}, "dialog_act": "No Annotation", "turn_id": 0, "frames": 1 });
    let bare = json!({ "goal": {}, "log": [turn, { "text": "hi", "metadata": {} }] });
    put(folder.path(), &files(&[("val.json", &json!({ "SNG1": bare }))]));
    let read = first(folder.path(), Split::Dev);
    let log = read.turns[0].log.as_ref().unwrap();
    assert!(log.dialog_act.is_empty() && log.other["dialog_act"] == "No Annotation" && log.other["turn_id"] == 0);
    let again: Value = serde_json::from_str(&serde_json::to_string(&read).unwrap()).unwrap();
    assert_eq!(again["turns"][0]["log"]["frames"], 1, "it is not taken for the turn's own");
}

#[test]
fn lists_have_many_spellings() {
    let data = json!({ "A.json": logged("a"), "B.json": logged("b"), "C": logged("c"), "D": logged("d") });
    let spellings: [(&str, &str, &str, &str); 5] = [
        ("valListFile.txt", "B.json\nC.json\n", "testListFile.txt", "D\n"),
        ("valListFile.json", "B.json\nC\n", "testListFile.json", "D.json"),
        ("valListFile.json", "[\"B\", \"C\"]", "testListFile.json", " [\n\"D\"\n]"),
        ("vallistfile.txt", "  B  \r\nC\r\n", "TESTLISTFILE.TXT", "\n\nD"),
        ("valListFile.txt", "B\nB\nC", "testListFile.json", "[\"D\"]"),
    ];
    for (val, val_text, test, test_text) in spellings {
        let folder = tempfile::tempdir().unwrap();
        let mut all = files(&[("data.json", &data)]);
        all.push((val.to_owned(), val_text.as_bytes().to_vec()));
        all.push((test.to_owned(), test_text.as_bytes().to_vec()));
        put(folder.path(), &all);
        // Naming the file itself finds the lists beside it.
        for path in [folder.path().to_owned(), folder.path().join("data.json")] {
            let (layout, splits) = read(&path);
            let ids = |split| splits[&split].iter().map(|dialogue| dialogue.id.as_str()).collect::<Vec<_>>();
            assert_eq!(layout, "multiwoz-2.1");
            assert_eq!(
                (ids(Split::Train), ids(Split::Dev), ids(Split::Test)),
                (vec!["A.json"], vec!["B.json", "C"], vec!["D"])
            );
        }
    }
}

#[test]
fn without_lists_all_is_for_training_and_that_is_said() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), &files(&[("data.json", &json!({ "A": logged("a") }))]));
    let source = Source::open(folder.path()).unwrap();
    assert_eq!(source.splits(), [Split::Train]);
    says(
        "no list",
        &source.split(Split::Dev).unwrap_err().to_string(),
        &["no dialogues for dev", "valListFile.txt", "count as train"],
    );
    let flaws = check(folder.path());
    assert!(flaws.iter().any(|flaw| flaw.message.contains("testListFile")), "{flaws:?}");
    put(folder.path(), &vec![("valListFile.txt".to_owned(), b"A\nGHOST\n".to_vec())]);
    let flaws = check(folder.path());
    assert!(flaws.iter().any(|flaw| flaw.message.contains("dialogue GHOST: it is not in")), "{flaws:?}");
    says(
        "all listed",
        &Source::open(folder.path()).unwrap().split(Split::Train).unwrap_err().to_string(),
        &["the lists leave no dialogue"],
    );
}

#[test]
fn a_single_file_is_one_split_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let list = json!([published_2_2("a")]);
    let object = json!({ "A": logged("a") });
    let cases = [
        ("val.json", &object, "multiwoz-2.1", Split::Dev),
        ("DEV.json", &object, "multiwoz-2.1", Split::Dev),
        ("validation.JSON", &list, "multiwoz-2.2", Split::Dev),
        ("test.json", &list, "multiwoz-2.2", Split::Test),
        ("train.json", &object, "multiwoz-2.1", Split::Train),
        ("mine.json", &object, "multiwoz-2.1", Split::Train),
        ("dialogues_001.json", &list, "multiwoz-2.2", Split::Train),
        ("test/dialogues_007.json", &list, "multiwoz-2.2", Split::Test),
        ("test/mine.json", &list, "multiwoz-2.2", Split::Train),
    ];
    for (name, value, layout, split) in cases {
        put(&folder.path().join("x"), &files(&[(name, value)]));
        let (found, splits) = read(&folder.path().join("x").join(name));
        assert_eq!((found.as_str(), splits.keys().copied().collect::<Vec<_>>()), (layout, vec![split]), "{name}");
        let source = Source::open(folder.path().join("x").join(name)).unwrap();
        let missing = Split::ALL.into_iter().find(|other| *other != split).unwrap();
        let expected = format!("single file, whose dialogues are for {split}");
        says(name, &source.split(missing).unwrap_err().to_string(), &[&expected]);
    }
}

#[test]
fn files_for_each_split_and_own_dialogues_are_found_in_folders() {
    let folder = tempfile::tempdir().unwrap();
    put(
        folder.path(),
        &files(&[("train.json", &json!({ "A": logged("a") })), ("val.json", &json!({ "B": logged("b") }))]),
    );
    let (layout, splits) = read(folder.path());
    assert_eq!((layout.as_str(), splits.len()), ("multiwoz-2.1", 2));
    says("test", &Source::open(folder.path()).unwrap().split(Split::Test).unwrap_err().to_string(), &["test.json"]);

    let one = tempfile::tempdir().unwrap();
    let full = |number: usize| {
        json!({ "id": "mine", "services": ["hotel"], "goal": { "hotel": {} }, "turns": [{
            "speaker": "user", "text": format!("a {number}"), "mood": 1,
            "frames": [{ "service": "hotel", "actions": [{ "act": "INFORM" }] }],
        }] })
        .to_string()
    };
    let lines: Vec<String> = (0..200).map(full).collect();
    put(one.path(), &vec![("chats.jsonl".to_owned(), lines.join("\n").into_bytes())]);
    let (layout, splits) = read(one.path());
    assert_eq!((layout.as_str(), splits.values().map(Vec::len).sum::<usize>()), ("jsonl", 200));
    let dialogue = &splits[&Split::Train][0];
    assert_eq!((dialogue.services[0].as_str(), dialogue.goal.is_some()), ("hotel", true));
    assert_eq!(dialogue.turns[0].frames[0].actions[0].act, "INFORM");
    assert_eq!(dialogue.turns[0].other["mood"], 1);
}

#[test]
fn long_splits_come_in_parts() {
    let folder = tempfile::tempdir().unwrap();
    let many: BTreeMap<String, Value> = (0..1300).map(|at| (format!("A{at:04}"), logged("a"))).collect();
    put(folder.path(), &files(&[("train.json", &json!(many))]));
    let sizes = |limits| -> Vec<usize> {
        let source = Source::open_within(folder.path(), limits).unwrap();
        source.parts(Split::Train).unwrap().map(|part| part.unwrap().dialogues.len()).collect()
    };
    assert_eq!(sizes(reformer_multiwoz::Limits::default()), [512, 512, 276]);
    let bytes = logged("a").to_string().len();
    let limits = reformer_multiwoz::Limits { dialogue_bytes: bytes * 100, ..reformer_multiwoz::Limits::default() };
    assert_eq!(sizes(limits), [100; 13], "long dialogues come in smaller parts");
}

/// Two layouts in one folder, and files that are nearly called like those that are read: nothing is passed over in silence.
#[test]
fn what_would_be_left_out_is_an_error() {
    let one = json!([published_2_2("one")]);
    let two = json!([published_2_2("two")]);
    let logs = json!({ "A1": logged("a") });
    let own = json!({ "turns": [{ "speaker": "user", "text": "Hello." }] });
    let train = ("train/dialogues_001.json", &one);
    let cases: [(&[(&str, &Value)], &[&str]); 10] = [
        (&[train, ("train/dialogues_002.JSON", &two)], &["dialogues_002.JSON", "would be left out"]),
        (&[train, ("train/more.jsonl", &own)], &["train/more.jsonl", "would be left out"]),
        (&[train, ("train/more/dialogues_002.json", &two)], &["train/more is not named", "would be left out"]),
        (&[train, ("dev/dialogues_001.json", &two), ("val/dialogues_001.json", &two)], &["val", "same split", "dev"]),
        (
            &[train, ("data.json", &logs)],
            &["data.json lies beside", "train/dialogues_001.json", "only one would be read"],
        ),
        (&[train, ("own.jsonl", &own)], &["own.jsonl lies beside", "only one would be read"]),
        (&[("data.json", &logs), ("train.json", &one)], &["train.json lies beside", "data.json"]),
        (&[("train.json", &one), ("train.jsonl", &own)], &["train.jsonl lies beside", "train.json"]),
        (&[("train.jsonl", &own), ("more.jsonl", &own)], &["several .jsonl files"]),
        (&[("dev.json", &one), ("val.json", &two)], &["val.json is of the same split as", "dev.json"]),
    ];
    for (given, parts) in cases {
        let folder = tempfile::tempdir().unwrap();
        put(folder.path(), &files(given));
        says(parts[0], &Source::open(folder.path()).unwrap_err().to_string(), parts);
        let path = folder.path().join("a.zip");
        fs::write(&path, zipped(&files(given))).unwrap();
        says(parts[0], &Source::open(path).unwrap_err().to_string(), parts);
    }
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), &files(&[train, ("val/dialogues_001.json", &two)]));
    assert_eq!(Source::open(folder.path()).unwrap().split(Split::Dev).unwrap()[0].id, "two", "dev is also called val");
}
