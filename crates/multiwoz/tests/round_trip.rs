//! What is written is read back, whatever it is; writing is all or nothing.

use proptest::prelude::*;
use reformer_multiwoz::{
    BeliefState, Corpus, DataError, Dialogue, Frame, Source, Speaker, Split, State, Turn, check, sample, stats, write,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;

fn read(folder: &std::path::Path) -> Corpus {
    Corpus::read(&Source::open(folder).unwrap()).unwrap()
}

#[test]
fn the_sample_is_read_back_as_it_was() {
    let outer = tempfile::tempdir().unwrap();
    let folder = outer.path().join("new/sample");
    sample::write(&folder).unwrap();
    let corpus = sample::corpus();
    assert!(read(&folder) == corpus, "the sample was changed by writing and reading");
    assert_eq!(fs::read_dir(folder.join("train")).unwrap().count(), 8, "several files a split");
    let schema: Value = serde_json::from_slice(&fs::read(folder.join("schema.json")).unwrap()).unwrap();
    assert_eq!(schema.as_array().unwrap().len(), 5);
    assert_eq!(fs::read_dir(outer.path().join("new")).unwrap().count(), 1, "something temporary was left");
    assert_eq!(check(&folder), []);
    let counted = stats(&Source::open(&folder).unwrap()).unwrap();
    assert_eq!(counted.duplicates_across_splits, 0);
    assert_eq!(counted.splits, stats(&Source::sample()).unwrap().splits);
    assert_eq!(counted.splits[&Split::Train].dialogues, 3600);

    let error = sample::write(&folder).unwrap_err();
    assert!(matches!(error, DataError::NotEmpty { .. }), "{error}");
    assert!(error.to_string().contains("is there already"), "{error}");
}

#[test]
fn nothing_is_replaced_but_an_empty_folder() {
    let outer = tempfile::tempdir().unwrap();
    let corpus = Corpus::default();
    let empty = outer.path().join("empty");
    fs::create_dir(&empty).unwrap();
    write(&empty, &corpus, None).unwrap();
    let used = outer.path().join("used");
    fs::create_dir(&used).unwrap();
    fs::write(used.join("letter.txt"), "dear").unwrap();
    assert!(matches!(write(&used, &corpus, None), Err(DataError::NotEmpty { .. })));
    let file = outer.path().join("file");
    fs::write(&file, "dear").unwrap();
    assert!(matches!(write(&file, &corpus, None), Err(DataError::NotEmpty { .. })));
    assert_eq!(fs::read(&file).unwrap(), b"dear");
    assert_eq!(fs::read(used.join("letter.txt")).unwrap(), b"dear");
    assert_eq!(fs::read_dir(outer.path()).unwrap().count(), 3, "something temporary was left");
}

/// Any JSON that is kept exactly.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e300..1e300_f64).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..4).prop_map(|map| json!(map)),
        ]
    })
}

/// Fields that no layout names.
fn other() -> impl Strategy<Value = BTreeMap<String, Value>> {
    prop::collection::btree_map("x_[a-z\"\\\\é]{0,6}", value(), 0..3)
}

fn state() -> impl Strategy<Value = State> {
    let values = prop::collection::btree_map(any::<String>(), prop::collection::vec(any::<String>(), 0..3), 0..4);
    (any::<String>(), prop::collection::vec(any::<String>(), 0..3), values, other()).prop_map(
        |(active_intent, requested_slots, slot_values, other): (_, _, BeliefState, _)| State {
            active_intent,
            requested_slots,
            slot_values,
            other,
        },
    )
}

fn frame() -> impl Strategy<Value = Frame> {
    let values = || prop::collection::vec(value(), 0..3);
    (any::<String>(), values(), values(), prop::option::of(state()), other())
        .prop_map(|(service, actions, slots, state, other)| Frame { service, actions, slots, state, other })
}

fn turn() -> impl Strategy<Value = Turn> {
    let speaker = prop_oneof![Just(Speaker::User), Just(Speaker::System)];
    (speaker, any::<String>(), prop::collection::vec(frame(), 0..3), any::<String>(), other())
        .prop_map(|(speaker, utterance, frames, turn_id, other)| Turn { speaker, utterance, frames, turn_id, other })
}

fn dialogue() -> impl Strategy<Value = Dialogue> {
    (any::<String>(), prop::collection::vec(any::<String>(), 0..3), prop::collection::vec(turn(), 0..5), other())
        .prop_map(|(id, services, turns, other)| Dialogue { id, services, turns, other })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_dialogues_are_read_back(
        train in prop::collection::vec(dialogue(), 1..4),
        dev in prop::collection::vec(dialogue(), 1..3),
        test in prop::collection::vec(dialogue(), 1..3),
    ) {
        let corpus = Corpus { train, dev, test };
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join("data");
        write(&folder, &corpus, None).unwrap();
        prop_assert_eq!(read(&folder), corpus);
        // Looking at it never fails, whatever it finds.
        prop_assert!(check(&folder).iter().all(|flaw| !flaw.unreadable));
    }

    #[test]
    fn any_bytes_are_an_error_or_dialogues(bytes: Vec<u8>, split in 0..3_usize) {
        let outer = tempfile::tempdir().unwrap();
        let split = Split::ALL[split];
        fs::create_dir(outer.path().join(split.name())).unwrap();
        fs::write(outer.path().join(split.name()).join("dialogues_1.json"), &bytes).unwrap();
        prop_assert!(Source::open(outer.path()).unwrap().split(split).is_err());
        let lines = outer.path().join("own.jsonl");
        fs::write(&lines, &bytes).unwrap();
        let _ = Source::open(&lines).unwrap().split(split);
        let _ = check(&lines);
    }
}
