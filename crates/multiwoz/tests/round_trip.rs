//! What is written is read back, whatever it is; writing is all or nothing.

use proptest::prelude::*;
use reformer_multiwoz::{
    Action, BeliefState, Booking, Corpus, DataError, Dialogue, DomainState, Frame, LogAnnotation, ServiceCall,
    SlotSpan, SlotValue, Source, Speaker, Split, State, TokenSpan, Turn, check, sample, stats, write,
};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fs;

fn read(folder: &std::path::Path) -> Corpus {
    Corpus::read(&Source::open(folder).unwrap()).unwrap()
}

#[test]
fn the_sample_is_read_back_as_it_was() {
    let outer = tempfile::tempdir().unwrap();
    let folder = outer.path().join("new/sample");
    sample::write(&folder, false).unwrap();
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

    let error = sample::write(&folder, false).unwrap_err();
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
    assert!(matches!(write(&file, &corpus, None), Err(DataError::InTheWay { .. })));
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

fn texts() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(any::<String>(), 0..3)
}

fn by_name<T: std::fmt::Debug>(values: impl Strategy<Value = T>) -> impl Strategy<Value = BTreeMap<String, T>> {
    prop::collection::btree_map(any::<String>(), values, 0..3)
}

/// As reading makes them: what is a text or a list of texts is nothing else.
fn slot_value() -> impl Strategy<Value = SlotValue> {
    value().prop_map(SlotValue::from)
}

fn action() -> impl Strategy<Value = Action> {
    (any::<String>(), any::<String>(), texts(), texts(), other())
        .prop_map(|(act, slot, values, canonical_values, other)| Action { act, slot, values, canonical_values, other })
}

fn span() -> impl Strategy<Value = SlotSpan> {
    let place = || prop::option::of(any::<u64>());
    let value = prop::option::of(slot_value());
    (any::<String>(), place(), place(), value, prop::option::of(any::<String>()), other()).prop_map(
        |(slot, start, exclusive_end, value, copy_from, other)| SlotSpan {
            slot,
            start,
            exclusive_end,
            value,
            copy_from,
            other,
        },
    )
}

fn frame() -> impl Strategy<Value = Frame> {
    let call = (any::<String>(), by_name(any::<String>()), other())
        .prop_map(|(method, parameters, other)| ServiceCall { method, parameters, other });
    let results = prop::collection::vec(by_name(any::<String>()), 0..3);
    let lists = (prop::collection::vec(action(), 0..3), prop::collection::vec(span(), 0..3));
    let options = (prop::option::of(state()), prop::option::of(call), prop::option::of(results));
    (any::<String>(), lists, options, other()).prop_map(
        |(service, (actions, slots), (state, service_call, service_results), other)| Frame {
            service,
            actions,
            slots,
            state,
            service_call,
            service_results,
            other,
        },
    )
}

fn domain_state() -> impl Strategy<Value = DomainState> {
    let slots = || prop::collection::btree_map("[a-zA-Z ]{0,8}x", slot_value(), 0..4);
    (slots(), prop::collection::vec(value(), 0..3), slots(), other())
        .prop_map(|(semi, booked, slots, other)| DomainState { semi, book: Booking { booked, slots }, other })
}

fn log() -> impl Strategy<Value = LogAnnotation> {
    let pairs = prop::collection::vec((any::<String>(), slot_value()), 0..3);
    let spans = (any::<String>(), any::<String>(), slot_value(), any::<i64>(), any::<i64>())
        .prop_map(|(act, slot, value, first, last)| TokenSpan { act, slot, value, first, last });
    (by_name(domain_state()), by_name(pairs), prop::collection::vec(spans, 0..3), other())
        .prop_map(|(metadata, dialog_act, span_info, other)| LogAnnotation { metadata, dialog_act, span_info, other })
}

fn turn() -> impl Strategy<Value = Turn> {
    let speaker = prop_oneof![Just(Speaker::User), Just(Speaker::System)];
    let frames = prop::collection::vec(frame(), 0..3);
    (speaker, any::<String>(), frames, any::<String>(), prop::option::of(log()), other()).prop_map(
        |(speaker, utterance, frames, turn_id, log, other)| Turn { speaker, utterance, frames, turn_id, log, other },
    )
}

fn object() -> impl Strategy<Value = Map<String, Value>> {
    by_name(value()).prop_map(|map| map.into_iter().collect())
}

fn dialogue() -> impl Strategy<Value = Dialogue> {
    let turns = prop::collection::vec(turn(), 0..5);
    (any::<String>(), texts(), turns, prop::option::of(object()), other())
        .prop_map(|(id, services, turns, goal, other)| Dialogue { id, services, turns, goal, other })
}

/// A dialogue of a `data.json`: its goal and its turns, each an annotation and a text.
fn logged() -> impl Strategy<Value = Value> {
    (object(), prop::collection::vec((log(), any::<String>()), 0..6), other()).prop_map(|(goal, turns, other)| {
        let turn = |(log, text): (LogAnnotation, String)| {
            let mut turn = serde_json::to_value(log).unwrap();
            turn["text"] = json!(text);
            turn
        };
        let mut dialogue = json!(other);
        dialogue["goal"] = json!(goal);
        dialogue["log"] = turns.into_iter().map(turn).collect();
        dialogue
    })
}

/// The same dialogue as `data.json` has it.
fn as_logged(dialogue: &Dialogue) -> Value {
    let turn = |turn: &Turn| {
        let mut value = serde_json::to_value(&turn.log).unwrap();
        value["text"] = json!(turn.utterance);
        value
    };
    let mut value = json!(dialogue.other);
    value["goal"] = json!(dialogue.goal);
    value["log"] = dialogue.turns.iter().map(turn).collect();
    value
}

/// As many as `PROPTEST_CASES` says, or few enough for every day.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(64)
}

/// Found by random ones: each was lost or refused on the way.
#[test]
fn a_field_with_a_quote_and_no_value_and_a_dialogue_without_a_name_are_kept() {
    let outer = tempfile::tempdir().unwrap();
    let dialogues = json!({ "": { "goal": {}, "log": [{ "text": "a", "x_\"": null, "metadata": {}, "dialog_act": {}, "span_info": [] }] } });
    fs::write(outer.path().join("train.json"), dialogues.to_string()).unwrap();
    let train = Source::open(outer.path()).unwrap().split(Split::Train).unwrap();
    assert_eq!((train.len(), train[0].id.as_str()), (1, ""));
    assert_eq!(as_logged(&train[0])["log"][0]["x_\""], Value::Null);
    assert!(as_logged(&train[0])["log"][0].as_object().unwrap().contains_key("x_\""));
    let corpus = Corpus { train, ..Corpus::default() };
    let folder = outer.path().join("data");
    write(&folder, &corpus, None).unwrap();
    assert_eq!(Source::open(&folder).unwrap().split(Split::Train).unwrap(), corpus.train);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]

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
    fn any_data_json_is_kept_whole_and_read_back_from_the_layout_of_2_2(
        dialogues in prop::collection::btree_map("[A-Z]{1,4}[0-9]{1,4}", logged(), 1..4),
    ) {
        let outer = tempfile::tempdir().unwrap();
        fs::write(outer.path().join("train.json"), json!(dialogues).to_string()).unwrap();
        let train = Source::open(outer.path()).unwrap().split(Split::Train).unwrap();
        let kept: BTreeMap<_, _> = train.iter().map(|dialogue| (dialogue.id.clone(), as_logged(dialogue))).collect();
        prop_assert_eq!(kept, dialogues);
        for dialogue in &train {
            prop_assert!(dialogue.turns.iter().step_by(2).all(|turn| turn.speaker == Speaker::User));
        }
        let corpus = Corpus { train, ..Corpus::default() };
        let folder = outer.path().join("data");
        write(&folder, &corpus, None).unwrap();
        prop_assert_eq!(Source::open(&folder).unwrap().split(Split::Train).unwrap(), corpus.train);
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
