//! Resuming what is damaged: the file, the field and the checkpoint to go on from are named, and nothing of the run is touched.

use crate::fixture::{Run, training};
use reformer_trainer::{Control, Event, TrainError};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

/// A run of 8 steps that was stopped after 6, with checkpoints of the steps 2, 4 and 6.
fn stopped(folder: &Path) -> Run {
    let mut training = training(8);
    (training.save_every, training.evaluate_every) = (2, 4);
    let run = Run::new(folder, &training);
    let outcome = run.run(false, &mut |event| match event {
        Event::Step(event) if event.step == 6 => Control::Stop,
        _ => Control::Continue,
    });
    outcome.unwrap();
    run
}

fn error(run: &Run, expected: &str) -> String {
    match run.trainer(true) {
        Ok(_) => panic!("no error, expected {expected:?}"),
        Err(error) => error.to_string(),
    }
}

fn state(folder: &Path) -> PathBuf {
    folder.join("checkpoints/step-6/state.json")
}

#[test]
fn a_state_that_no_run_can_have_saved_is_refused_by_field() {
    let rows: [(fn(&mut Value), &str); 27] = [
        (|v| v["tokens"] = json!(u64::MAX), "`trainer.tokens` is 18446744073709551615, 6 steps have at most"),
        (|v| v["tokens"] = json!(-1), "`trainer` is {"),
        (|v| v["position"]["epoch"] = json!(u32::MAX), "`trainer.position` is epoch 4294967295"),
        (|v| v["position"]["epoch"] = json!(1u64 << 40), "`trainer` is {"),
        (|v| v["position"]["batches"] = json!(1000), "batch 1000, 6 steps take "),
        (|v| v["position"]["batches"] = json!(u64::MAX), "batch 18446744073709551615"),
        (|v| v["position"] = json!(null), "`trainer` is {"),
        (|v| v["position"]["more"] = json!(1), "unknown field `more`"),
        (|v| v["seconds"] = json!(-1.0), "`trainer.seconds` is -1, it must be from 0"),
        (|v| v["seconds"] = json!(1e300), "`trainer.seconds` is 1000"),
        (|v| v["seconds"] = json!(null), "`trainer` is {"),
        (|v| v["step_seconds"] = json!(-0.5), "`trainer.step_seconds` is -0.5"),
        (|v| v["step_seconds"] = json!("long"), "`trainer` is {"),
        (|v| v["last_losses"] = json!([]), "`trainer.last_losses` has 0 losses, it must have 6 after 6 steps"),
        (|v| v["last_losses"] = json!(vec![1.0; 7]), "`trainer.last_losses` has 7 losses, it must have 6"),
        (|v| v["last_losses"] = json!(vec![1.0; 10_000]), "`trainer.last_losses` has 10000 losses"),
        (|v| v["last_losses"][2] = json!(null), "`trainer` is {"),
        (|v| v["last_losses"] = json!(1.0), "`trainer` is {"),
        (
            |v| (v["finished"], v["evaluation_due"]) = (json!(true), json!(true)),
            "`trainer.finished` and `trainer.evaluation_due` are both true",
        ),
        (|v| v["evaluation_due"] = json!(1), "`trainer` is {"),
        (|v| v["finished"] = json!("no"), "`trainer` is {"),
        (|v| v["data"] = json!("other"), "the training data of"),
        (|v| v["data"] = json!(7), "`trainer` is {"),
        (|v| v["more"] = json!(7), "unknown field `more`"),
        (|v| drop(v.as_object_mut().unwrap().remove("tokens")), "missing field `tokens`"),
        (|v| *v = json!([]), "`trainer` is []"),
        (|v| *v = json!(null), "`trainer` is null"),
    ];
    let folder = tempfile::tempdir().unwrap();
    let run = stopped(folder.path());
    let path = state(folder.path());
    let whole = fs::read_to_string(&path).unwrap();
    let metrics = fs::read(folder.path().join("metrics.jsonl")).unwrap();
    for (change, expected) in rows {
        let mut value: Value = serde_json::from_str(&whole).unwrap();
        change(&mut value["trainer"]);
        fs::write(&path, value.to_string()).unwrap();
        let error = error(&run, expected);
        assert!(error.contains(expected), "expected {expected:?} in: {error}");
        if !expected.starts_with("the training data") {
            for part in ["step-6/state.json is damaged", "last good checkpoint is", "step-4: remove step-6"] {
                assert!(error.contains(part), "expected {part:?} in: {error}");
            }
        }
        assert_eq!(fs::read(folder.path().join("metrics.jsonl")).unwrap(), metrics, "{expected}");
    }
    fs::write(&path, whole).unwrap();
    assert!(run.trainer(true).is_ok());
}

#[test]
fn a_checkpoint_beyond_the_end_of_the_run_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let run = stopped(folder.path());
    let inside = folder.path().join("checkpoints");
    fs::rename(inside.join("step-6"), inside.join("step-9")).unwrap();
    let path = inside.join("step-9/state.json");
    let mut value: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    value["step"] = json!(9);
    fs::write(&path, value.to_string()).unwrap();
    let error = error(&run, "`step` is 9");
    assert!(error.contains("`step` is 9, the run has 8 steps; the last good checkpoint is"), "{error}");
}

#[test]
fn what_the_message_says_goes_on_to_the_same_end() {
    let (folder, whole) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let run = stopped(folder.path());
    let mut training = training(8);
    (training.save_every, training.evaluate_every) = (2, 4);
    let (expected, _) = Run::new(whole.path(), &training).finish(false);
    let optimizer = folder.path().join("checkpoints/step-6/optimizer.safetensors");
    fs::copy(folder.path().join("checkpoints/step-6/model.safetensors"), &optimizer).unwrap();
    let message = error(&run, "optimizer.safetensors is damaged");
    assert!(
        message.contains("optimizer.safetensors is damaged") && message.contains("step-4: remove step-6"),
        "{message}"
    );
    fs::remove_dir_all(folder.path().join("checkpoints/step-6")).unwrap();
    let (done, _) = run.finish(true);
    assert_eq!(done.parameters_sha256, expected.parameters_sha256);
    let metrics = |folder: &Path| fs::read_to_string(folder.join("metrics.jsonl")).unwrap().lines().count();
    assert_eq!(metrics(folder.path()), metrics(whole.path()));
}

#[test]
fn folders_in_the_place_of_what_is_written_are_found_before_the_first_step() {
    for (name, expected) in [
        ("metrics.jsonl", "metrics.jsonl: a file with a line for each step belongs here"),
        ("loss.svg", "loss.svg: it is a folder, the picture of the loss belongs here"),
        ("config.json", "config.json"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let run = Run::new(folder.path(), &training(4));
        fs::create_dir(folder.path().join(name)).unwrap();
        let error = match run.run(false, &mut |event| panic!("it began: {event:?}")) {
            Err(error) => error,
            Ok(_) => panic!("{name}: expected an error"),
        };
        assert!(!matches!(error, TrainError::Run(_)), "{error}");
        assert!(error.to_string().contains(expected), "expected {expected:?} in: {error}");
    }
}
