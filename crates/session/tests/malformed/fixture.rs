//! A run with two checkpoints of a tiny model, and how a table of malformed files is held against what is said of them.

use crate::models::{config, fill, random_store};
use reformer_cpu::Cpu;
use reformer_model::{LayerKind, ModelConfig};
use reformer_session::{
    Belonging, Changes, Checkpoint, Checkpoints, LoadedModel, RunConfig, RunFolder, SessionError, Snapshot, TensorSpec,
    Tokenizer, parameter_specs,
};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// What a malformed file may take: far more than any needs, far less than believing it would.
const LONGEST: Duration = Duration::from_secs(5);

/// A run in a temporary folder.
pub struct Run {
    pub folder: tempfile::TempDir,
    pub run: RunFolder,
}

impl Run {
    /// With checkpoints of steps 10 and 20.
    pub fn new() -> Self {
        Self::saved(true)
    }

    /// The same of an older version, which did not note what its checkpoints belong to.
    pub fn older() -> Self {
        Self::saved(false)
    }

    fn saved(names_what_it_belongs_to: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let run = RunFolder::create(folder.path()).unwrap();
        let model = model();
        run.write_config(&RunConfig::new(model.clone(), json!({"steps": 20}), json!({"source": "test"}))).unwrap();
        run.write_tokenizer(&Tokenizer::bytes()).unwrap();
        let run = Self { folder, run };
        for step in [10, 20] {
            let mut store = random_store(&Cpu::new(1), &model, step);
            fill(store.as_mut(), &optimizer(), step);
            let (parameters, optimizer) = (parameter_specs(&model), optimizer());
            let belonging = Belonging::new(&model, Some(&Tokenizer::bytes())).unwrap();
            let snapshot = Snapshot {
                step,
                evaluation_loss: None,
                parameters: &parameters,
                optimizer: &optimizer,
                belongs_to: names_what_it_belongs_to.then_some(&belonging),
                trainer: &(),
            };
            run.checkpoints().save(store.as_ref(), &snapshot).unwrap();
        }
        run
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn checkpoints(&self) -> Checkpoints {
        self.run.checkpoints()
    }

    pub fn newest(&self) -> Checkpoint {
        self.checkpoints().all().unwrap().pop().unwrap()
    }

    /// What somebody who wants to talk to it gets.
    pub fn load(&self) -> Result<u64, SessionError> {
        LoadedModel::open(&self.run, &Cpu::new(1), &Changes::default()).map(|model| model.step)
    }
}

pub fn model() -> ModelConfig {
    config(&[LayerKind::Lsh])
}

pub fn optimizer() -> Vec<TensorSpec> {
    parameter_specs(&model())
        .into_iter()
        .map(|spec| TensorSpec { name: format!("moment1.{}", spec.name), ..spec })
        .collect()
}

/// Replaces `path` by every file of the table, and expects an error that names the file and says `expected`.
pub fn refuse_all<T>(path: &Path, rows: &[(Vec<u8>, &str)], read: impl Fn() -> Result<T, SessionError>) {
    let name = path.file_name().unwrap().to_str().unwrap();
    for (number, (bytes, expected)) in rows.iter().enumerate() {
        fs::write(path, bytes).unwrap();
        let start = Instant::now();
        let error = match read() {
            Ok(_) => panic!("row {number}: no error, expected {expected:?}"),
            Err(error) => error.to_string(),
        };
        assert!(error.contains(name) && error.contains(expected), "row {number}: expected {expected:?} in: {error}");
        assert!(error.len() < 1500, "row {number}: a message of {} bytes: {error}", error.len());
        assert!(!error.chars().any(char::is_control), "row {number}: {error:?}");
        assert!(start.elapsed() < LONGEST, "row {number} took {:?}: {error}", start.elapsed());
    }
}

/// What no JSON file may be, whatever should be in it.
pub fn no_json_at_all(good: &str) -> Vec<(Vec<u8>, &'static str)> {
    let with = |start: &[u8]| [start, good.as_bytes()].concat();
    let utf16 = |order: fn(u16) -> [u8; 2]| good.encode_utf16().flat_map(order).collect::<Vec<u8>>();
    vec![
        (vec![], "EOF while parsing a value"),
        (b" \n\t".to_vec(), "EOF while parsing a value"),
        (good.as_bytes()[..good.len() / 2].to_vec(), "not JSON: EOF"),
        (good.trim_end().as_bytes()[..good.trim_end().len() - 1].to_vec(), "not JSON: EOF"),
        ((good.to_owned() + "}").into_bytes(), "not JSON: trailing characters"),
        ((good.to_owned() + good).into_bytes(), "not JSON: trailing characters"),
        (with(b"\xef\xbb\xbf"), "it begins with a byte-order mark"),
        ([b"\xff\xfe".to_vec(), utf16(u16::to_le_bytes)].concat(), "byte 0 does not belong to a character"),
        ([b"\xfe\xff".to_vec(), utf16(u16::to_be_bytes)].concat(), "byte 0 does not belong to a character"),
        (b"{\0\"\0".to_vec(), "not JSON: key must be a string"),
        (with(b"{\"a\": \"\xff\"}"), "byte 7 does not belong to a character"),
        (with(b"{\"a\": \"\xc3"), "does not belong to a character"),
        (b"{\"a\": \"\\ud800\"}".to_vec(), "not JSON: "),
        (b"{\"a\": 1e999}".to_vec(), "not JSON: number out of range"),
        (b"{\"a\": NaN}".to_vec(), "not JSON: expected value"),
        (b"{'a': 1}".to_vec(), "not JSON: key must be a string"),
        (b"{\"a\": 1, \"a\": 1}".to_vec(), "not JSON: the key \"a\" is there twice"),
        (b"{\"a\": {\"b\": [{\"c\": 1, \"c\": 2}]}}".to_vec(), "not JSON: the key \"c\" is there twice"),
        ("[".repeat(1 << 19).into_bytes(), "not JSON: recursion limit exceeded"),
        ("{\"a\":".repeat(1 << 17).into_bytes(), "not JSON: recursion limit exceeded"),
        (vec![0; 1 << 16], "not JSON: expected value"),
        (b"\x1b[2J\x07".to_vec(), "not JSON: expected value"),
    ]
}

/// A table of changes to a JSON file, as its texts.
pub fn changed(good: &Value, changes: &[(fn(&mut Value), &'static str)]) -> Vec<(Vec<u8>, &'static str)> {
    let change = |(change, expected): &(fn(&mut Value), &'static str)| {
        let mut value = good.clone();
        change(&mut value);
        assert_ne!(&value, good, "the change that should give {expected:?} changes nothing");
        (value.to_string().into_bytes(), *expected)
    };
    changes.iter().map(change).collect()
}
