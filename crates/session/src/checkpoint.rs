//! One checkpoint, `checkpoints/step-N/`: checked when it is read, and believed in nothing. What is in the trainer's state is the
//! trainer's business; the bytes of tensors are in `tensors.rs`, writing and keeping checkpoints in `checkpoints.rs`.

use crate::config::read_value;
use crate::tensors::{LARGEST_HEADER, TensorSpec, parameters_sha256, read_tensors, sha256, tensor_bytes};
use crate::{SessionError, files, json};
use reformer_tensor::Store;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The format that this program writes and the only one that it reads.
pub(crate) const FORMAT: u32 = 1;
pub(crate) const PARAMETERS: &str = "model.safetensors";
pub(crate) const OPTIMIZER: &str = "optimizer.safetensors";
pub(crate) const STATE: &str = "state.json";
/// A state has about a kilobyte: two hashes, some counters, the last losses.
const LARGEST_STATE: u64 = 1 << 20;
/// The most states that an optimizer keeps for a parameter; AdamW keeps two.
const MOST_OPTIMIZER_STATES: u64 = 4;
/// Hexadecimal digits of a SHA-256.
const SHA256_DIGITS: usize = 64;

/// The size and hash that a file of a checkpoint must have.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileRecord {
    /// Its size.
    pub bytes: u64,
    /// SHA-256 of its bytes, hexadecimal.
    pub sha256: String,
}

/// `state.json`. `T` is the trainer's own part.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedState<T> {
    /// The format.
    pub format: u32,
    /// Steps that were trained.
    pub step: u64,
    /// The loss of the evaluation at this step, if there was one: what `best` means.
    pub evaluation_loss: Option<f64>,
    /// See [`crate::parameters_sha256`].
    pub parameters_sha256: String,
    /// `model.safetensors`.
    pub model: FileRecord,
    /// `optimizer.safetensors`.
    pub optimizer: FileRecord,
    /// What the trainer needs to go on.
    pub trainer: T,
}

/// One checkpoint; that its folder exists is all that is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    path: PathBuf,
    step: u64,
}

impl Checkpoint {
    pub(crate) fn at(path: PathBuf, step: u64) -> Self {
        Self { path, step }
    }

    /// Steps trained when it was saved.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// Its folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads `state.json`.
    ///
    /// # Errors
    /// [`SessionError::Damaged`] if it is missing, no JSON, of another format, not of this step, or holds a loss or a hash that is none.
    pub fn state<T: DeserializeOwned>(&self) -> Result<SavedState<T>, SessionError> {
        let path = self.path.join(STATE);
        let damaged = |message: String| SessionError::damaged(&path, message);
        self.check_folder()?;
        let text = files::read_text(&path, LARGEST_STATE).map_err(|unusable| unusable.in_checkpoint(&path))?;
        let value = json::parse(&text).map_err(damaged)?;
        // Before anything else: the fields of another format are unknown by right.
        if value["format"] != FORMAT {
            return Err(damaged(format!("`format` is {}, this program reads {FORMAT}", value["format"])));
        }
        let state: SavedState<T> = read_value(&value).map_err(damaged)?;
        if state.step != self.step {
            return Err(damaged(format!("`step` is {} in the folder of step {}", state.step, self.step)));
        }
        for (field, hash) in [
            ("parameters_sha256", &state.parameters_sha256),
            ("model.sha256", &state.model.sha256),
            ("optimizer.sha256", &state.optimizer.sha256),
        ] {
            if hash.len() != SHA256_DIGITS || !hash.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
                return Err(damaged(format!("`{field}` is {hash:?}, no SHA-256 of {SHA256_DIGITS} digits")));
            }
        }
        Ok(state)
    }

    /// That `state.json`, which could be read, says something impossible: what that is, is the trainer's to know.
    pub fn damaged_state(&self, message: &str) -> SessionError {
        SessionError::damaged(&self.path.join(STATE), message)
    }

    /// Checks size and hash of every file.
    ///
    /// # Errors
    /// [`SessionError::Damaged`] naming the file.
    pub fn verify(&self) -> Result<(), SessionError> {
        let state = self.state::<Value>()?;
        for (name, record) in [(PARAMETERS, &state.model), (OPTIMIZER, &state.optimizer)] {
            let path = self.path.join(name);
            let (file, bytes) = files::open(&path).map_err(|unusable| unusable.in_checkpoint(&path))?;
            if bytes != record.bytes {
                return Err(SessionError::damaged(&path, format!("it has {bytes} bytes, {} were saved", record.bytes)));
            }
            if sha256(file, bytes).map_err(SessionError::file("read", &path))? != record.sha256 {
                return Err(SessionError::damaged(&path, "its SHA-256 is not the one that was saved"));
            }
        }
        Ok(())
    }

    /// Whether the files are small enough for a model with these parameters. One that is missing is not: it is found later.
    pub(crate) fn check_sizes(&self, parameters: &[TensorSpec]) -> Result<(), SessionError> {
        let expected = tensor_bytes(parameters);
        for (name, states) in [(PARAMETERS, 1), (OPTIMIZER, MOST_OPTIMIZER_STATES)] {
            let path = self.path.join(name);
            let most = expected.saturating_mul(states).saturating_add(LARGEST_HEADER);
            let bytes = fs::metadata(&path).map_or(0, |metadata| metadata.len());
            if bytes > most {
                let message = format!("it has {bytes} bytes, and a model as in config.json at most {most}");
                return Err(SessionError::damaged(&path, message));
            }
        }
        Ok(())
    }

    /// Reads the parameters into `store`. Call [`Checkpoint::verify`] first, or take it from [`Checkpoints::newest`].
    ///
    /// # Errors
    /// [`SessionError::Damaged`] if the file's names, shapes, types, sizes or numbers are not as they must be, or its numbers are not those
    /// that `state.json` has the hash of.
    ///
    /// [`Checkpoints::newest`]: crate::Checkpoints::newest
    pub fn read_parameters(&self, specs: &[TensorSpec], store: &mut dyn Store) -> Result<(), SessionError> {
        read_tensors(&self.path.join(PARAMETERS), specs, store)?;
        let (said, read) = (self.state::<Value>()?.parameters_sha256, parameters_sha256(store, specs)?);
        if said != read {
            return Err(self.damaged_state(&format!("`parameters_sha256` is {said}, the parameters give {read}")));
        }
        Ok(())
    }

    /// Reads the optimizer's states into `store`; otherwise as [`Checkpoint::read_parameters`].
    ///
    /// # Errors
    /// As there.
    pub fn read_optimizer(&self, specs: &[TensorSpec], store: &mut dyn Store) -> Result<(), SessionError> {
        read_tensors(&self.path.join(OPTIMIZER), specs, store)
    }

    /// A file or a dead link with the name of a checkpoint is a damaged one.
    fn check_folder(&self) -> Result<(), SessionError> {
        match fs::metadata(&self.path) {
            Ok(metadata) if metadata.is_dir() => Ok(()),
            Ok(_) => Err(SessionError::damaged(&self.path, "a folder belongs here")),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                Err(SessionError::file("read", &self.path)(error))
            }
            Err(error) => Err(SessionError::damaged(&self.path, error.to_string())),
        }
    }
}
