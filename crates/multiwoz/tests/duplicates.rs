//! Dialogues that occur in two splits, wholly or nearly: which are found, which are left out, and in what time.

mod harness;

use harness::folder::{Folder, dialogue, turn};
use reformer_multiwoz::{Duplicates, Source, Split, stats};
use serde_json::{Value, json};

#[test]
fn duplicates_across_splits_are_counted() {
    let folder = Folder::new();
    let same = |id: &str| {
        let mut same = dialogue("same");
        same["dialogue_id"] = json!(id);
        same
    };
    folder.put("train/dialogues_002.json", &json!([same("a"), same("b")]).to_string());
    folder.put("dev/dialogues_002.json", &json!([same("c")]).to_string());
    folder.put("test/dialogues_002.json", &json!([same("d")]).to_string());
    let counted = stats(&Source::open(folder.path()).unwrap()).unwrap();
    assert_eq!(counted.duplicates_across_splits, 3, "one text for each two of three splits");
    assert_eq!(counted.splits[&Split::Train].dialogues, 3);
    let as_json = serde_json::to_value(&counted).unwrap();
    assert_eq!(as_json["splits"]["dev"]["turns"], 4);
}

/// Sixty words by number: three more or fewer change little of it.
fn long_dialogue(id: &str, words: std::ops::Range<usize>) -> Value {
    let text = |words: std::ops::Range<usize>| words.map(|word| format!("word{word} ")).collect::<String>();
    let half = words.start + words.len() / 2;
    let turns = [turn(0, "USER", &text(words.start..half)), turn(1, "SYSTEM", &text(half..words.end))];
    json!({ "dialogue_id": id, "services": ["hotel", "taxi", "hotel"], "turns": turns })
}

#[test]
fn nearly_the_same_dialogues_are_named_and_left_out() {
    let folder = Folder::new();
    let list = |dialogues: &[Value]| Value::from(dialogues.to_vec()).to_string();
    let train = [
        long_dialogue("same", 0..60),
        long_dialogue("near", 100..160),
        long_dialogue("nearer", 101..160),
        long_dialogue("far", 200..260),
        long_dialogue("same again", 0..60),
    ];
    folder.put("train/dialogues_002.json", &list(&train));
    folder.put(
        "dev/dialogues_002.json",
        &list(&[long_dialogue("dev near", 102..160), long_dialogue("dev far", 220..280)]),
    );
    folder.put("test/dialogues_002.json", &list(&[long_dialogue("test same", 0..60)]));
    let source = Source::open(folder.path()).unwrap();
    let counted = stats(&source).unwrap();
    let found = serde_json::to_value(&counted.duplicates).unwrap();
    let name = |split: &str, id: &str| json!({ "split": split, "id": id });
    assert_eq!(found["exact"], json!([{ "first": name("train", "same"), "second": name("test", "test same") }]));
    // 58 shingles of `near`, 57 of `nearer`, 56 of `dev near`.
    assert_eq!(
        found["near"],
        json!([
            { "first": name("train", "near"), "second": name("dev", "dev near"), "similarity": 56.0 / 58.0 },
            { "first": name("train", "nearer"), "second": name("dev", "dev near"), "similarity": 56.0 / 57.0 },
        ])
    );
    assert_eq!((counted.duplicates_across_splits, counted.near_duplicates_across_splits), (1, 2));
    let left_out = |split| counted.duplicates.left_out(split).into_iter().collect::<Vec<_>>();
    // The first dialogue of each split is another file's.
    assert_eq!(left_out(Split::Train), [1, 2, 3, 5]);
    assert_eq!((left_out(Split::Dev), left_out(Split::Test)), (vec![1], vec![1]));
    assert_eq!(Duplicates::find(&source).unwrap(), counted.duplicates);
    let train = &counted.splits[&Split::Train];
    assert_eq!((train.domains["hotel"], train.domains["taxi"]), (6, 5), "a dialogue counts once");
    assert_eq!((train.turns_a_dialogue.least, train.turns_a_dialogue.most), (2, 2));
    assert_eq!(train.bytes_a_dialogue.most, train.lengths.iter().map(|length| length.bytes).max().unwrap());
}

/// Ten thousand variations of one text: every pair is near, and the time stays that of the dialogues and not of the pairs.
#[test]
fn templates_do_not_take_the_square_of_their_number() {
    let folder = Folder::new();
    let many = |from: usize, count: usize| -> String {
        let one = |number: usize| {
            let mut one = long_dialogue(&number.to_string(), 0..60);
            one["turns"][1]["utterance"] = json!(format!("reference {number}"));
            one["turns"][0]["utterance"] = json!((0..60).map(|word| format!("word{word} ")).collect::<String>());
            one
        };
        Value::from((from..from + count).map(one).collect::<Vec<_>>()).to_string()
    };
    folder.put("train/dialogues_002.json", &many(0, 2000));
    folder.put("dev/dialogues_002.json", &many(5000, 2000));
    let begin = std::time::Instant::now();
    let found = Duplicates::find(&Source::open(folder.path()).unwrap()).unwrap();
    assert_eq!((found.left_out(Split::Train).len(), found.left_out(Split::Dev).len()), (2000, 2000));
    assert!(begin.elapsed().as_secs() < 60, "it took {:?}", begin.elapsed());
}
