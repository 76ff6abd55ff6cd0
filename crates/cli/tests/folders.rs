//! Where runs and files may go: nobody's files are touched, what isn't there is named with what is. What is in them is not looked at.

mod harness;

use harness::{SMALL, Said, call, call_with, folder, program, shared, train};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// All files below a folder with their content, to see that none was touched.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("readable") {
            let path = entry.expect("readable").path();
            if path.is_dir() {
                folders.push(path)
            } else {
                _ = found.insert(path.clone(), fs::read(path).expect("readable"))
            }
        }
    }
    found
}

fn short(folder: &Path, more: &[&str]) -> Said {
    train(folder, &[&["--steps", "2", "--quiet"], more].concat())
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().expect("it has one")).expect("writable");
    fs::write(path, text).expect("writable");
}

/// A folder that is neither empty nor a run is left as it is, every file of it; `--force` puts the run there.
#[test]
fn a_run_takes_no_folder_of_others() {
    let folder = folder();
    let m = folder.path().join("m");
    write(&m.join("config.json"), "{\"mine\":1}\n");
    write(&m.join("tokenizer.json"), "keep");
    write(&folder.path().join("loss/loss.svg"), "<svg/>");
    write(&folder.path().join("notes/a b/c.txt"), "mine");
    write(&folder.path().join("file"), "mine");
    let before = contents(folder.path());
    short(folder.path(), &["--run", "m"])
        .refused(&["--run m: the folder holds m/config.json, which is not of a run", "--force"]);
    short(folder.path(), &["--run", "loss"]).refused(&["loss/loss.svg"]);
    short(folder.path(), &["--run", "notes"]).refused(&["'notes/a b'"]);
    for name in ["file", "file/below"] {
        short(folder.path(), &["--run", name]).refused(&[&format!("--run {name}: it is no folder")]);
    }
    assert_eq!(contents(folder.path()), before, "a refusal touches nothing");
    short(folder.path(), &["--run", "m", "--force"]).ended(0);
    // Now it is a run, with a checkpoint.
    short(folder.path(), &["--run", "m"]).refused(&["--resume"]);
    short(folder.path(), &["--run", "m", "--force"]).refused(&["--resume"]);
    short(folder.path(), &["--run", "notes", "--force"]).ended(0);
    assert_eq!(fs::read_to_string(folder.path().join("notes/a b/c.txt")).expect("there"), "mine");
    // Not even so where there are checkpoints, whoever's.
    write(&folder.path().join("theirs/checkpoints/epoch-1"), "mine");
    short(folder.path(), &["--run", "theirs", "--force"]).refused(&["theirs/checkpoints is not empty"]);
}

/// What a killed start leaves is ours, at whatever moment that was.
#[test]
fn the_leftovers_of_a_start_are_no_obstacle() {
    let folder = folder();
    short(folder.path(), &["--run", "whole"]).ended(0);
    let whole = folder.path().join("whole");
    for (name, files) in [
        ("empty", &[][..]),
        ("locked", &["lock"]),
        ("writing", &["lock", ".writing-x"]),
        ("tokenizer", &["lock", "tokenizer.json"]),
        ("metrics", &["lock", "tokenizer.json", "metrics.jsonl"]),
        ("config", &["lock", "tokenizer.json", "config.json"]),
    ] {
        for resume in [&[][..], &["--resume"]] {
            let name = format!("{name}{}", resume.len());
            fs::create_dir(folder.path().join(&name)).expect("writable");
            for file in files {
                let text = match *file {
                    ".writing-x" => b"{".to_vec(),
                    "metrics.jsonl" => Vec::new(),
                    file => fs::read(whole.join(file)).expect("there"),
                };
                fs::write(folder.path().join(&name).join(file), text).expect("writable");
            }
            let said = short(folder.path(), &[&["--run", &name], resume].concat());
            // Nothing was begun there, and so there is nothing to resume.
            if files.is_empty() && !resume.is_empty() {
                said.refused(&["the folder is empty"])
            } else {
                said.ended(0)
            };
        }
    }
}

#[cfg(unix)]
#[test]
fn a_link_in_the_place_of_a_file_of_the_run_is_not_followed() {
    let folder = folder();
    write(&folder.path().join("theirs.jsonl"), "mine");
    fs::create_dir(folder.path().join("m")).expect("writable");
    std::os::unix::fs::symlink("../theirs.jsonl", folder.path().join("m/metrics.jsonl")).expect("writable");
    short(folder.path(), &["--run", "m", "--force"]).refused(&["m/metrics.jsonl is a folder or a link"]);
    assert_eq!(fs::read_to_string(folder.path().join("theirs.jsonl")).expect("there"), "mine");
}

#[test]
fn a_run_and_its_data_stay_apart() {
    let folder = folder();
    write(
        &folder.path().join("my/own.jsonl"),
        &fs::read_to_string(folder.path().join("dialogues.jsonl")).expect("there"),
    );
    let start = |data: &str, more: &[&str]| {
        call(folder.path(), &[&["train", "--preset", "tiny", "--steps", "1", "--data", data], more].concat())
    };
    let before = contents(folder.path());
    start("my", &["--run", "my"]).refused(&["--run my is the folder of the data, my"]);
    start("my", &["--run", "my", "--force"]).refused(&["--run my is the folder of the data, my"]);
    start("my", &["--run", "my/runs/a"]).refused(&["--run my/runs/a lies inside the data, my", "--run DIR"]);
    start("./my/../my/", &["--run", "my/a"]).refused(&["lies inside the data"]);
    start("my/own.jsonl", &["--run", "my", "--force"]).refused(&["--data my/own.jsonl lies inside the run, my"]);
    // The data that is at hand, and the folder that is taken when none is named.
    let inside =
        program(&folder.path().join("my")).args(["train", "--data", ".", "--steps", "1"]).output().expect("it runs");
    let said = String::from_utf8_lossy(&inside.stderr);
    assert!(inside.status.code() == Some(1) && said.contains("runs/ lies inside the data, ."), "{said}");
    let mut at_hand = program(&folder.path().join("my"));
    let at_hand = at_hand.env("REFORMER_DATA", ".").args(["train", "--steps", "1"]).output().expect("it runs");
    let said = String::from_utf8_lossy(&at_hand.stderr);
    assert!(at_hand.status.code() == Some(1) && said.contains("runs/ lies inside the data"), "{said}");
    assert_eq!(contents(folder.path()), before, "a refusal touches nothing");
    // Beside its data a run is fine.
    short(folder.path(), &["--run", "beside"]).ended(0);
}

#[test]
fn a_run_that_is_not_there_is_answered_with_those_that_are() {
    let folder = shared().path();
    let here = tempfile::tempdir().expect("a folder");
    short(folder, &["--run", here.path().join("runs/run-0001").to_str().expect("text")]).ended(0);
    for name in ["good one", "better"] {
        fs::create_dir(here.path().join(name)).expect("writable");
        fs::copy(here.path().join("runs/run-0001/config.json"), here.path().join(name).join("config.json"))
            .expect("writable");
    }
    fs::create_dir(here.path().join("empty")).expect("writable");
    let refused = |arguments: &[&str], parts: &[&str]| _ = call(here.path(), arguments).refused(parts);
    refused(
        &["train", "--resume", "--run", "bettre"],
        &["--resume: bettre is not a run: there is no such folder. There are: better, 'good one', runs/run-0001"],
    );
    refused(&["train", "--resume", "--run", "god one"], &["There are: 'good one', better, "]);
    refused(&["train", "--resume", "--run", "runs/run-1"], &["There are: runs/run-0001"]);
    refused(&["train", "--resume", "--run", "empty"], &["empty is not a run: the folder is empty. There are: "]);
    for command in [&["generate", "--prompt", "x"][..], &["chat"], &["evaluate"], &["info"]] {
        refused(&[command, &["--run", "bettre"]].concat(), &["--run bettre is not a run", "There are: better, "]);
    }
    refused(&["train", "--init-from", "bettre"], &["--init-from bettre is not a run", "There are: better, "]);
    assert!(!here.path().join("bettre").exists(), "nothing is begun under a wrong name");
    fs::write(here.path().join("better/config.json"), "{\"format\":1,").expect("writable");
    refused(&["train", "--resume", "--run", "better"], &["better/config.json: not JSON"]);
    assert!(!here.path().join("better/lock").exists());

    let nowhere = tempfile::tempdir().expect("a folder");
    call(nowhere.path(), &["train", "--resume"]).refused(&[
        "--resume: no run is in runs/",
        "There is no run here yet",
        "train` makes one",
    ]);
    call(nowhere.path(), &["train", "--resume", "--run", "x"]).refused(&["x is not a run", "There is no run here yet"]);
    assert!(contents(nowhere.path()).is_empty());
}

#[test]
fn names_that_can_only_be_a_mistake_are_told() {
    let folder = folder();
    let wrong = |arguments: &[&str], part: &str| {
        // Were it taken, nothing long would begin.
        let more: &[&str] = if arguments[0] == "train" { &["--data", "missing"] } else { &[] };
        let said = call(folder.path(), &[arguments, more].concat()).ended(2).stderr;
        assert!(said.contains(part), "{arguments:?}: {said}");
    };
    wrong(&["train", "--run", ""], "a value is required for '--run <DIR>'");
    wrong(&["train", "--run", " \t"], "a name of nothing but blanks");
    wrong(&["train", "--run", "-dash2"], "is the name missing? One that begins with a dash is written ./-dash2");
    wrong(&["train", "--run", "--resume"], "is the name missing?");
    wrong(&["plan", "--picture", "-"], "one of that name is ./-");
    wrong(&["data", "sample", "--out", "-x"], "./-x");
    for (option, advice) in [
        ("--learning-rate", "write a number above 0"),
        ("--steps", "at least 1"),
        ("--minutes", "write a number of minutes above 0"),
        ("--dropout", "write a number from 0 to below 1"),
        ("--seed", "write a whole number, at least 0"),
        ("--memory-limit", "write auto, min, or a size"),
        ("--threads", "at least 1"),
        ("--buckets", "at least 1"),
    ] {
        wrong(&["train", option, "-1"], advice);
    }
    wrong(&["chat", "--temperature", "-0.5"], "write a number, at least 0");
    wrong(&["chat", "--top-k", "-5"], "write a whole number, at least 0");
    let named = [&SMALL[..], &["--steps", "1", "--run", "./-dash2"]].concat();
    let said = call(folder.path(), &named).ended(0);
    assert!(said.stdout.contains("chat --run ./-dash2"), "{}", said.stdout);
}

/// Pictures are drawn again; whatever else has the name stays, and so does a picture that somebody has changed.
#[test]
fn pictures_replace_only_pictures() {
    let folder = folder();
    for (command, file) in [(&["plan", "--preset", "tiny"][..], "a b.svg"), (&["data", "stats"], "c d.svg")] {
        let draw = |more: &[&str]| call(folder.path(), &[command, &["--picture", file], more].concat());
        draw(&[]).ended(0);
        draw(&[]).ended(0);
        let picture = folder.path().join(file);
        let text = fs::read_to_string(&picture).expect("drawn");
        let changed = text.replace("</svg>", "<circle r=\"9\"/></svg>");
        for other in [changed.as_str(), "mine"] {
            fs::write(&picture, other).expect("writable");
            draw(&[]).refused(&[&format!("--picture '{file}': it is there already"), "--force"]);
            assert_eq!(fs::read_to_string(&picture).expect("there"), other);
        }
        draw(&["--force"]).ended(0);
    }
    // The other command's is another picture.
    call(folder.path(), &["plan", "--preset", "tiny", "--picture", "c d.svg"]).refused(&["--force"]);
    call(folder.path(), &["plan", "--preset", "tiny", "--picture", "."])
        .refused(&["it is a folder: name a file in it"]);
}

#[test]
fn a_transcript_replaces_only_its_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = shared().path().join("run");
    fs::write(folder.path().join("mine.txt"), "mine").expect("writable");
    let input = "hello\n/save talk.txt\nhello\n/save talk.txt\n/save mine.txt\n/save --force mine.txt\n/save\n/save --force\n/new york\n/what\n";
    let arguments = ["chat", "--run", run.to_str().expect("text"), "--max-tokens", "3"];
    let said = call_with(folder.path(), &arguments, input).ended(0);
    let lines: Vec<&str> = said.stdout.lines().collect();
    assert_eq!(lines.len(), 10, "{lines:?}");
    assert_eq!((lines[1], lines[3]), ("2 turns saved to talk.txt", "4 turns saved to talk.txt"));
    assert!(
        lines[4].contains("/save mine.txt: it is there already") && lines[4].contains("/save --force FILE"),
        "{}",
        lines[4]
    );
    assert_eq!(lines[5], "4 turns saved to mine.txt");
    for line in &lines[6..8] {
        assert!(line.starts_with("`/save` is written with a file's name: /save FILE"), "{line}");
    }
    assert_eq!(lines[8], "`/new` is written alone on its line");
    assert!(lines[9].contains("there is no command `/what`"), "{}", lines[9]);
    let again = call_with(folder.path(), &arguments, "hi\n/save talk.txt\n").ended(0);
    assert!(again.stdout.contains("it is there already"), "another chat's: {}", again.stdout);
}
