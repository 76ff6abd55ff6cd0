//! `generate`: prompts from everywhere, one turn, stops, samples, and what a stream of JSON says.

mod harness;

#[cfg(unix)]
use harness::program;
use harness::{Said, call, call_with, positive, shared};
use serde_json::{Value, json};
use std::fs;
use std::sync::OnceLock;
use tempfile::TempDir;

fn generate(more: &[&str]) -> Said {
    let fixed = ["generate", "--run", "run", "--max-tokens", "24"];
    call(shared().path(), &[&fixed, more].concat())
}

/// The last object: that of the only sample.
fn object(more: &[&str]) -> Value {
    generate(&[more, &["--json"]].concat()).ended(0).object()
}

/// A run on text.
fn book() -> &'static TempDir {
    static BOOK: OnceLock<TempDir> = OnceLock::new();
    BOOK.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let text = "It was the best of times, it was the worst of times. ".repeat(60);
        fs::write(folder.path().join("book.txt"), text).expect("writable");
        let train = ["train", "--data", "book.txt", "--preset", "tiny", "--length", "64", "--batch", "2"];
        call(folder.path(), &[&train[..], &["--steps", "40", "--run", "run", "--quiet"]].concat()).ended(0);
        folder
    })
}

#[test]
fn a_prompt_is_answered() {
    let first = object(&["--prompt", "i need a cheap", "--seed", "1"]);
    assert!(first["text"].is_string() && positive(&first, "tokens") <= 24.0);
    positive(&first, "tokens_per_second");
    positive(&first, "prefill_seconds");
    let text = |more: &[&str]| object(&[&["--prompt", "i need a cheap"], more].concat())["text"].clone();
    assert_eq!(text(&["--seed", "1"]), first["text"], "a seed gives one text");
    assert_eq!(text(&["--seed", "1", "--threads", "2"]), first["text"]);
    assert_eq!(text(&["--temperature", "0"]), text(&["--top-k", "1", "--seed", "5"]));
}

/// One turn, as `chat` would answer it: the user is not invented, and the prompt is not repeated.
#[test]
fn a_dialogue_gets_the_reply_of_one_turn() {
    let folder = shared().path();
    for seed in ["1", "2", "3"] {
        let options = ["--run", "run", "--seed", seed, "--max-tokens", "200"];
        let said = call(folder, &[&["generate", "--prompt", "i need a cheap hotel"], &options[..]].concat()).ended(0);
        let chat = call_with(folder, &[&["chat"], &options[..]].concat(), "i need a cheap hotel\n").ended(0);
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(words(&said.stdout), words(&chat.stdout), "seed {seed}");
        assert!(!said.stdout.contains("user:") && !said.stdout.contains("i need a cheap hotel"), "{}", said.stdout);
    }
    let ends = (0..20).map(|seed| object(&["--prompt", "hello", "--seed", &seed.to_string()])["stop"].clone());
    assert!(ends.into_iter().any(|end| end == "end"), "no turn of 20 ends by itself");
}

#[test]
fn a_prompt_comes_from_anywhere() {
    let folder = shared().path();
    let expected = object(&["--prompt", "i need a cheap hotel"]);
    fs::write(folder.join("a prompt.txt"), "i need a cheap hotel\n").expect("writable");
    assert_eq!(object(&["--prompt-file", "a prompt.txt"])["text"], expected["text"]);
    for option in ["--prompt", "--prompt-file"] {
        let arguments = ["generate", "--run", "run", "--max-tokens", "24", "--json", option, "-"];
        let said = call_with(folder, &arguments, "i need a cheap hotel\r\n").ended(0);
        assert_eq!(said.object()["text"], expected["text"], "{option}");
    }
    generate(&["--prompt", "a", "--prompt-file", "b"]).ended(2);
    generate(&[]).ended(2);
    assert!(object(&["--prompt", "--is this an option?"])["text"].is_string());
    generate(&["--prompt-file", "missing"]).refused(&["--prompt-file missing: cannot read it"]);
    generate(&["--prompt-file", "."]).refused(&["it is a folder"]);
    generate(&["--prompt", " \n"]).refused(&["--prompt: it is empty: write what the user says"]);
    for (bytes, message) in [
        (&b"caf\xe9"[..], "it is no text in UTF-8 (from byte 4 on)"),
        (b"\xef\xbb\xbfhi", "byte-order mark"),
        (b"a\0b", "byte 2 is 0"),
    ] {
        fs::write(folder.join("wrong.txt"), bytes).expect("writable");
        generate(&["--prompt-file", "wrong.txt"]).refused(&["--prompt-file wrong.txt", message]);
    }
}

/// A prompt fills all positions that the model has, and not one more; both numbers are said.
#[test]
fn a_prompt_is_as_long_as_the_positions() {
    let folder = book().path();
    let prompt = |bytes: usize| {
        fs::write(folder.join(format!("{bytes}.txt")), &"It was the best ".repeat(40).as_bytes()[..bytes])
            .expect("writable");
        call(folder, &["generate", "--run", "run", "--json", "--prompt-file", &format!("{bytes}.txt")])
    };
    let full = prompt(511).ended(0).object();
    assert_eq!((&full["tokens"], &full["stop"]), (&json!(1), &json!("max_positions")));
    prompt(512).refused(&[
        "--prompt-file 512.txt: it has 512 tokens, with 1 around it",
        "512 positions: shorten it",
        "--max-positions",
    ]);
    generate(&["--prompt", &"word ".repeat(2000)]).refused(&["--prompt: it has ", "with 3 around it", "512 positions"]);
}

/// What may begin a stop is held back, the stop is never shown, and what streams is the text.
#[test]
fn a_text_ends_before_a_stop() {
    let folder = book().path();
    let call = |more: &[&str]| {
        call(folder, &[&["generate", "--run", "run", "--prompt", "It was", "--max-tokens", "60"], more].concat())
    };
    let whole = call(&["--json"]).ended(0).object()["text"].as_str().expect("text").to_owned();
    // A byte is a token, so that this spans four of them.
    let stop: String = whole.chars().skip(10).take(4).collect();
    let before = whole.split(&stop).next().expect("there is one");
    let said = call(&["--json", "--stop", "never said", "--stop", &stop]).ended(0);
    let objects = said.objects();
    let (last, pieces) = objects.split_last().expect("an object at least");
    assert_eq!(
        (&last["text"], &last["stop"], &last["stop_text"]),
        (&json!(before), &json!("text"), &json!(stop)),
        "of {whole:?}"
    );
    let streamed: String = pieces.iter().map(|piece| piece["piece"].as_str().expect("a piece")).collect();
    assert_eq!(streamed, before);
    assert!(pieces.len() > 1, "it comes in pieces: {}", said.stdout);
    let said = call(&["--stop", &stop]).ended(0);
    assert_eq!(said.stdout, format!("It was{before}\n"), "a text is printed with its prompt");
    assert!(said.stderr.contains(&format!("ended by: --stop {stop:?}")), "{}", said.stderr);
    call(&["--stop", ""]).ended(2);
}

/// A stop ends a reply of `chat` as well.
#[test]
fn a_reply_ends_before_a_stop() {
    let folder = shared().path();
    let chat = |more: &[&str]| {
        let fixed = ["chat", "--run", "run", "--max-tokens", "30"];
        call_with(folder, &[&fixed, more].concat(), "i need a cheap hotel\n").ended(0).stdout
    };
    let whole = chat(&[]);
    let stop: String = whole.trim().chars().skip(1).take(1).collect();
    let before = whole.split(&stop).next().expect("there is one").trim();
    assert!(!stop.is_empty(), "the reply is too short to be stopped: {whole:?}");
    assert_eq!(chat(&["--stop", "never said", "--stop", &stop]).trim(), before, "{whole:?} before {stop:?}");
}

/// Sample k of seed s is the only sample of seed s + k − 1, though the prompt is read once.
#[test]
fn samples_are_those_of_the_next_seeds() {
    let said = generate(&["--prompt", "i need a", "--samples", "3", "--seed", "7", "--json"]).ended(0);
    let objects = said.objects();
    let texts: Vec<&Value> = objects.iter().filter(|object| object["text"].is_string()).collect();
    assert_eq!(texts.len(), 3);
    for (at, of_many) in texts.iter().enumerate() {
        let alone = object(&["--prompt", "i need a", "--seed", &(7 + at).to_string()]);
        assert_eq!((&of_many["sample"], &of_many["seed"]), (&json!(at + 1), &json!(7 + at)));
        assert_eq!((&of_many["text"], &of_many["tokens"]), (&alone["text"], &alone["tokens"]), "sample {}", at + 1);
        let pieces =
            objects.iter().filter(|object| object["sample"] == at + 1).filter_map(|object| object["piece"].as_str());
        assert_eq!(pieces.collect::<String>(), of_many["text"].as_str().expect("text"));
    }
    assert_ne!(texts[0]["text"], texts[1]["text"], "two seeds, two texts");
    let plain = generate(&["--prompt", "i need a", "--samples", "2", "--seed", "7"]).ended(0);
    let (first, second) = (texts[0]["text"].as_str().expect("text"), texts[1]["text"].as_str().expect("text"));
    assert_eq!(plain.stdout, format!("{first}\n\n{second}\n"));
    assert!(plain.stderr.contains("(sample 2, seed 8: "), "{}", plain.stderr);
}

/// Ctrl-C ends it with what is written.
#[test]
#[cfg(unix)]
fn ctrl_c_keeps_what_is_written() {
    use std::io::{BufRead, BufReader, Read};
    let arguments =
        ["generate", "--run", "run", "--prompt", "It", "--max-tokens", "1000000", "--samples", "100000", "--json"];
    let mut child = program(book().path()).args(arguments).spawn().expect("it runs");
    let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
    let mut line = String::new();
    stdout.read_line(&mut line).expect("text");
    assert!(line.contains("piece"), "{line}");
    let killed = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(killed.expect("kill is everywhere").success());
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).expect("text");
    let output = child.wait_with_output().expect("ours");
    assert!(output.status.success(), "{:?}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    let last: Value = serde_json::from_str(rest.lines().last().expect("a line")).expect("an object");
    assert_eq!(last["stop"], "interrupted");
}

/// Wrong options are found before a device is opened.
#[test]
fn nothing_is_opened_for_a_wrong_option() {
    let nowhere = tempfile::tempdir().expect("a folder");
    let refused = |arguments: &[&str], part: &str| {
        let said = call(nowhere.path(), &[arguments, &["--backend", "gpu"]].concat()).refused(&[part]);
        assert!(!said.stderr.contains("adapter"), "{arguments:?}: {}", said.stderr);
    };
    refused(&["generate", "--prompt", "x", "--run", "nowhere"], "nowhere is not a run");
    refused(&["chat", "--run", "nowhere"], "nowhere is not a run");
    refused(&["train", "--heads", "3"], "--width 256 does not divide");
    refused(&["train", "--resume"], "--resume: no run");
    assert!(fs::read_dir(nowhere.path()).expect("readable").next().is_none());
}
