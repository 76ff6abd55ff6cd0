//! `state.json` of a checkpoint. What is impossible in the trainer's part, the trainer knows.

use crate::fixture::{Run, changed, no_json_at_all, refuse_all};
use serde_json::{Value, json};
use std::fs;

#[test]
fn what_is_no_json_is_no_state() {
    let run = Run::new();
    let path = run.newest().path().join("state.json");
    let text = fs::read_to_string(&path).unwrap();
    let mut rows = no_json_at_all(&text);
    rows.push((vec![b' '; (1 << 20) + 1], "it has 1048577 bytes, far more than the at most 1048576"));
    refuse_all(&path, &rows, || run.checkpoints().newest());
}

#[test]
fn a_state_that_lies_is_refused_and_the_older_checkpoint_named() {
    let run = Run::new();
    let path = run.newest().path().join("state.json");
    let good: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    let changes: [(fn(&mut Value), &str); 45] = [
        (|v| v["format"] = json!(2), "`format` is 2, this program reads 1"),
        (|v| v["format"] = json!(null), "`format` is null"),
        (|v| v["format"] = json!("1"), "`format` is \"1\""),
        (|v| v["step"] = json!(10), "`step` is 10 in the folder of step 20"),
        (|v| v["step"] = json!(u64::MAX), "`step` is 18446744073709551615 in the folder of step 20"),
        (|v| v["step"] = json!(-20), "`step` is -20"),
        (|v| v["step"] = json!(20.5), "`step` is 20.5"),
        (|v| v["step"] = json!("20"), "`step` is \"20\""),
        (|v| v["evaluation_loss"] = json!("low"), "`evaluation_loss` is \"low\""),
        (|v| v["evaluation_loss"] = json!([1.0]), "`evaluation_loss` is [1.0]"),
        (|v| v["parameters_sha256"] = json!(7), "`parameters_sha256` is 7"),
        (|v| v["parameters_sha256"] = json!(""), "`parameters_sha256` is \"\", no SHA-256 of 64 digits"),
        (|v| v["parameters_sha256"] = json!("x".repeat(64)), "`parameters_sha256` is \"xxx"),
        (|v| v["parameters_sha256"] = json!("a".repeat(1000)), "`parameters_sha256` is \"aaa"),
        (|v| v["model"] = json!(null), "`model` is null"),
        (|v| v["model"] = json!([]), "`model` is []"),
        (|v| v["model"]["bytes"] = json!(0), "model.safetensors is damaged: it has"),
        (|v| v["model"]["bytes"] = json!(u64::MAX), "bytes, 18446744073709551615 were saved"),
        (|v| v["model"]["bytes"] = json!(-1), "`model` is {\"bytes\":-1"),
        (|v| v["model"]["bytes"] = json!(1e30), "`model` is {\"bytes\":1e+30"),
        (|v| v["model"]["sha256"] = json!("00"), "`model.sha256` is \"00\", no SHA-256"),
        (|v| v["model"]["sha256"] = json!("0".repeat(64)), "its SHA-256 is not the one that was saved"),
        (|v| v["model"]["sha256"] = json!("A".repeat(64)), "`model.sha256` is \"AAA"),
        (|v| v["model"]["more"] = json!(1), "unknown field `more`"),
        (|v| v["model"] = v["optimizer"].clone(), "model.safetensors is damaged: "),
        (|v| v["optimizer"] = v["model"].clone(), "optimizer.safetensors is damaged: "),
        (|v| v["optimizer"]["bytes"] = json!(1), "optimizer.safetensors is damaged: it has"),
        (|v| v["optimizer"]["sha256"] = json!("0".repeat(64)), "optimizer.safetensors is damaged: its SHA-256"),
        (|v| v["belongs_to"] = json!(7), "`belongs_to` is 7"),
        (|v| v["belongs_to"]["more"] = json!(7), "unknown field `more`"),
        (|v| v["belongs_to"]["model"] = json!([]), "`belongs_to` is {\"model\":[]"),
        (|v| v["belongs_to"]["model_sha256"] = json!(""), "`belongs_to.model_sha256` is \"\", no SHA-256"),
        (
            |v| v["belongs_to"]["tokenizer"]["sha256"] = json!("no"),
            "`belongs_to.tokenizer.sha256` is \"no\", no SHA-256",
        ),
        (|v| v["belongs_to"]["tokenizer"]["tokens"] = json!(-1), "`belongs_to` is {"),
        (|v| remove(&mut v["belongs_to"], "model"), "missing field `model`"),
        (|v| v["extra"] = json!(1), "unknown field `extra`"),
        (|v| v["\u{7}"] = json!(1), "unknown field `\\u{7}`"),
        (|v| remove(v, "format"), "`format` is null"),
        (|v| remove(v, "step"), "missing field `step`"),
        (|v| remove(v, "model"), "missing field `model`"),
        (|v| remove(v, "optimizer"), "missing field `optimizer`"),
        (|v| remove(v, "parameters_sha256"), "missing field `parameters_sha256`"),
        (|v| *v = json!([]), "`format` is null"),
        (|v| *v = json!("state"), "`format` is null"),
        (|v| *v = json!(null), "`format` is null"),
    ];
    let rows: Vec<(Vec<u8>, &str)> = changed(&good, &changes);
    refuse_all(path.parent().unwrap().join("state.json").as_path(), &rows, || {
        // Each names the older one, whichever file is blamed.
        run.checkpoints().newest().map_err(|error| {
            // Windows writes paths with backslashes.
            let text = error.to_string().replace('\\', "/");
            assert!(text.contains("step-20/"), "{text}");
            assert!(text.contains("the last good checkpoint is") && text.contains("step-10: remove step-20"), "{text}");
            named_state(error)
        })
    });
    assert_eq!(run.checkpoints().latest_good().unwrap().unwrap().step(), 10);
}

/// The harness wants the name of the file that was changed; another may be blamed, rightly.
fn named_state(error: reformer_session::SessionError) -> reformer_session::SessionError {
    match error {
        reformer_session::SessionError::Damaged { path, message, advice } => {
            let advice = format!("{advice} (the changed file is state.json)");
            reformer_session::SessionError::Damaged { path, message, advice }
        }
        error => error,
    }
}

fn remove(value: &mut Value, key: &str) {
    value.as_object_mut().unwrap().remove(key);
}

#[test]
fn a_hash_of_other_parameters_is_a_lie() {
    let run = Run::new();
    let path = run.newest().path().join("state.json");
    let mut state: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    state["parameters_sha256"] = json!("0".repeat(64));
    fs::write(&path, state.to_string()).unwrap();
    let error = run.load().unwrap_err().to_string();
    for part in
        ["state.json is damaged: `parameters_sha256` is 000", "the last good checkpoint is", "step-10: remove step-20"]
    {
        assert!(error.contains(part), "expected {part:?} in: {error}");
    }
}
