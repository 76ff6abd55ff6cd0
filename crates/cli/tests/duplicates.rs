//! Dialogues that occur in two splits: `data stats` names them, `--exclude-duplicates` leaves them out and stays with the run.

mod harness;

use harness::{Said, call};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

/// Forty dialogues: the first and the 21st are dev's, those after them test's. One of train has the first one's text, another all but
/// the last words of the second.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let words = |from: usize, to: usize| (from..to).map(|word| format!("word{word} ")).collect::<String>();
    let line = |number: usize| {
        let (id, text) = match number {
            2 => ("same".to_owned(), words(0, 40)),
            3 => ("near".to_owned(), words(100, 138)),
            other => (format!("d{other}"), words(100 * other, 100 * other + 40)),
        };
        let turns = [json!({ "speaker": "user", "text": text }), json!({ "speaker": "system", "text": "as you wish" })];
        json!({ "id": id, "turns": turns }).to_string()
    };
    fs::create_dir(folder.path().join("own")).expect("writable");
    for split in ["train", "dev", "test"] {
        let is_in = |number: &usize| match number % 20 {
            0 => split == "dev",
            1 => split == "test",
            _ => split == "train",
        };
        let lines: Vec<String> = (0..40).filter(is_in).map(line).collect();
        fs::write(folder.path().join("own").join(format!("{split}.jsonl")), lines.join("\n")).expect("writable");
    }
    folder
}

fn train(folder: &Path, more: &[&str]) -> Said {
    let small =
        ["train", "--preset", "tiny", "--vocabulary", "300", "--length", "64", "--save-every", "3", "--run", "run"];
    call(folder, &[&small, more].concat())
}

fn parameters(said: &Said) -> Value {
    said.object()["parameters_sha256"].clone()
}

#[test]
fn stats_name_them_and_draw_lengths() {
    let folder = folder();
    let stats = ["data", "stats", "--data", "own"];
    let counted =
        call(folder.path(), &[&stats[..], &["--json", "--picture", "lengths.svg"]].concat()).ended(0).object();
    assert_eq!(counted["layout"], "jsonl");
    assert_eq!((&counted["splits"]["train"]["dialogues"], &counted["splits"]["dev"]["turns"]), (&json!(36), &json!(4)));
    assert_eq!(counted["splits"]["train"]["turns_a_dialogue"]["p50"], 2);
    assert_eq!(
        (&counted["duplicates_across_splits"], &counted["near_duplicates_across_splits"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(counted["duplicates"]["near"][0]["first"], json!({ "split": "train", "id": "near" }));
    let picture = fs::read_to_string(folder.path().join("lengths.svg")).expect("the picture was written");
    for part in ["<svg", "</svg>", "turns a dialogue", "bytes of text a dialogue", "train", "test"] {
        assert!(picture.contains(part), "no {part:?} in the picture");
    }
    let text = call(folder.path(), &stats).ended(0).stdout;
    for part in ["same of train and d0 of dev", "near of train and d1 of test: 0.86 alike", "turns", "bytes"] {
        assert!(text.contains(part), "no {part:?} in\n{text}");
    }
    fs::write(folder.path().join("empty.jsonl"), "").expect("writable");
    call(folder.path(), &["data", "stats", "--data", "empty.jsonl", "--picture", "no.svg"]).refused(&["no dialogue"]);
}

#[test]
fn a_run_without_them_is_resumed_without_them() {
    let folder = folder();
    let whole = train(folder.path(), &["--data", "own", "--steps", "6", "--exclude-duplicates"]).ended(0).stdout;
    assert!(whole.contains("34 dialogues to train on") && whole.contains("without 2 that"), "{whole}");
    let config = fs::read_to_string(folder.path().join("run/config.json")).expect("readable");
    let config: Value = serde_json::from_str(&config).expect("JSON");
    assert_eq!(config["data"]["exclude_duplicates"], true);

    let finished = parameters(&train(folder.path(), &["--resume", "--json"]).ended(0));
    fs::remove_dir_all(folder.path().join("run/checkpoints/step-6")).expect("a checkpoint");
    for more in [&["--resume"][..], &["--resume", "--exclude-duplicates"], &["--resume", "--data", "own"]] {
        assert_eq!(parameters(&train(folder.path(), &[more, &["--json"]].concat()).ended(0)), finished, "{more:?}");
    }
}

#[test]
fn a_run_with_them_is_not_resumed_without() {
    let folder = folder();
    let whole = train(folder.path(), &["--data", "own", "--steps", "3"]).ended(0).stdout;
    assert!(whole.contains("36 dialogues to train on") && !whole.contains("without"), "{whole}");
    train(folder.path(), &["--resume", "--exclude-duplicates"]).refused(&["data.exclude_duplicates", "true"]);

    let evaluate = |more: &[&str]| call(folder.path(), &[&["evaluate", "--run", "run", "--json"], more].concat());
    let all = evaluate(&["--include-trained"]).ended(0).object();
    let less = evaluate(&["--exclude-duplicates"]).ended(0);
    assert!(less.stderr.contains("without 1 dialogue that occurs in train too"), "{}", less.stderr);
    assert!(less.object()["bytes"].as_u64() < all["bytes"].as_u64());
    let of_train = evaluate(&["--split", "train", "--exclude-duplicates", "--include-trained"]).ended(0);
    assert!(of_train.stderr.contains("without 2 dialogues that occur in dev or test too"), "{}", of_train.stderr);

    fs::write(folder.path().join("book.txt"), "a long text").expect("writable");
    let book = ["train", "--preset", "tiny", "--data", "book.txt", "--exclude-duplicates"];
    call(folder.path(), &book).refused(&["--exclude-duplicates", "book.txt"]);
}
