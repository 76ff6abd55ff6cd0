//! Files of other runs in a run's folder: told by file, field and both values; and weights that are exported and read alone.

mod models;

use models::{config, random_store};
use reformer_cpu::Cpu;
use reformer_model::{LayerKind, ModelConfig};
use reformer_session::{
    Belonging, Changes, LoadedModel, RunConfig, RunFolder, SessionError, Snapshot, Tokenizer, parameter_specs,
    parameters_sha256,
};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

fn model() -> ModelConfig {
    ModelConfig { vocabulary: 300, ..config(&[LayerKind::Lsh]) }
}

fn tokenizer(text: &str) -> Tokenizer {
    Tokenizer::train_byte_pair([text; 9].into_iter(), 280, 0).unwrap()
}

/// A run with a checkpoint of step 3.
fn run(folder: &Path, names_what_it_belongs_to: bool) -> RunFolder {
    let run = RunFolder::create(folder).unwrap();
    let own = tokenizer("a cheap hotel in the north");
    run.write_config(&RunConfig::new(model(), json!({"steps": 3}), json!({"source": "test"}))).unwrap();
    run.write_tokenizer(&own).unwrap();
    let belonging = Belonging::new(&model(), Some(&own)).unwrap();
    let snapshot = Snapshot {
        step: 3,
        evaluation_loss: None,
        parameters: &parameter_specs(&model()),
        optimizer: &[],
        belongs_to: names_what_it_belongs_to.then_some(&belonging),
        trainer: &(),
    };
    run.checkpoints().save(random_store(&Cpu::new(1), &model(), 5).as_ref(), &snapshot).unwrap();
    run
}

fn open(run: &RunFolder) -> Result<LoadedModel, String> {
    LoadedModel::open(run, &Cpu::new(1), &Changes::default()).map_err(|error| error.to_string().replace('\\', "/"))
}

fn edit(path: &Path, change: impl FnOnce(&mut Value)) {
    let mut value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    change(&mut value);
    fs::write(path, value.to_string()).unwrap();
}

fn refused(run: &RunFolder, parts: &[&str]) {
    let Err(error) = open(run) else { panic!("no error, expected {parts:?}") };
    for part in parts {
        assert!(error.contains(part), "expected {part:?} in: {error}");
    }
}

#[test]
fn a_tokenizer_of_another_run_is_told_and_the_same_one_written_otherwise_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let run = run(folder.path(), true);
    assert!(open(&run).unwrap().is_vouched_for);
    // Blanks mean nothing, nor does the order of keys.
    edit(&run.tokenizer_path(), |_| {});
    assert!(open(&run).unwrap().is_vouched_for);
    run.write_tokenizer(&tokenizer("please book the train")).unwrap();
    refused(
        &run,
        &[
            "/tokenizer.json: it is another tokenizer (",
            " tokens, SHA-256 ",
            "than the one that step-3 was",
            "bring back",
        ],
    );
    run.write_tokenizer(&Tokenizer::bytes()).unwrap();
    refused(&run, &["/tokenizer.json: it is another tokenizer (260 tokens, SHA-256 d06a9709"]);
}

#[test]
fn a_config_that_was_edited_is_told_by_field_with_both_values() {
    let folder = tempfile::tempdir().unwrap();
    let run = run(folder.path(), true);
    let path = run.config_path();
    let whole = fs::read_to_string(&path).unwrap();
    let rows: [(fn(&mut Value), &[&str]); 4] = [
        (
            |v| v["window"] = json!(32),
            &["`model.window` is 32 here, 4 in step-3: write back what the run was trained with"],
        ),
        (|v| v["rounds"] = json!(8), &["`model.rounds` is 8 here, 2 in step-3", "take --rounds N"]),
        (|v| v["precision"] = json!("bf16"), &["`model.precision` is \"bf16\" here, its default in step-3"]),
        (
            |v| (v["activation"], v["buckets"]) = (json!("relu"), json!([4])),
            &["`model.activation` is \"relu\" here, \"gelu\" in step-3; `model.buckets` is [4] here, [2] in step-3"],
        ),
    ];
    for (change, parts) in rows {
        edit(&path, |config| change(&mut config["model"]));
        refused(&run, &[&["/config.json: "], parts].concat());
        fs::write(&path, &whole).unwrap();
    }
    // What says nothing else is no difference.
    edit(&path, |config| drop(config["model"].as_object_mut().unwrap().remove("precision")));
    assert!(open(&run).is_ok());
    let changes = Changes { rounds: Some(8) };
    let changed = LoadedModel::open(&run, &Cpu::new(1), &changes).unwrap();
    assert_eq!((changed.config.model.rounds, changed.is_vouched_for), (8, true));
    let error = LoadedModel::open(&run, &Cpu::new(1), &Changes { rounds: Some(300) }).err().unwrap().to_string();
    assert_eq!(error, "model config: `rounds` is 300: it must be at least 1 and at most 256");
    edit(&run.checkpoints().all().unwrap()[0].path().join("state.json"), |state| {
        state["belongs_to"]["model_sha256"] = json!("0".repeat(64));
    });
    refused(
        &run,
        &["step-3 was saved with this very model, but says that its SHA-256 is 0000", "take another checkpoint"],
    );
}

#[test]
fn an_older_checkpoint_that_says_nothing_opens_and_is_not_vouched_for() {
    let folder = tempfile::tempdir().unwrap();
    let run = run(folder.path(), false);
    assert!(!open(&run).unwrap().is_vouched_for);
    edit(&run.config_path(), |config| config["model"]["window"] = json!(32));
    assert!(!open(&run).unwrap().is_vouched_for, "nothing to hold it against");
}

#[test]
fn exported_weights_are_read_alone_and_are_the_same_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    let run = run(&folder.path().join("run"), true);
    let checkpoint = run.checkpoints().newest_model(&parameter_specs(&model())).unwrap().unwrap();
    fs::remove_file(checkpoint.path().join("optimizer.safetensors")).unwrap();
    let to = folder.path().join("weights");
    let export = |to: &Path, force| run.export(&checkpoint, to, force, |_| ());
    let exported = export(&to, false).unwrap();
    assert_eq!(exported.step, 3);
    let mut names: Vec<_> = fs::read_dir(&to).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["config.json", "model.safetensors", "tokenizer.json"]);
    let alone = RunFolder::open(&to).unwrap();
    assert!(alone.is_exported() && !run.is_exported());
    let model_of = |run| open(run).unwrap();
    let hash =
        |model: &LoadedModel| parameters_sha256(model.store.as_ref(), &parameter_specs(&model.config.model)).unwrap();
    assert_eq!(hash(&model_of(&alone)), hash(&model_of(&run)));
    assert_eq!(exported.parameters_sha256, hash(&model_of(&run)));
    let bytes = fs::read(to.join("model.safetensors")).unwrap();
    assert!(export(&to, false).unwrap_err().to_string().contains("say --force"));
    export(&to, true).unwrap();
    assert_eq!(fs::read(to.join("model.safetensors")).unwrap(), bytes, "the same weights give the same file");
    fs::write(to.join("notes.txt"), "mine").unwrap();
    let error = export(&to, true).unwrap_err().to_string();
    assert!(error.contains("it holds notes.txt, which `export` did not write"), "{error}");
    assert_eq!(fs::read_to_string(to.join("notes.txt")).unwrap(), "mine");

    edit(&alone.config_path(), |config| config["model"]["rounds"] = json!(7));
    refused(&alone, &["/config.json: `model.rounds` is 7 here, 2 in model.safetensors"]);
    edit(&alone.config_path(), |config| config["model"]["rounds"] = json!(2));
    let mut changed = bytes.clone();
    let last = changed.len() - 2;
    changed[last] ^= 1;
    fs::write(to.join("model.safetensors"), &changed).unwrap();
    refused(&alone, &["model.safetensors is damaged: `parameters_sha256` in its header is "]);
    fs::copy(checkpoint.path().join("model.safetensors"), to.join("model.safetensors")).unwrap();
    refused(&alone, &["its header doesn't say `model`: it was not written by `export`"]);
    for length in [0, 4, 100] {
        fs::write(to.join("model.safetensors"), &bytes[..length]).unwrap();
        refused(&alone, &["model.safetensors is damaged: "]);
    }
}

/// What `--force` may replace is what `export` wrote, and nothing that merely has such names.
#[test]
fn no_folder_of_anybody_else_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let run = run(&folder.path().join("run"), true);
    let checkpoint = run.checkpoints().newest_model(&parameter_specs(&model())).unwrap().unwrap();
    let to = folder.path().join("to");
    let export = |force| run.export(&checkpoint, &to, force, |_| ());
    let names = |folder: &Path| {
        let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };

    // Another program's: its weights are a checkpoint's here, which say nothing of `export`.
    fs::create_dir(&to).unwrap();
    fs::copy(run.config_path(), to.join("config.json")).unwrap();
    fs::copy(run.tokenizer_path(), to.join("tokenizer.json")).unwrap();
    fs::copy(checkpoint.path().join("model.safetensors"), to.join("model.safetensors")).unwrap();
    let error = export(true).unwrap_err().to_string();
    assert!(error.contains("it holds model.safetensors, which `export` did not write"), "{error}");
    assert_eq!(names(&to).len(), 3);

    // A run that has just started, and so has no weights yet.
    fs::remove_file(to.join("model.safetensors")).unwrap();
    let lock = RunFolder::create(&to).unwrap().lock().unwrap();
    let error = export(true).unwrap_err().to_string();
    assert!(error.contains("which `export` did not write"), "{error}");
    drop(lock);
    fs::remove_dir_all(&to).unwrap();

    // Somebody puts something there while the weights are copied: into a new folder, and beside weights that were exported.
    let meanwhile = |force: bool| {
        run.export(&checkpoint, &to, force, |unfinished| {
            assert_eq!(unfinished.parent(), to.parent());
            fs::create_dir_all(&to).unwrap();
            fs::write(to.join("theirs.txt"), "keep").unwrap();
        })
    };
    meanwhile(false).unwrap_err();
    assert_eq!(names(&to), ["theirs.txt"]);
    fs::remove_file(to.join("theirs.txt")).unwrap();
    export(false).expect("an empty folder is free");
    let error = meanwhile(true).unwrap_err().to_string();
    assert!(error.contains("to: it holds theirs.txt, which `export` did not write"), "{error}");
    assert_eq!(fs::read_to_string(to.join("theirs.txt")).unwrap(), "keep");
    assert!(to.join("model.safetensors").exists());
    fs::remove_file(to.join("theirs.txt")).unwrap();

    // Somebody trains from them, or writes there.
    let lock = RunFolder::open(&to).unwrap().lock().unwrap();
    assert!(matches!(export(true), Err(SessionError::Locked { .. })));
    drop(lock);
    export(true).unwrap();
    assert_eq!(names(&to), ["config.json", "model.safetensors", "tokenizer.json"]);
    assert_eq!(names(folder.path()), ["run", "to"], "something unfinished was left");
}
