//! What is done with a trained run: evaluate, generate, chat, info.

mod harness;

use harness::{call, call_with, positive, program, shared};
use serde_json::json;
use std::fs;
use std::process::Stdio;

#[test]
fn a_run_is_evaluated() {
    let folder = shared().path();
    let evaluate = |more: &[&str]| call(folder, &[&["evaluate", "--run", "run", "--json"], more].concat());
    let own = evaluate(&[]).ended(0).object();
    for field in ["tokens", "bytes", "loss", "perplexity", "bits_per_byte"] {
        positive(&own, field);
    }
    let (nats, bytes) = (positive(&own, "loss") * positive(&own, "tokens"), positive(&own, "bytes"));
    let bits = nats / std::f64::consts::LN_2 / bytes;
    assert!((bits - positive(&own, "bits_per_byte")).abs() < 1e-9 * bits, "{own}");
    assert_eq!(evaluate(&["--data", "dialogues.jsonl", "--split", "test"]).ended(0).object(), own, "the defaults");
    assert_ne!(evaluate(&["--split", "dev"]).ended(0).object(), own);
    evaluate(&["--split", "west"]).ended(2);
    fs::write(folder.join("text.txt"), "some text").expect("writable");
    evaluate(&["--data", "text.txt"]).refused(&["text.txt", "bytes"]);
}

#[test]
fn a_line_in_is_a_reply_line_out() {
    let folder = shared().path();
    let chat = |input: &str| call_with(folder, &["chat", "--run", "run", "--max-tokens", "8"], input);
    let said = chat("i need a cheap hotel\nyes please\n").ended(0);
    assert_eq!(said.stdout.lines().count(), 2, "{}", said.stdout);
    let same = chat(
        "i need a cheap hotel\r\n/undo\ni need a cheap hotel\n/new\n\nyes please\n/save talk.txt\n/what\n/quit\nmore\n",
    )
    .ended(0);
    let lines: Vec<&str> = same.stdout.lines().collect();
    assert_eq!(lines[0], said.stdout.lines().next().expect("a line"), "a conversation begins the same");
    assert_eq!((lines.len(), lines[4]), (8, ""), "a line for each line before /quit: {lines:?}");
    let saved = fs::read_to_string(folder.join("talk.txt")).expect("it was saved");
    assert!(saved.starts_with("user: yes please\nsystem: "), "{saved}");
    assert!(lines[7].contains("/what") && lines[7].contains("/help"));
    // No text, no line end, text that is none.
    assert_eq!(chat("").ended(0).stdout, "");
    assert_eq!(chat("hello").ended(0).stdout.lines().count(), 1);
    let mut child = program(folder).args(["chat", "--run", "run", "--max-tokens", "4"]).spawn().expect("it runs");
    std::io::Write::write_all(&mut child.stdin.take().expect("piped"), b"caf\xe9 \xff\n").expect("it reads");
    assert!(child.wait_with_output().expect("ours").status.success());
    // A line that can't be answered has an empty reply, and the exit code says it.
    let long = "word ".repeat(2000);
    let failed = chat(&format!("hello\n{long}\nhello\n")).ended(1);
    assert_eq!(failed.stdout.lines().count(), 3);
    assert!(failed.stderr.contains("positions"), "{}", failed.stderr);
}

/// A reply is there before the next line is asked for.
#[test]
fn replies_are_not_held_back() {
    use std::io::{BufRead, BufReader, Write};
    let folder = shared().path();
    let mut child = program(folder)
        .args(["chat", "--run", "run", "--max-tokens", "4"])
        .stderr(Stdio::null())
        .spawn()
        .expect("it runs");
    let mut stdin = child.stdin.take().expect("piped");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    for _ in 0..2 {
        stdin.write_all(b"i need a train\n").expect("it reads");
        lines.next().expect("a reply while the input is still open").expect("text");
    }
    drop(stdin);
    assert!(child.wait().expect("ours").success());
}

#[test]
fn a_run_tells_what_it_is() {
    let folder = shared().path();
    let info = call(folder, &["info", "--run", "run", "--json"]).ended(0).object();
    assert_eq!((&info["step"], &info["steps"], &info["finished"]), (&json!(20), &json!(20), &json!(true)));
    assert_eq!(info["config"]["model"]["layers"], 2);
    assert_eq!(info["last_step"]["step"], 20);
    positive(&info["last_evaluation"], "bits_per_byte");
    let text = call(folder, &["info", "--run", "run"]).ended(0).stdout;
    for part in ["dialogues.jsonl", "2 layers", "20 of 20 steps", "checkpoint"] {
        assert!(text.contains(part), "no {part:?} in\n{text}");
    }
}
