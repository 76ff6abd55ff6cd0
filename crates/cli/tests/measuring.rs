//! What `evaluate` measures: how much of it was trained on, what of that is left out, and what is said. Figures of training are in
//! `runs.rs`.

mod harness;

use harness::{Said, call, folder, shared, train};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

/// Counts of an evaluation: measured, trained on, left out.
fn counts(said: &Said) -> [Value; 3] {
    let object = said.object();
    ["dialogues", "also_in_training", "left_out"].map(|field| object[field].clone())
}

fn lines(path: &Path) -> Vec<String> {
    fs::read_to_string(path).expect("a file").lines().map(str::to_owned).collect()
}

#[test]
fn no_order_of_lines_moves_a_dialogue_from_training_to_test() {
    let folder = folder();
    train(folder.path(), &["--steps", "10", "--run", "run", "--test-share", "20"]).ended(0);
    let evaluate = || call(folder.path(), &["evaluate", "--run", "run", "--json"]).ended(0);
    let first = evaluate();
    let [measured, trained, left_out] = counts(&first);
    assert!(measured.as_u64() > Some(5), "{measured} dialogues are too few to tell");
    assert_eq!((trained, left_out), (json!(0), json!(0)));
    let path = folder.path().join("dialogues.jsonl");
    let mut shuffled = lines(&path);
    shuffled.reverse();
    shuffled.rotate_left(7);
    fs::write(&path, shuffled.join("\n") + "\n").expect("writable");
    let second = evaluate();
    assert_eq!(counts(&second), counts(&first));
    let bits = |said: &Said| said.object()["bits_per_byte"].as_f64().expect("a figure");
    // The order of the sum is another.
    assert!((bits(&first) - bits(&second)).abs() < 1e-4, "{} {}", bits(&first), bits(&second));
}

#[test]
fn own_data_that_was_trained_on_is_left_out_and_named() {
    let folder = shared().path();
    let evaluate = |more: &[&str]| call(folder, &[&["evaluate", "--run", "run", "--json"], more].concat());
    evaluate(&["--split", "train"]).refused(&[
        "the run was trained on all",
        "dialogues of the train split of",
        "nothing is left to measure",
        "--data",
        "--include-trained",
    ]);
    let all = evaluate(&["--split", "train", "--include-trained"]).ended(0);
    let [measured, trained, left_out] = counts(&all);
    assert_eq!((&trained, &left_out), (&measured, &json!(0)));
    assert!(all.stderr.contains("which are measured too\n"), "{}", all.stderr);

    // Another file, of which a half was trained on: most dialogues of the old one are.
    let mixed = tempfile::tempdir().expect("a folder");
    let old = lines(&folder.join("dialogues.jsonl"));
    let new = old.iter().map(|line| line.replace("i need", "we want"));
    let path = mixed.path().join("mixed.jsonl");
    fs::write(&path, old.iter().cloned().chain(new).collect::<Vec<_>>().join("\n")).expect("writable");
    let path = path.to_string_lossy();
    let part = evaluate(&["--split", "train", "--data", &path]).ended(0);
    let [measured, trained, left_out] = counts(&part).map(|count| count.as_u64().expect("a count"));
    assert_eq!(trained, left_out);
    assert!(trained > 80 && measured > 80, "{measured} measured, {trained} trained on");
    assert!(part.stderr.contains("which are left out (--include-trained measures them too)"), "{}", part.stderr);
}

#[test]
fn a_published_split_is_measured_whole_and_what_was_seen_is_named() {
    let folder = folder();
    let all = lines(&folder.path().join("dialogues.jsonl"));
    let own = folder.path().join("own");
    fs::create_dir(&own).expect("writable");
    let write = |name: &str, lines: &[String]| fs::write(own.join(name), lines.join("\n") + "\n").expect("writable");
    write("train.jsonl", &all[..80]);
    write("dev.jsonl", &all[80..90]);
    write("test.jsonl", &[&all[90..], &all[..3]].concat());
    call(folder.path(), &["data", "convert", "--data", "own", "--to", "schema-guided", "--out", "data"]).ended(0);
    let options =
        ["train", "--preset", "tiny", "--vocabulary", "300", "--length", "64", "--steps", "5", "--run", "run"];
    call(folder.path(), &[&options[..], &["--data", "data"]].concat()).ended(0);
    let evaluate =
        |more: &[&str]| call(folder.path(), &[&["evaluate", "--run", "run", "--json"], more].concat()).ended(0);
    let whole = evaluate(&[]);
    assert_eq!(counts(&whole), [json!(33), json!(3), json!(0)]);
    assert!(
        whole.stderr.contains(
            "of 33 dialogues the run was trained on 3, which are measured too, since the split was published so"
        ),
        "{}",
        whole.stderr
    );
    // In a form for own dialogues they are somebody's own, whatever their splits are called.
    let own = evaluate(&["--data", "own"]);
    assert_eq!(counts(&own), [json!(30), json!(3), json!(3)]);
    let without = evaluate(&["--exclude-duplicates"]);
    let [measured, trained, left_out] = counts(&without).map(|count| count.as_u64().expect("a count"));
    assert_eq!((trained, measured + left_out), (0, 33));
    assert!(left_out >= 3, "{left_out}");
}

#[test]
fn of_a_text_what_was_trained_on_is_left_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let text: String = (0..8_000).map(|number| format!("{} ", number * 7919 % 10_007)).collect();
    fs::write(folder.path().join("a.txt"), &text).expect("writable");
    let options = ["--preset", "tiny", "--length", "64", "--steps", "3", "--run", "run"];
    call(folder.path(), &[&["train", "--data", "a.txt"], &options[..]].concat()).ended(0);
    let evaluate = |more: &[&str]| call(folder.path(), &[&["evaluate", "--run", "run", "--json"], more].concat());
    assert_eq!(counts(&evaluate(&[]).ended(0)), [Value::Null, json!(0), json!(0)]);
    evaluate(&["--split", "train"]).refused(&["was trained on all", "KiB of the train split", "--include-trained"]);
    // Text that was trained on in the last twentieth of a longer one.
    let new: String = (0..40_000).map(|number| format!("{:x} ", number * 104_729 % 99_991)).collect();
    fs::write(folder.path().join("b.txt"), new + &text[300..9_000]).expect("writable");
    let said = evaluate(&["--data", "b.txt"]).ended(0);
    let [_, trained, left_out] = counts(&said).map(|count| count.as_u64().unwrap_or_default());
    assert_eq!(trained, 4096, "one whole block");
    // What is left behind it is shorter than a block; what is before it is longer, and mostly new.
    assert_eq!(left_out, 4096 + 508 + 300, "with what lies behind it");
    assert!(said.stderr.contains("the run was trained on at least 4.0 KiB; with what lies around"), "{}", said.stderr);
}

#[test]
fn a_run_that_does_not_remember_says_so_and_can_learn_it() {
    let folder = folder();
    train(folder.path(), &["--steps", "3", "--run", "run"]).ended(0);
    let path = folder.path().join("run/trained-on.txt");
    let written = fs::read(&path).expect("it remembers");
    fs::remove_file(&path).expect("it is there");
    let said = call(folder.path(), &["evaluate", "--run", "run", "--json"]).ended(0);
    assert_eq!(counts(&said)[1], Value::Null);
    assert!(said.stderr.contains("does not remember what it was trained on"), "{}", said.stderr);
    call(folder.path(), &["train", "--resume", "--run", "run"]).ended(0);
    assert_eq!(fs::read(&path).expect("it remembers again"), written);
    // A run that starts from it was trained on the same, too.
    let other = ["--init-from", "run", "--run", "other", "--data", "sample", "--steps", "1"];
    call(folder.path(), &[&["train", "--length", "64", "--batch", "1"], &other[..]].concat()).ended(0);
    call(folder.path(), &["evaluate", "--run", "other", "--data", "dialogues.jsonl", "--split", "train"])
        .refused(&["the run was trained on all"]);
    fs::write(&path, "something else\n").expect("writable");
    call(folder.path(), &["evaluate", "--run", "run"]).refused(&["trained-on.txt: line 1: expected"]);
}
