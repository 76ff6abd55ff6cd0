//! Ctrl-C and `kill` while the program does something: what is said fits, nothing is lost, and nothing useless is left.
#![cfg(unix)]

mod harness;

use harness::{SMALL, call, folder, program, shared, train, wait_for_step};
use serde_json::Value;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Output};
use std::time::{Duration, Instant};

/// The longest that anything may go on after it was told to stop, on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(10);

fn signal(child: &Child, name: &str) {
    let sent = Command::new("sh").args(["-c", &format!("kill -s {name} {}", child.id())]).status();
    assert!(sent.expect("there is a shell").success());
}

fn start(folder: &Path, arguments: &[&str]) -> Child {
    program(folder).args(arguments).spawn().expect("the program was built")
}

fn ended(child: Child, code: i32) -> (String, String) {
    let told = Instant::now();
    let Output { status, stdout, stderr } = child.wait_with_output().expect("ours");
    let (stdout, stderr) =
        (String::from_utf8_lossy(&stdout).into_owned(), String::from_utf8_lossy(&stderr).into_owned());
    assert_eq!(status.code(), Some(code), "{stderr}");
    assert!(told.elapsed() < PATIENCE, "it went on for {:?}", told.elapsed());
    (stdout, stderr)
}

/// Waits until the child has come so far that `marker` is there, and is still at it.
fn wait_for(child: &mut Child, marker: &Path) {
    let began = Instant::now();
    while !marker.exists() {
        assert_eq!(child.try_wait().expect("ours"), None, "it ended before {} was there", marker.display());
        assert!(began.elapsed() < PATIENCE * 12, "{} never came", marker.display());
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Waits until the child has said this on its stderr. What it says later stays in the pipe.
fn wait_for_words(child: &mut Child, words: &str) {
    let stderr = child.stderr.as_mut().expect("piped");
    let (mut said, mut byte) = (Vec::new(), [0]);
    // Byte by byte: a buffered reader would swallow what comes after.
    while stderr.read(&mut byte).expect("readable") == 1 {
        said.push(byte[0]);
        if byte[0] == b'\n' && String::from_utf8_lossy(&said).contains(words) {
            return;
        }
    }
    panic!("it never said {words:?}: {}", String::from_utf8_lossy(&said));
}

/// Lines enough that reading, learning tokens and encoding take a while.
fn write_much(path: &Path, dialogues: usize) {
    let one = std::fs::read_to_string(path).expect("it was written");
    let many: String =
        (0..dialogues / 120).map(|round| one.replace("i need", &format!("round {round} i need"))).collect();
    std::fs::write(path, many).expect("writable");
}

#[test]
fn before_the_first_step_it_ends_at_once_and_leaves_nothing() {
    for name in ["INT", "TERM"] {
        let folder = folder();
        write_much(&folder.path().join("dialogues.jsonl"), 40_000);
        let mut child = start(folder.path(), &[&SMALL[..], &["--steps", "1000000", "--run", "run"]].concat());
        // The first file in the folder; then all those lines are encoded.
        wait_for(&mut child, &folder.path().join("run/tokenizer.json"));
        signal(&child, name);
        let (_, stderr) = ended(child, 130);
        assert!(stderr.contains("stopped before the first step: nothing was saved"), "{stderr}");
        assert!(!folder.path().join("run").exists(), "{stderr}");
    }
}

#[test]
fn an_evaluation_is_broken_off_and_measures_nothing() {
    let folder = shared();
    let many = harness::folder();
    write_much(&many.path().join("dialogues.jsonl"), 60_000);
    let data = many.path().join("dialogues.jsonl");
    let run = folder.path().join("run");
    let arguments = ["evaluate", "--run", run.to_str().unwrap(), "--split", "train", "--json", "--threads", "1"];
    let mut child = start(many.path(), &[&arguments[..], &["--data", data.to_str().unwrap()]].concat());
    // Read by then; encoding and measuring all of it take long.
    wait_for_words(&mut child, "on the train split of");
    signal(&child, "INT");
    let (stdout, stderr) = ended(child, 130);
    assert_eq!(stdout, "", "a figure of a part is none");
    assert!(stderr.contains("stop") && !stderr.contains("then the run is saved"), "{stderr}");
}

#[test]
fn the_evaluation_at_the_end_is_broken_off_and_made_when_the_run_goes_on() {
    let folder = folder();
    write_much(&folder.path().join("dialogues.jsonl"), 24_000);
    let of = |run: &'static str| {
        [&SMALL[..], &["--steps", "2", "--run", run, "--json", "--threads", "1", "--evaluate-every", "1000"]].concat()
    };
    let mut child = start(folder.path(), &of("run"));
    wait_for_step(&mut child, 2);
    // Saved before it is evaluated.
    wait_for(&mut child, &folder.path().join("run/checkpoints/step-2"));
    signal(&child, "TERM");
    let (_, stderr) = ended(child, 0);
    assert!(stderr.contains("stopping: the evaluation is broken off, then the run is saved"), "{stderr}");
    assert!(stderr.contains("stopped and saved at step 2; go on with: "), "{stderr}");
    let info = call(folder.path(), &["info", "--run", "run", "--json"]).ended(0).object();
    assert_eq!((&info["step"], &info["finished"]), (&2.into(), &false.into()));
    let metrics = |run: &str| -> Vec<Value> {
        let text = std::fs::read_to_string(folder.path().join(run).join("metrics.jsonl")).expect("it was trained");
        let line = |line: &str| {
            let mut value: Value = serde_json::from_str(line).expect("an object a line");
            value.as_object_mut().expect("an object").remove("tokens_per_second");
            value
        };
        text.lines().map(line).collect()
    };
    assert_eq!(metrics("run").len(), 2, "the steps, and no evaluation");
    call(folder.path(), &["train", "--resume", "--run", "run", "--quiet"]).ended(0);
    call(folder.path(), &of("whole")).ended(0);
    assert_eq!(metrics("run"), metrics("whole"));
    assert_eq!(metrics("run")[2]["event"], "evaluation");
}

#[test]
fn more_steps_and_other_intervals_are_taken_by_name() {
    let folder = folder();
    train(folder.path(), &["--steps", "4", "--run", "run", "--quiet"]).ended(0);
    let resume =
        |more: &[&str]| call(folder.path(), &[&["train", "--resume", "--run", "run", "--json"], more].concat());
    let more = resume(&["--steps", "6", "--save-every", "1", "--threads", "1", "--memory-limit", "min"]).ended(0);
    assert_eq!(more.object()["steps"], 6);
    let said = "the run was done after 4 steps and goes on to 6, along the schedule of a run of 6 steps: the last step took the learning rate";
    assert!(more.stderr.contains(said), "{}", more.stderr);
    resume(&["--steps", "5"]).refused(&["the run run has its 6 steps, --steps 5 are fewer: name more to go on"]);
    let config = call(folder.path(), &["info", "--run", "run", "--json"]).ended(0).object()["config"].clone();
    assert_eq!((&config["training"]["save_every"], &config["training"]["steps"]), (&1.into(), &6.into()));
}

/// However little memory a process may have: one line says so, and it never looks like a crash.
#[cfg(target_os = "linux")]
#[test]
fn refused_memory_is_an_error_of_one_line() {
    let folder = shared();
    // Takes gigabytes by its plan, on any machine.
    let too_much =
        "train --preset tiny --data dialogues.jsonl --vocabulary 300 --length 65536 --batch 64 --steps 1 --run limited";
    let too_much: Vec<&str> = too_much.split(' ').collect();
    let commands: [&[&str]; 6] = [
        &too_much,
        &[&SMALL[..], &["--steps", "1", "--run", "limited", "--quiet"]].concat(),
        &["generate", "--run", "run", "--prompt", "hi", "--max-tokens", "2", "--json"],
        &["evaluate", "--run", "run", "--split", "dev", "--json"],
        &["plan", "--json"],
        &["data", "stats", "--data", "sample"],
    ];
    for kibibytes in [40_000, 70_000, 110_000, 160_000, 220_000, 300_000, 400_000] {
        let mut refused = Vec::new();
        for arguments in commands {
            let mut limited = Command::new("sh");
            limited.current_dir(folder.path()).args(["-c", &format!("ulimit -v {kibibytes} && exec \"$0\" \"$@\"")]);
            limited.arg(harness::executable()).args(arguments).env("VK_DRIVER_FILES", folder.path().join("no-driver"));
            let Output { status, stderr, .. } = limited.output().expect("there is a shell");
            let stderr = String::from_utf8_lossy(&stderr);
            match status.code() {
                Some(0) => {}
                Some(1) => {
                    let errors = stderr.lines().filter(|line| line.starts_with("error: ")).count();
                    assert!(errors == 1 && !stderr.contains("panicked"), "{kibibytes} KiB, {arguments:?}: {stderr}");
                    refused.push(arguments);
                }
                other => panic!("{kibibytes} KiB, {arguments:?} ended with {other:?}: {stderr}"),
            }
        }
        let _ = std::fs::remove_dir_all(folder.path().join("limited"));
        // Which of the others are, depends on the machine: each core has a thread, and each thread a stack.
        assert!(refused.contains(&commands[0]), "{kibibytes} KiB did not limit anything");
    }
}

#[test]
fn weights_are_exported_and_taken_in_the_place_of_a_run() {
    let folder = shared();
    let weights = tempfile::tempdir().expect("a temporary folder");
    let to = weights.path().join("weights");
    let to = to.to_str().expect("plain");
    let exported = call(folder.path(), &["export", "run", "--to", to, "--json"]).ended(0).object();
    assert_eq!(exported["step"], 20);
    let said = |run: &str| {
        call(folder.path(), &["generate", "--run", run, "--prompt", "i need", "--max-tokens", "9"]).ended(0).stdout
    };
    assert_eq!(said(to), said("run"), "the same model");
    let figure =
        |run: &str| call(folder.path(), &["evaluate", "--run", run, "--split", "dev", "--json"]).ended(0).object();
    assert_eq!(figure(to), figure("run"));
    let info = call(folder.path(), &["info", "--run", to, "--json"]).ended(0).object();
    assert_eq!(
        (&info["exported"], &info["can_talk"], &info["can_resume"]),
        (&true.into(), &true.into(), &false.into())
    );
    call(folder.path(), &["train", "--resume", "--run", to]).refused(&["holds exported weights", "--init-from"]);
    call(folder.path(), &["export", "run", "--to", to]).refused(&["holds exported weights already", "--force"]);
    call(folder.path(), &["export", "--run", "run", "--to", to, "--force"]).ended(0);
    call(folder.path(), &["export", "run", "--run", "run", "--to", to]).ended(2);
}

/// `timeout` sends each signal to the process and to its group: that is one wish, and not two.
#[test]
fn a_signal_that_comes_twice_at_once_still_saves() {
    let folder = folder();
    let mut child = start(folder.path(), &[&SMALL[..], &["--steps", "5000", "--json", "--run", "run"]].concat());
    wait_for_step(&mut child, 3);
    let id = child.id();
    let sent = Command::new("sh").args(["-c", &format!("kill -TERM {id}; kill -TERM {id}")]).status();
    assert!(sent.expect("there is a shell").success());
    let (_, said) = ended(child, 0);
    assert!(said.contains("stopped and saved at step"), "{said}");
    assert!(folder.path().join("run/checkpoints").is_dir());
}
