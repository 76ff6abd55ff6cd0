//! What `--data` takes, what it refuses and why, how own dialogues are dealt out, and `data convert`.

mod harness;

use harness::{Said, call, call_with, folder};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

const TINY: [&str; 10] =
    ["train", "--preset", "tiny", "--vocabulary", "300", "--length", "64", "--steps", "2", "--run"];

fn train(folder: &Path, run: &str, more: &[&str]) -> Said {
    call(folder, &[&TINY[..], &[run], more].concat())
}

fn config(folder: &Path, run: &str) -> Value {
    serde_json::from_slice(&fs::read(folder.join(run).join("config.json")).expect("readable")).expect("JSON")
}

fn evaluated(folder: &Path, run: &str, more: &[&str]) -> Value {
    call(folder, &[&["evaluate", "--json", "--run", run], more].concat()).ended(0).object()
}

fn stats(folder: &Path, data: &str) -> Value {
    call(folder, &["data", "stats", "--json", "--data", data]).ended(0).object()
}

/// The lines of `dialogues.jsonl`, from the last to the first.
fn backwards(folder: &Path) -> String {
    let text = fs::read_to_string(folder.join("dialogues.jsonl")).expect("readable");
    text.lines().rev().map(|line| format!("{line}\n")).collect()
}

#[test]
fn what_is_measured_does_not_depend_on_the_order_of_lines() {
    let folder = folder();
    let path = folder.path();
    train(path, "run", &["--data", "dialogues.jsonl"]).ended(0);
    let data = &config(path, "run")["data"];
    assert_eq!((&data["split_salt"], &data["test_percent"], &data["bytes"]), (&json!(""), &json!(5), &Value::Null));
    let whole = evaluated(path, "run", &[]);
    fs::write(path.join("dialogues.jsonl"), backwards(path)).expect("writable");
    assert_eq!(evaluated(path, "run", &[])["bytes"], whole["bytes"]);

    // Another salt deals out anew, a greater share takes more; both stay with the run.
    let more = ["--data", "dialogues.jsonl", "--split-salt", "pepper", "--test-share", "20"];
    train(path, "salted", &more).ended(0);
    let data = &config(path, "salted")["data"];
    assert_eq!((&data["split_salt"], &data["test_percent"]), (&json!("pepper"), &json!(20)));
    let salted = evaluated(path, "salted", &[]);
    assert!(salted["bytes"].as_u64() > Some(2 * whole["bytes"].as_u64().expect("a number")), "{salted} {whole}");
    fs::copy(path.join("dialogues.jsonl"), path.join("other.jsonl")).expect("writable");
    let other = evaluated(path, "salted", &["--data", "other.jsonl"]);
    assert_eq!(other["bytes"], salted["bytes"], "other data is dealt out as the run's");

    let resume = |more: &[&str]| call(path, &[&["train", "--resume", "--run", "salted"], more].concat());
    resume(&["--split-salt", "pepper", "--test-share", "20", "--data", "dialogues.jsonl"]).ended(0);
    resume(&["--split-salt", "salt"]).refused(&["split_salt", "pepper", "salt"]);
    resume(&["--test-share", "5"]).refused(&["test_percent", "20"]);
    resume(&["--bytes"]).refused(&["data.bytes"]);

    train(path, "no", &["--data", "sample", "--split-salt", "a"]).refused(&["--split-salt", "splits of its own"]);
    fs::write(path.join("a.txt"), "text ".repeat(100)).expect("writable");
    train(path, "no", &["--data", "a.txt", "--test-share", "9"]).refused(&["--test-share", "cut in order"]);
    for share in ["0", "41", "five"] {
        train(path, "no", &["--data", "dialogues.jsonl", "--test-share", share]).ended(2);
    }
    assert!(!path.join("no").exists());
}

/// A run that was begun before a dialogue's text decided must find the same dialogues when it goes on.
#[test]
fn runs_from_before_are_dealt_by_line_and_say_so() {
    let folder = folder();
    let path = folder.path();
    train(path, "run", &["--data", "dialogues.jsonl"]).ended(0);
    let by_text = evaluated(path, "run", &[]);
    let mut old = config(path, "run");
    for field in ["split_salt", "test_percent"] {
        old["data"].as_object_mut().expect("an object").remove(field).expect("it was there");
    }
    fs::write(path.join("run/config.json"), old.to_string()).expect("writable");
    // It was trained by text, so by line its test split was trained on.
    let said = call(path, &["evaluate", "--json", "--run", "run", "--include-trained"]).ended(0);
    assert!(said.stderr.contains("go by line number"), "{}", said.stderr);
    assert_ne!(said.object()["bytes"], by_text["bytes"]);
    let lines = fs::read_to_string(path.join("dialogues.jsonl")).expect("readable");
    let expected: usize = lines.lines().skip(1).step_by(20).map(text_bytes).sum();
    assert_eq!(said.object()["bytes"], expected, "the second of each 20 lines");
    call(path, &["train", "--resume", "--run", "run", "--split-salt", "a"]).refused(&["split_salt"]);
    let said = call(path, &["train", "--resume", "--run", "run"]);
    assert!(said.stderr.contains("go by line number"), "{}", said.stderr);
}

#[test]
fn a_file_is_what_is_in_it() {
    let folder = folder();
    let path = folder.path();
    let own = fs::read(path.join("dialogues.jsonl")).expect("readable");
    let wide: Vec<u8> = b"\xff\xfe".iter().copied().chain("wide".encode_utf16().flat_map(u16::to_le_bytes)).collect();
    let tensors = [&16_u64.to_le_bytes()[..], b"{\"a\":{}}        "].concat();
    let cases: [(&str, Vec<u8>, &[&str]); 10] = [
        ("text.txt.gz", b"x".to_vec(), &["is called .gz and is no gzip file", "take .gz off"]),
        ("own.jsonl.txt", own.clone(), &["holds dialogues as JSON objects", "end in .jsonl", "train --bytes"]),
        ("own", own.clone(), &["own holds dialogues", "end in .jsonl"]),
        ("archive", b"PK\x03\x04rest".to_vec(), &["is a zip archive", "end in .zip"]),
        ("model.safetensors", tensors, &["is a safetensors file", "no tensors", "train --bytes"]),
        ("wide.txt", wide, &["is UTF-16", "save it as UTF-8"]),
        ("picture.txt", b"\x89PNG\r\n\x1a\n".to_vec(), &["is a picture (PNG)"]),
        ("mark.txt", "\u{feff}Dear all".as_bytes().to_vec(), &["byte-order mark"]),
        ("latin.txt", [b"a".repeat(40_000), b"gr\xfcn".to_vec()].concat(), &["no text in UTF-8", "from byte 40003 on"]),
        ("data.tar.gz", b"x".to_vec(), &["only .zip is read", "unpack it"]),
    ];
    for (name, bytes, parts) in cases {
        fs::write(path.join(name), &bytes).expect("writable");
        train(path, "no", &["--data", name]).refused(&[&[name], parts].concat());
        assert!(!path.join("no").exists());
        if bytes.len() > 1000 {
            // Told to, the program learns anything byte by byte, and the run remembers.
            fs::write(path.join("x.bin"), &bytes).expect("writable");
            let run = format!("run-{name}");
            call(
                path,
                &[
                    "train", "--preset", "tiny", "--length", "64", "--steps", "2", "--bytes", "--data", "x.bin",
                    "--run", &run,
                ],
            )
            .ended(0);
            assert_eq!(
                (&config(path, &run)["data"]["bytes"], &config(path, &run)["data"]["layout"]),
                (&json!(true), &json!("bytes"))
            );
            let measured = evaluated(path, &run, &[])["bytes"].as_u64().expect("a number");
            assert!(measured.abs_diff(bytes.len() as u64 / 20) < 3, "{measured} of {}", bytes.len());
            evaluated(path, &run, &["--data", "dialogues.jsonl"]);
        }
    }
    train(path, "no", &["--data", "sample", "--bytes"]).refused(&["--bytes", "embedded corpus"]);
    train(path, "../no", &["--data", ".", "--bytes"]).refused(&["--bytes", "is a folder"]);
    train(path, "no", &["--bytes"]).refused(&["--bytes", "--data FILE"]);
    train(path, "plain", &["--data", "dialogues.jsonl"]).ended(0);
    // Only a new run can take bytes: nobody else is told that it could.
    fs::write(path.join("wide.txt"), b"\xff\xfeh\0").expect("writable");
    for (name, parts) in [("wide.txt", "is UTF-16"), ("data.tar.gz", "only .zip is read")] {
        for command in [&["data", "stats"][..], &["data", "check"], &["evaluate", "--run", "plain"]] {
            let said = call(path, &[command, &["--data", name]].concat()).refused(&[parts]);
            assert!(!said.stderr.contains("--bytes"), "{}", said.stderr);
        }
    }
    // Data that is there and is something else is not said to be gone.
    fs::rename(path.join("x.bin"), path.join("y.bin")).expect("ours");
    call(path, &["evaluate", "--run", "run-latin.txt"]).refused(&["not there any more", "--data PATH"]);
    fs::create_dir(path.join("x.bin")).expect("writable");
    let said = call(path, &["evaluate", "--run", "run-latin.txt"]).refused(&["is a folder, and has no bytes"]);
    assert!(!said.stderr.contains("not there any more"), "{}", said.stderr);
    fs::remove_dir(path.join("x.bin")).expect("ours");
    fs::rename(path.join("y.bin"), path.join("x.bin")).expect("ours");
    // As runs were begun before: a text that isn't one goes on being learned.
    let mut old = config(path, "run-latin.txt");
    old["data"] = json!({ "path": old["data"]["path"], "layout": "text" });
    fs::write(path.join("run-latin.txt/config.json"), old.to_string()).expect("writable");
    let said = call(path, &["train", "--resume", "--run", "run-latin.txt"]);
    assert!(said.stderr.contains("learned it all the same"), "{}", said.stderr);
}

#[test]
fn dialogues_come_in_many_forms() {
    let folder = folder();
    let path = folder.path();
    let lines = fs::read_to_string(path.join("dialogues.jsonl")).expect("readable");
    let counted = |data: &str| stats(path, data)["splits"].clone();
    let expected = counted("dialogues.jsonl");
    let list: Vec<&str> = lines.lines().collect();
    fs::write(path.join("list.json"), format!("[{}]", list.join(","))).expect("writable");
    fs::write(path.join("lines.ndjson"), &lines).expect("writable");
    let messages = |line: &str| {
        let line = line.replace("turns", "messages").replace("speaker", "role").replace("\"text\"", "\"content\"");
        line.replace("\"system\"", "\"assistant\"")
    };
    let told =
        |line: &&str| messages(line).replacen('[', "[{\"role\":\"system\",\"content\":\"Be brief.\"},", 1) + "\n";
    fs::write(path.join("messages.jsonl"), list.iter().map(told).collect::<String>()).expect("writable");
    for name in ["list.json", "lines.ndjson", "messages.jsonl"] {
        assert_eq!(counted(name), expected, "{name}");
    }
    let piped = call_with(path, &["data", "stats", "--json", "--data", "-"], &lines).ended(0).object();
    assert_eq!(piped["splits"], expected);
    let text = call_with(path, &["data", "stats", "--data", "-"], "Dear all,").refused(&["is a text file"]);
    assert!(!text.stderr.contains("standard-input"), "{}", text.stderr);
    call_with(path, &["data", "stats", "--data", "-"], "").refused(&["standard input is empty"]);
    call_with(path, &["data", "stats", "--data", "-"], "{\"turns\":[{\"speaker\":\"me\",\"text\":\"\"}]}")
        .refused(&["error: standard input: dialogue in line 1", "`speaker` is \"me\""]);
    let said = call_with(path, &["data", "check", "--data", "-"], "{\"turns\":[]}").ended(0);
    assert!(said.stdout.starts_with("warning: standard input: dialogue line 1: there are no turns"), "{}", said.stdout);
    for wrong in ["{\"turns\":[{\"speaker\":\"me\",\"text\":\"\"}]}", "\u{feff}Dear all"] {
        let said = call_with(path, &[&TINY[..], &["no", "--data", "-"]].concat(), wrong).ended(1);
        assert!(said.stderr.contains("standard input") && !said.stderr.contains("standard-input"), "{}", said.stderr);
    }

    let run = [&TINY[..], &["run", "--data", "-"]].concat();
    call_with(path, &run, &lines).ended(0);
    assert_eq!(config(path, "run")["data"]["path"], "-");
    call(path, &["evaluate", "--run", "run"]).refused(&["standard input", "--data PATH"]);
    call(path, &["train", "--resume", "--run", "run"]).refused(&["standard input", "--data PATH"]);
    call_with(path, &["train", "--resume", "--run", "run", "--data", "-"], &lines).ended(0);
    call(path, &["train", "--resume", "--run", "run", "--data", "dialogues.jsonl"]).ended(0);

    let wrong = [
        (json!({ "messages": [{ "role": "tool", "content": "a" }] }), ["`role` is \"tool\"", "take it out"]),
        (
            json!({ "messages": [{ "role": "user", "content": [{ "type": "image_url" }] }] }),
            ["content[0]", "only text"],
        ),
        (
            json!({ "messages": [{ "role": "assistant", "content": null, "tool_calls": [1] }] }),
            ["`tool_calls`", "not learned"],
        ),
        (json!({ "messages": [], "turns": [] }), ["`messages` is []", "only one of"]),
        (
            json!({ "conversations": [{ "from": "bing", "value": "a" }] }),
            ["`from` is \"bing\"", "\"human\" or \"gpt\""],
        ),
    ];
    for (line, parts) in wrong {
        fs::write(path.join("wrong.jsonl"), line.to_string()).expect("writable");
        call(path, &["data", "stats", "--data", "wrong.jsonl"])
            .refused(&[&["wrong.jsonl", "line 1"][..], &parts].concat());
    }
}

#[test]
fn without_a_split_what_can_be_done_is_done() {
    let folder = folder();
    let path = folder.path();
    let lines = fs::read_to_string(path.join("dialogues.jsonl")).expect("readable");
    fs::create_dir(path.join("own")).expect("writable");
    fs::write(path.join("own/train.jsonl"), &lines).expect("writable");
    let said = train(path, "run", &["--data", "own"]).ended(0);
    assert!(said.stderr.contains("no dialogues for dev"), "{}", said.stderr);
    call(path, &["evaluate", "--run", "run"]).refused(&["no dialogues for test", "test.jsonl"]);
    evaluated(path, "run", &["--split", "train", "--include-trained"]);
    // The same dialogues in one file are ours to split, and all were trained on.
    call(path, &["evaluate", "--run", "run", "--data", "dialogues.jsonl"]).refused(&["--include-trained"]);
    evaluated(path, "run", &["--data", "dialogues.jsonl", "--include-trained"]);
    // Few dialogues, none of which falls to dev and test.
    let few: String = lines.lines().skip(10).take(3).map(|line| format!("{line}\n")).collect();
    fs::write(path.join("few.jsonl"), few).expect("writable");
    train(path, "few", &["--data", "few.jsonl"]).ended(0);
    call(path, &["evaluate", "--run", "few"]).refused(&["few.jsonl has no dialogues for test", "add dialogues"]);
    let said = call(path, &["data", "stats", "--data", "few.jsonl"]).ended(0).stdout;
    assert!(!said.contains("0 to 0") && said.contains("train"), "{said}");
    fs::write(path.join("none.jsonl"), "\n").expect("writable");
    train(path, "none", &["--data", "none.jsonl"]).refused(&["no dialogues for train"]);
}

#[test]
fn what_is_not_read_is_named() {
    let folder = folder();
    let path = folder.path();
    let lines = fs::read_to_string(path.join("dialogues.jsonl")).expect("readable");
    // Another number of dialogues in each, so that a split can't be taken for another.
    for (name, count) in [("train.jsonl", 120), ("VALID.jsonl", 30), ("test.jsonl", 60)] {
        fs::create_dir_all(path.join("own/eval")).expect("writable");
        let part: String = lines.lines().take(count).map(|line| format!("{line}\n")).collect();
        fs::write(path.join("own").join(name), part).expect("writable");
    }
    fs::write(path.join("own/README.md"), "# Mine").expect("writable");
    fs::write(path.join("own/ontology.json"), "{}").expect("writable");
    let said = call(path, &["data", "check", "--data", "own"]).ended(0);
    for part in
        ["1 other file holds no dialogues: README.md", "1 other file is known to hold no dialogues: ontology.json"]
    {
        assert!(said.stderr.contains(part), "no {part:?} in {}", said.stderr);
    }
    let dev = &stats(path, "own")["splits"]["dev"];
    let known: usize = lines.lines().take(30).map(text_bytes).sum();
    assert_eq!((&dev["dialogues"], &dev["bytes"]), (&json!(30), &json!(known)), "`VALID.jsonl` is dev");
    fs::write(path.join("own/eval/more.dat"), &lines).expect("writable");
    let said = call(path, &["data", "check", "--data", "own"]).refused(&["unreadable"]);
    assert!(said.stdout.contains("more.dat: it holds dialogues and is not read"), "{}", said.stdout);
    for said in
        [train(path, "run", &["--data", "own"]).ended(0), call(path, &["data", "stats", "--data", "own"]).ended(0)]
    {
        assert!(
            said.stderr.contains("a file with dialogues in") && said.stderr.contains("eval/more.dat"),
            "{}",
            said.stderr
        );
    }
    let said = call(path, &["evaluate", "--run", "run", "--split", "Valid", "--include-trained"]).ended(0);
    assert!(said.stderr.contains("eval/more.dat"), "{}", said.stderr);
}

/// Bytes of all that is said in a dialogue, given as a line.
fn text_bytes(line: &str) -> usize {
    let dialogue: Value = serde_json::from_str(line).expect("JSON");
    let turns = dialogue["turns"].as_array().expect("a list");
    turns.iter().map(|turn| turn["text"].as_str().expect("a text").len()).sum()
}

#[test]
fn dialogues_are_converted() {
    let folder = folder();
    let path = folder.path();
    let convert = |from: &str, to: &str, out: &str, more: &[&str]| {
        call(path, &[&["data", "convert", "--data", from, "--to", to, "--out", out], more].concat())
    };
    let said = convert("dialogues.jsonl", "messages", "chats", &[]).ended(0);
    assert!(
        said.stdout.contains("120 dialogues (train") && said.stdout.contains("as messages in chats"),
        "{}",
        said.stdout
    );
    assert_eq!(stats(path, "chats")["splits"], stats(path, "dialogues.jsonl")["splits"]);
    convert("chats", "schema-guided", "published", &[]).ended(0);
    convert("published", "data-json", "older", &[]).ended(0);
    convert("older", "turns", "back", &[]).ended(0);
    assert_eq!(stats(path, "back")["splits"], stats(path, "dialogues.jsonl")["splits"]);
    let said = convert("sample", "messages", "sample.jsonl", &[]).ended(0);
    for part in ["can't hold belief states", "of 4000 dialogues", "which split a dialogue is in"] {
        assert!(said.stderr.contains(part), "no {part:?} in {}", said.stderr);
    }
    convert("dialogues.jsonl", "turns", "sample.jsonl", &[]).refused(&["sample.jsonl: it is there already", "--force"]);
    convert("dialogues.jsonl", "turns", "sample.jsonl", &["--force"]).ended(0);
    assert_eq!(stats(path, "sample.jsonl")["splits"], stats(path, "dialogues.jsonl")["splits"]);
    convert("dialogues.jsonl", "turns", "chats", &[]).refused(&["chats: it is there already", "--force"]);
    convert("chats", "turns", "chats", &["--force"]).refused(&["lie one within the other"]);
    convert("dialogues.jsonl", "data-json", "x.jsonl", &[]).refused(&["name a folder"]);
    for out in ["sample.jsonl/x", "sample.jsonl/x/y.jsonl"] {
        convert("dialogues.jsonl", "turns", out, &["--force"])
            .refused(&["error: --out sample.jsonl: it is a file, and nothing can be in it"]);
    }
    call(path, &["data", "sample", "--out", "sample.jsonl/x"])
        .refused(&["error: --out sample.jsonl: it is a file, and nothing can be in it"]);
    convert("chats", "turns", "not-there/../chats/out", &[]).refused(&["lie one within the other"]);
    convert("dialogues.jsonl", "csv", "x", &[]).ended(2);
}

/// Ctrl-C while something is written: what was written so far goes, what was there stays.
#[cfg(unix)]
#[test]
fn what_is_being_written_is_removed_when_it_is_stopped() {
    let folder = folder();
    let path = folder.path();
    let lines = fs::read_to_string(path.join("dialogues.jsonl")).expect("readable");
    call(path, &["data", "convert", "--data", "dialogues.jsonl", "--to", "turns", "--out", "out"]).ended(0);
    let before = fs::read(path.join("out/train.jsonl")).expect("written");
    // So many that writing them takes seconds.
    fs::write(path.join("many.jsonl"), lines.repeat(2000)).expect("writable");
    let names = || -> Vec<String> {
        let entries = fs::read_dir(path).expect("readable");
        entries.map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned()).collect()
    };
    let mut child = harness::program(path);
    child.args(["data", "convert", "--data", "many.jsonl", "--to", "messages", "--out", "out", "--force"]);
    let mut child = child.spawn().expect("it runs");
    while !names().iter().any(|name| name.starts_with(".writing-")) {
        assert_eq!(child.try_wait().expect("ours"), None, "it ended before anything was written");
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    let killed = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(killed.expect("kill is everywhere").success());
    let output = child.wait_with_output().expect("ours");
    assert_eq!(output.status.code(), Some(130), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(fs::read(path.join("out/train.jsonl")).expect("still there"), before);
    let left: Vec<_> =
        names().into_iter().filter(|name| name.contains("writing") || name.contains("replaced")).collect();
    assert!(left.is_empty(), "{left:?}");
}
