//! Training a small run: events, the same bits, resuming, refusing, stopping. What is done with a run is in `talking.rs`.

mod harness;

use harness::{SMALL, Said, call, call_with, folder, positive, program, shared, train};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

fn parameters(said: &Said) -> String {
    said.object()["parameters_sha256"].as_str().expect("`done` names the parameters").to_owned()
}

#[test]
fn events_have_their_fields() {
    let folder = folder();
    let said = train(folder.path(), &["--steps", "12", "--evaluate-every", "6", "--json"]).ended(0);
    let objects = said.objects();
    let events = |name: &str| objects.iter().filter(|object| object["event"] == name).collect::<Vec<&Value>>();

    let plan = events("plan")[0];
    assert_eq!((plan["backend"].as_str(), plan["adapter"].is_string()), (Some("cpu"), true));
    for field in ["parameters", "planned_peak_bytes", "stored_layers", "flops_per_step"] {
        positive(plan, field);
    }
    let steps = events("step");
    assert_eq!(steps.len(), 12);
    for (number, step) in steps.iter().enumerate() {
        assert_eq!(step["step"], number + 1);
        for field in ["loss", "learning_rate", "gradient_norm", "tokens_per_second"] {
            positive(step, field);
        }
    }
    for evaluation in events("evaluation") {
        for field in ["step", "loss", "perplexity", "bits_per_byte"] {
            positive(evaluation, field);
        }
    }
    assert_eq!(events("evaluation").len(), 2);
    let done = objects.last().expect("lines were printed");
    assert_eq!((&done["event"], &done["steps"]), (&json!("done"), &json!(12)));
    for field in ["tokens", "loss", "seconds", "tokens_per_second", "planned_peak_bytes"] {
        positive(done, field);
    }
    if cfg!(target_os = "linux") {
        positive(done, "peak_rss_bytes");
    }
    assert_eq!(done["planned_peak_bytes"], plan["planned_peak_bytes"]);
    assert_eq!(done["parameters_sha256"].as_str().map(str::len), Some(64));

    let run = folder.path().join("runs/run-0001");
    for file in ["config.json", "tokenizer.json", "metrics.jsonl", "loss.svg", "checkpoints/step-12/model.safetensors"]
    {
        assert!(run.join(file).is_file(), "the run has no {file}");
    }
}

#[test]
fn a_pipe_gets_lines_for_people() {
    let folder = folder();
    let text = train(folder.path(), &["--steps", "3"]).ended(0).stdout;
    for part in
        ["3 steps", "parameters", "runs/run-0001", "loss", "bits per byte", "tokens/s", "done: 3 steps", "chat --run"]
    {
        assert!(text.contains(part), "no {part:?} in\n{text}");
    }
    let quiet = train(folder.path(), &["--steps", "3", "--quiet"]).ended(0).stdout;
    assert_eq!(quiet.lines().count(), 1, "{quiet}");
}

/// Threads and memory change no bit; the seed does.
#[test]
fn the_same_run_has_the_same_parameters() {
    let folder = folder();
    let run = |more: &[&str]| parameters(&train(folder.path(), &[&["--steps", "8", "--json"], more].concat()).ended(0));
    let one = run(&["--threads", "1", "--memory-limit", "1TiB"]);
    for more in [
        &["--threads", "2", "--memory-limit", "min"][..],
        &["--threads", "2"],
        &["--threads", "3", "--memory-limit", "min"],
    ] {
        assert_eq!(run(more), one, "{more:?}");
    }
    assert_ne!(run(&["--seed", "1"]), one);
}

#[test]
fn a_finished_run_is_done_again() {
    let folder = shared().path();
    let copy = tempfile::tempdir().expect("a temporary folder");
    copy_folder(folder, copy.path());
    let again = train(copy.path(), &["--steps", "20", "--run", "run", "--resume", "--json"]).ended(0);
    let done = again.object();
    assert_eq!((&done["event"], &done["steps"]), (&json!("done"), &json!(20)));
    assert!(again.objects().iter().all(|object| object["event"] != "step"), "nothing was left to train");
    // Without options the run's own are taken.
    let bare = call(copy.path(), &["train", "--resume", "--run", "run", "--json"]).ended(0);
    assert_eq!(bare.object()["parameters_sha256"], done["parameters_sha256"]);
}

#[test]
fn a_run_is_neither_overwritten_nor_changed() {
    let folder = shared().path();
    train(folder, &["--steps", "20", "--run", "run"]).refused(&["run", "--resume"]);
    train(folder, &["--steps", "20", "--run", "run", "--resume", "--layers", "3", "--seed", "9"]).refused(&[
        "model.layers",
        "2",
        "3",
        "training.seed",
        "9",
    ]);
    train(folder, &["--steps", "15", "--run", "run", "--resume"])
        .refused(&["has its 20 steps", "--steps 15 are fewer"]);
    call(folder, &["train", "--resume", "--run", "run", "--minutes", "1"]).refused(&["training.minutes"]);
    call(folder, &["train", "--resume", "--run", "run", "--data", "sample"]).refused(&["data.layout", "sample"]);
    call(folder, &["train", "--resume", "--run", "run", "--preset", "chat"])
        .refused(&["model.width", "training.length"]);
}

/// Data may lie elsewhere now; whether it is the same, its tokens tell.
#[test]
fn data_may_move_but_not_change() {
    let folder = folder();
    train(folder.path(), &["--steps", "5", "--run", "run", "--quiet"]).ended(0);
    fs::rename(folder.path().join("dialogues.jsonl"), folder.path().join("moved.jsonl")).expect("writable");
    call(folder.path(), &["train", "--resume", "--run", "run"]).refused(&["dialogues.jsonl", "--data"]);
    let resume = |data: &str| call(folder.path(), &["train", "--resume", "--run", "run", "--json", "--data", data]);
    resume("moved.jsonl").ended(0);
    let text = fs::read_to_string(folder.path().join("moved.jsonl")).expect("readable");
    fs::write(folder.path().join("changed.jsonl"), text.replace("cheap", "free")).expect("writable");
    resume("changed.jsonl").refused(&["--data changed.jsonl", "changed"]);
}

#[test]
fn parameters_can_be_taken_from_another_run() {
    let folder = folder();
    let first = train(folder.path(), &["--steps", "20", "--run", "first", "--json"]).ended(0);
    let loss = |said: &Said, step: usize| {
        let steps: Vec<Value> = said.objects().into_iter().filter(|object| object["event"] == "step").collect();
        positive(&steps[step], "loss")
    };
    let more = ["train", "--init-from", "first", "--data", "dialogues.jsonl", "--length", "64", "--batch", "2"];
    let second = call(folder.path(), &[&more[..], &["--steps", "2", "--run", "second", "--json"]].concat()).ended(0);
    assert!(loss(&second, 0) < 0.8 * loss(&first, 0), "it starts where the other ended");
    call(folder.path(), &[&more[..], &["--steps", "2", "--layers", "3"]].concat()).refused(&["first", "layers"]);
    call(folder.path(), &["train", "--init-from", "nowhere", "--data", "dialogues.jsonl"])
        .refused(&["--init-from", "nowhere"]);
}

#[test]
fn two_processes_do_not_share_a_folder() {
    let folder = folder();
    let arguments = [&SMALL[..], &["--steps", "100000", "--run", "run", "--json"]].concat();
    let mut first = program(folder.path()).args(&arguments).spawn().expect("it runs");
    harness::wait_for_step(&mut first, 1);
    let second = train(folder.path(), &["--steps", "100000", "--run", "run", "--resume"]);
    first.kill().expect("ours");
    first.wait().expect("ours");
    second.refused(&["run", "in use by process"]);
}

/// SIGINT as Ctrl-C sends it: the step ends, the run is saved, and how to go on is said.
#[test]
#[cfg(unix)]
fn an_interrupted_run_goes_on() {
    let folder = folder();
    let whole = parameters(&train(folder.path(), &["--steps", "30", "--run", "whole", "--json"]).ended(0));
    let arguments = [&SMALL[..], &["--steps", "30", "--run", "run", "--json"]].concat();
    let mut child = program(folder.path()).args(&arguments).spawn().expect("it runs");
    harness::wait_for_step(&mut child, 3);
    let killed = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(killed.expect("kill is everywhere").success());
    // The rest of its output goes to nobody: that is no reason to fail either.
    let output = child.wait_with_output().expect("ours");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{:?}: {said}", output.status);
    assert!(said.contains("train --resume --run run"), "{said}");
    let resumed = parameters(&train(folder.path(), &["--steps", "30", "--run", "run", "--json", "--resume"]).ended(0));
    assert_eq!(resumed, whole, "stopped and resumed, the parameters are others");
}

/// `train | head -1`: whoever closes the pipe wants it to stop; what was trained is saved.
#[test]
fn a_reader_that_leaves_stops_the_run() {
    let folder = folder();
    let arguments = [&SMALL[..], &["--steps", "100000", "--run", "run", "--json"]].concat();
    let mut child = program(folder.path()).args(&arguments).spawn().expect("it runs");
    harness::wait_for_step(&mut child, 2);
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("ours");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !said.contains("panicked"), "{:?}: {said}", output.status);
    assert!(folder.path().join("run/checkpoints").is_dir(), "{said}");
}

/// Weights in halves: another run, which learns, resumes with the same bits, keeps its precision, and talks.
#[test]
fn weights_may_be_stored_in_halves() {
    let folder = folder();
    let single = shared().path().join("run/checkpoints/step-20/model.safetensors");
    for precision in ["bf16", "f16"] {
        let options = ["--precision", precision, "--steps", "20", "--run", precision, "--json"];
        let whole = train(folder.path(), &options).ended(0);
        let model = folder.path().join(precision).join("checkpoints/step-20/model.safetensors");
        let (own, single) = (fs::read(&model).expect("saved"), fs::read(&single).expect("saved"));
        assert_eq!(own.len(), single.len(), "{precision}: what is trained and saved is f32");
        assert!(own != single, "{precision}: nothing was rounded");

        fs::remove_dir_all(folder.path().join(precision).join("checkpoints/step-20")).expect("it is there");
        fs::remove_dir_all(folder.path().join(precision).join("checkpoints/step-15")).expect("it is there");
        let resumed = train(folder.path(), &[&options[..], &["--resume"]].concat()).ended(0);
        assert_eq!(parameters(&resumed), parameters(&whole), "{precision}");

        let talk = ["generate", "--run", precision, "--prompt", "hello", "--max-tokens", "4", "--json"];
        assert!(call(folder.path(), &talk).ended(0).object()["tokens"].as_u64() > Some(0));
        let info = call(folder.path(), &["info", "--run", precision, "--json"]).ended(0);
        assert_eq!(info.object()["config"]["model"]["precision"], precision);
    }
}

#[test]
fn the_newest_run_is_taken_and_named() {
    let folder = folder();
    for _ in 0..2 {
        train(folder.path(), &["--steps", "2", "--quiet"]).ended(0);
    }
    let said = call_with(folder.path(), &["chat", "--max-tokens", "3"], "hello\n").ended(0);
    assert!(said.stderr.contains("run-0002"), "{}", said.stderr);
    let resumed = call(folder.path(), &["train", "--resume", "--json"]).ended(0);
    assert_eq!(resumed.object()["steps"], 2);
    assert!(!folder.path().join("runs/run-0003").exists(), "the newest was resumed");
}

#[test]
fn text_is_learned_as_bytes() {
    let folder = folder();
    let text = "It was the best of times, it was the worst of times. ".repeat(60);
    fs::write(folder.path().join("book.txt"), &text).expect("writable");
    let arguments = [
        "train", "--data", "book.txt", "--preset", "tiny", "--length", "64", "--batch", "2", "--steps", "4", "--run",
        "book", "--json",
    ];
    call(folder.path(), &arguments).ended(0);
    let evaluation = call(folder.path(), &["evaluate", "--run", "book", "--json"]).ended(0).object();
    assert_eq!(evaluation["tokens"], evaluation["bytes"], "a byte is a token");
    let generated =
        call(folder.path(), &["generate", "--run", "book", "--prompt", "It was", "--max-tokens", "5", "--json"])
            .ended(0);
    assert!(generated.object()["text"].is_string());
    call(folder.path(), &[&arguments[..9], &["--vocabulary", "400"]].concat()).refused(&["--vocabulary 400", "260"]);
    fs::write(folder.path().join("short.txt"), &text[..1000]).expect("writable");
    let short = ["train", "--data", "short.txt", "--preset", "tiny", "--length", "1024"];
    call(folder.path(), &short).refused(&["short.txt", "1000 bytes", "900", "1024 tokens", "--length"]);
    // Neither is opened: nobody would ever write into the one, and the other has no end.
    #[cfg(unix)]
    {
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo").success());
        for name in ["pipe", "/dev/zero"] {
            call(folder.path(), &["train", "--data", name]).refused(&[name, "a pipe, a socket or a device"]);
        }
    }
    fs::write(folder.path().join("huge.txt"), "It was a dark night.").expect("writable");
    let huge = fs::OpenOptions::new().write(true).open(folder.path().join("huge.txt")).expect("writable");
    if huge.set_len(1 << 43).is_ok() {
        call(folder.path(), &["train", "--data", "huge.txt"]).refused(&["huge.txt", "are free", "name a part of it"]);
    }
    fs::write(folder.path().join("empty.txt"), "").expect("writable");
    call(folder.path(), &["train", "--data", "empty.txt"]).refused(&["empty.txt"]);
    fs::write(folder.path().join("data.zip"), "PK").expect("writable");
    call(folder.path(), &["train", "--data", "data.zip"]).refused(&["data.zip", "no zip archive"]);
    fs::write(folder.path().join("data.tar"), "x").expect("writable");
    call(folder.path(), &["train", "--data", "data.tar"]).refused(&["data.tar", "unpack"]);
}

/// MultiWOZ is taken where it is, for an hour; else the sample, for ten minutes. Either is said.
#[test]
fn what_is_at_hand_is_trained_on() {
    let folder = folder();
    let small = ["train", "--layers", "1", "--width", "16", "--heads", "2", "--vocabulary", "300", "--length", "32"];
    let minutes = |run: &str, data: &Path| {
        let more = ["--batch", "1", "--run", run];
        let mut child = program(folder.path())
            .args([&small[..], &more].concat())
            .env("REFORMER_DATA", data)
            .spawn()
            .expect("it runs");
        let mut line = String::new();
        let mut lines = std::io::BufReader::new(child.stdout.take().expect("piped"));
        while !line.contains("step 1: ") {
            assert!(std::io::BufRead::read_line(&mut lines, &mut line).expect("text") > 0, "it ended early: {line}");
        }
        child.kill().expect("ours");
        child.wait().expect("ours");
        let config = fs::read_to_string(folder.path().join(run).join("config.json")).expect("it was written");
        let config: Value = serde_json::from_str(&config).expect("an object");
        (config["training"]["minutes"].as_f64(), line)
    };
    let (of_sample, said) = minutes("a", &folder.path().join("nowhere"));
    assert_eq!(of_sample, Some(10.0));
    assert!(said.contains("no MultiWOZ in") && said.contains("sample") && said.contains("10 min"), "{said}");
    call(folder.path(), &["data", "sample", "--out", "all/multiwoz-2.2"]).ended(0);
    for place in ["all", "all/multiwoz-2.2"] {
        let (of_data, said) = minutes(&format!("on-{}", place.replace('/', "-")), &folder.path().join(place));
        assert_eq!(of_data, Some(60.0));
        assert!(said.contains("all/multiwoz-2.2 (multiwoz-2.2)") && said.contains("1 h 00 min"), "{said}");
    }
}

/// After 20 steps the number of steps that fits is fixed; from then on it is a run of that many steps.
#[test]
fn minutes_become_steps() {
    let folder = folder();
    let said = train(folder.path(), &["--minutes", "0.05", "--run", "run", "--json"]).ended(0);
    let steps = said.object()["steps"].as_u64().expect("a number");
    let info = call(folder.path(), &["info", "--run", "run", "--json"]).ended(0).object();
    assert_eq!(info["config"]["training"]["steps"], steps, "they are in the config");
    assert_eq!(info["config"]["training"]["minutes"], 0.05);
    let again = train(folder.path(), &["--minutes", "0.05", "--run", "run", "--resume", "--json"]).ended(0);
    assert_eq!(again.object()["parameters_sha256"], said.object()["parameters_sha256"]);
    train(folder.path(), &["--minutes", "7", "--run", "run", "--resume"]).refused(&["training.minutes", "7"]);
}

#[test]
fn what_cannot_fit_is_refused_before_anything_is_written() {
    let folder = folder();
    train(folder.path(), &["--steps", "2", "--memory-limit", "1MB", "--run", "run"])
        .refused(&["--memory-limit", "MiB"]);
    assert!(!folder.path().join("run").exists());
}

#[test]
fn damaged_files_are_named() {
    let folder = folder();
    train(folder.path(), &["--steps", "10", "--run", "run", "--quiet"]).ended(0);
    let model = folder.path().join("run/checkpoints/step-10/model.safetensors");
    let bytes = fs::read(&model).expect("readable");
    fs::write(&model, &bytes[..bytes.len() / 2]).expect("writable");
    for command in [&["chat"][..], &["evaluate"], &["generate", "--prompt", "x"], &["train", "--resume"]] {
        call(folder.path(), &[command, &["--run", "run"]].concat()).refused(&["step-10/model.safetensors", "step-5"]);
    }
    // What the run is, is told in spite of it.
    fs::write(folder.path().join("run/checkpoints/step-10/state.json"), "[]").expect("writable");
    let metrics = folder.path().join("run/metrics.jsonl");
    let lines = fs::read(&metrics).expect("readable");
    fs::write(&metrics, [b"\xff\n", &lines[..]].concat()).expect("writable");
    let text = call(folder.path(), &["info", "--run", "run"]).ended(0).stdout;
    for part in ["the newest checkpoint is damaged", "step-10/state.json is damaged", "step-5\n", "the first is line 1"]
    {
        assert!(text.contains(part), "no {part:?} in\n{text}");
    }
    let info = call(folder.path(), &["info", "--run", "run", "--json"]).ended(0).object();
    assert_eq!((&info["step"], &info["finished"], &info["unreadable_metrics"]), (&10.into(), &false.into(), &1.into()));
    assert_eq!(info["last_step"]["event"], "step");
    assert_eq!((&info["last_step"]["step"], &info["last_evaluation"]["step"]), (&10.into(), &10.into()));
    assert!(info["checkpoints"][0]["damage"].is_null());
    assert!(info["checkpoints"][1]["damage"].as_str().is_some_and(|damage| damage.contains("state.json")), "{info}");
    fs::remove_dir_all(folder.path().join("run/checkpoints/step-10")).expect("writable");
    call(folder.path(), &["train", "--resume", "--run", "run", "--quiet"]).ended(0);
    fs::write(folder.path().join("run/config.json"), "{").expect("writable");
    for command in [&["chat"][..], &["info"], &["train", "--resume"]] {
        call(folder.path(), &[command, &["--run", "run"]].concat()).refused(&["run/config.json"]);
    }
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("writable");
    for entry in fs::read_dir(from).expect("readable") {
        let path = entry.expect("readable").path();
        let target = to.join(path.file_name().expect("an entry has a name"));
        if path.is_dir() {
            copy_folder(&path, &target);
        } else {
            fs::copy(&path, &target).expect("writable");
        }
    }
}
