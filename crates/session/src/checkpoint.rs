//! One checkpoint, `checkpoints/step-N/`. Sizes, hashes, step and format are checked whenever it is read, since disks lose bits and people
//! edit files. What is in the trainer's state is the trainer's business; the bytes of tensors are in `tensors.rs`, writing and keeping checkpoints in `checkpoints.rs`.

use crate::config::read_value;
use crate::tensors::{LARGEST_HEADER, TensorSpec, parameters_sha256, read_tensors, sha256, tensor_bytes};
use crate::{Belonging, RunFolder, SessionError, files, json};
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
/// Hexadecimal digits of a SHA-256.
const SHA256_DIGITS: usize = 64;

/// Whether it can be a hash.
pub(crate) fn is_sha256(text: &str) -> bool {
    text.len() == SHA256_DIGITS && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

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
    /// Which tokenizer and which model the parameters belong to; older checkpoints don't say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub belongs_to: Option<Belonging>,
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
        let mut hashes = vec![
            ("parameters_sha256", &state.parameters_sha256),
            ("model.sha256", &state.model.sha256),
            ("optimizer.sha256", &state.optimizer.sha256),
        ];
        if let Some(belonging) = &state.belongs_to {
            hashes.push(("belongs_to.model_sha256", &belonging.model_sha256));
            hashes.extend(belonging.tokenizer.iter().map(|own| ("belongs_to.tokenizer.sha256", &own.sha256)));
        }
        for (field, hash) in hashes {
            if !is_sha256(hash) {
                return Err(damaged(format!("`{field}` is {hash:?}, no SHA-256 of {SHA256_DIGITS} digits")));
            }
        }
        Ok(state)
    }

    /// That `state.json`, which could be read, says something impossible: what that is, is the trainer's to know.
    pub fn damaged_state(&self, message: &str) -> SessionError {
        SessionError::damaged(&self.path.join(STATE), message)
    }

    /// Checks size and hash of every file: whether a run can go on from here.
    ///
    /// # Errors
    /// [`SessionError::Damaged`] naming the file.
    pub fn verify(&self) -> Result<(), SessionError> {
        self.verify_parameters()?;
        self.verify_optimizer()
    }

    /// Checks size and hash of the optimizer's states: what a run needs to go on, and nobody else does.
    ///
    /// # Errors
    /// [`SessionError::Damaged`] naming the file.
    pub fn verify_optimizer(&self) -> Result<(), SessionError> {
        self.verify_file(OPTIMIZER, &self.state::<Value>()?.optimizer)
    }

    /// Checks the state, and size and hash of the parameters: all that is needed to talk to the model or to measure it.
    ///
    /// # Errors
    /// [`SessionError::Damaged`] naming the file.
    pub fn verify_parameters(&self) -> Result<(), SessionError> {
        self.verify_file(PARAMETERS, &self.state::<Value>()?.model)
    }

    fn verify_file(&self, name: &str, record: &FileRecord) -> Result<(), SessionError> {
        let path = self.path.join(name);
        let (file, bytes) = files::open(&path).map_err(|unusable| unusable.in_checkpoint(&path))?;
        if bytes != record.bytes {
            return Err(SessionError::damaged(&path, format!("it has {bytes} bytes, {} were saved", record.bytes)));
        }
        if sha256(file, bytes).map_err(SessionError::file("read", &path))? != record.sha256 {
            return Err(SessionError::damaged(&path, "its SHA-256 is not the one that was saved"));
        }
        Ok(())
    }

    /// Whether `config.json` and `tokenizer.json` of `run` are those that the parameters were trained with; false where the checkpoint,
    /// an older one, doesn't say.
    ///
    /// # Errors
    /// [`SessionError::Format`] that names the file, the field, both values and what to do.
    pub fn belongs_to(&self, run: &RunFolder, found: &Belonging) -> Result<bool, SessionError> {
        match self.state::<Value>()?.belongs_to {
            Some(own) => own.check(run, &format!("step-{}", self.step), found).map(|()| true),
            None => Ok(false),
        }
    }

    /// Whether the file of the parameters is small enough for a model with these. One that is missing is not: it is found later.
    pub(crate) fn check_size(&self, parameters: &[TensorSpec]) -> Result<(), SessionError> {
        let path = self.path.join(PARAMETERS);
        let most = tensor_bytes(parameters).saturating_add(LARGEST_HEADER);
        let bytes = fs::metadata(&path).map_or(0, |metadata| metadata.len());
        if bytes > most {
            let message = format!("it has {bytes} bytes, and a model as in config.json at most {most}");
            return Err(SessionError::damaged(&path, message));
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
