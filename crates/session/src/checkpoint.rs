//! `checkpoints/step-N/` of a run: written in one step, checked when read, the newest three and the best kept. What is in
//! the trainer's state is the trainer's business; the bytes of tensors are in `tensors.rs`.
//!
//! A kill at any moment leaves the old folders or the new ones. Names that begin with a dot are work in progress:
//! `.new-*` was not finished, `.gone-step-N` is being deleted, `.old-step-N` was being replaced. [`Checkpoints::clean`]
//! finishes or undoes what a kill has left.

use crate::SessionError;
use crate::durable::sync_folder;
use crate::run::numbered;
use crate::tensors::{TensorSpec, measure, parameters_sha256, read_tensors, write_tensors};
use reformer_tensor::Store;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

/// The format that this program writes and the only one that it reads.
const FORMAT: u32 = 1;
/// How many of the newest checkpoints are kept.
const NEWEST_KEPT: usize = 3;
const PREFIX: &str = "step-";
const UNFINISHED: &str = ".new-";
const REPLACED: &str = ".old-";
const DELETED: &str = ".gone-";
const PARAMETERS: &str = "model.safetensors";
const OPTIMIZER: &str = "optimizer.safetensors";
const STATE: &str = "state.json";

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

/// What to save.
#[derive(Clone, Copy, Debug)]
pub struct Snapshot<'a, T> {
    /// Steps trained so far.
    pub step: u64,
    /// The loss of an evaluation at this step.
    pub evaluation_loss: Option<f64>,
    /// The states that are the model's parameters.
    pub parameters: &'a [TensorSpec],
    /// The states that are the optimizer's.
    pub optimizer: &'a [TensorSpec],
    /// What the trainer needs to go on.
    pub trainer: &'a T,
}

/// The checkpoints of a run.
#[derive(Clone, Debug)]
pub struct Checkpoints {
    folder: PathBuf,
}

/// One checkpoint; that its folder exists is all that is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    path: PathBuf,
    step: u64,
}

impl Checkpoints {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// All of them, in order of their steps.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn all(&self) -> Result<Vec<Checkpoint>, SessionError> {
        if !self.folder.exists() {
            return Ok(Vec::new());
        }
        Ok(numbered(&self.folder, PREFIX)?.into_iter().map(|(step, path)| Checkpoint { path, step }).collect())
    }

    /// The newest checkpoint, every file of it verified; none if nothing was ever saved.
    ///
    /// # Errors
    /// [`SessionError::Damaged`] naming the file, and the last good checkpoint with how to go on from it.
    pub fn newest(&self) -> Result<Option<Checkpoint>, SessionError> {
        let Some(newest) = self.all()?.pop() else { return Ok(None) };
        match newest.verify() {
            Ok(()) => Ok(Some(newest)),
            Err(error) => Err(self.advise(error, &newest)?),
        }
    }

    /// The newest checkpoint that is whole, whatever lies above it.
    ///
    /// # Errors
    /// If the folder can't be listed.
    pub fn latest_good(&self) -> Result<Option<Checkpoint>, SessionError> {
        Ok(self.all()?.into_iter().rev().find(|checkpoint| checkpoint.verify().is_ok()))
    }

    /// The checkpoint with the lowest evaluation loss; of equal ones the newest.
    ///
    /// # Errors
    /// If the folder can't be listed.
    pub fn best(&self) -> Result<Option<Checkpoint>, SessionError> {
        let mut best: Option<(f64, Checkpoint)> = None;
        for checkpoint in self.all()? {
            // A damaged one is not the best; that it is damaged is said where it is read.
            let Ok(state) = checkpoint.state::<Value>() else { continue };
            let Some(loss) = state.evaluation_loss.filter(|loss| loss.is_finite()) else { continue };
            if best.as_ref().is_none_or(|(lowest, _)| loss <= *lowest) {
                best = Some((loss, checkpoint));
            }
        }
        Ok(best.map(|(_, checkpoint)| checkpoint))
    }

    /// Finishes or undoes what a kill has left. Only with the run's lock in hand.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn clean(&self) -> Result<(), SessionError> {
        if !self.folder.exists() {
            return Ok(());
        }
        let fail = || SessionError::file("list", &self.folder);
        for entry in fs::read_dir(&self.folder).map_err(fail())? {
            let path = entry.map_err(fail())?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if let Some(original) = name.strip_prefix(REPLACED)
                && !self.folder.join(original).exists()
            {
                rename(&path, &self.folder.join(original))?;
            } else if [UNFINISHED, REPLACED, DELETED].iter().any(|prefix| name.starts_with(prefix)) {
                remove_folder(&path)?;
            }
        }
        sync_folder(&self.folder)
    }

    /// Saves a checkpoint in one step, then deletes those that are neither among the newest three nor the best.
    ///
    /// # Errors
    /// [`SessionError::NotFinite`] for a NaN or an infinity, or if the system refuses: what was saved before is still there.
    pub fn save<T: Serialize>(&self, store: &dyn Store, snapshot: &Snapshot<T>) -> Result<Checkpoint, SessionError> {
        fs::create_dir_all(&self.folder).map_err(SessionError::file("create", &self.folder))?;
        let mut builder = tempfile::Builder::new();
        builder.prefix(UNFINISHED);
        // As readable as any folder that is simply made (the umask still counts).
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o777));
        // Removes itself if anything below fails.
        let unfinished = builder.tempdir_in(&self.folder).map_err(SessionError::file("create", &self.folder))?;
        let write = |name: &str, specs: &[TensorSpec]| -> Result<FileRecord, SessionError> {
            let written = write_tensors(&unfinished.path().join(name), store, specs, snapshot.step)?;
            Ok(FileRecord { bytes: written.bytes, sha256: written.sha256 })
        };
        let state = SavedState {
            format: FORMAT,
            step: snapshot.step,
            evaluation_loss: snapshot.evaluation_loss,
            parameters_sha256: parameters_sha256(store, snapshot.parameters)?,
            model: write(PARAMETERS, snapshot.parameters)?,
            optimizer: write(OPTIMIZER, snapshot.optimizer)?,
            trainer: snapshot.trainer,
        };
        write_state(&unfinished.path().join(STATE), &state)?;
        sync_folder(unfinished.path())?;

        let name = format!("{PREFIX}{}", snapshot.step);
        let path = self.folder.join(&name);
        let replaced = self.folder.join(format!("{REPLACED}{name}"));
        let replaces = path.exists();
        if replaces {
            remove_folder(&replaced)?;
            rename(&path, &replaced)?;
        }
        if let Err(error) = rename(unfinished.path(), &path) {
            if replaces {
                // The first error is the one to report; `clean` would do the same at the next start.
                let _ = rename(&replaced, &path);
            }
            return Err(error);
        }
        // Nothing is left to remove under the temporary name.
        let _ = unfinished.keep();
        sync_folder(&self.folder)?;
        if replaces {
            remove_folder(&replaced)?;
        }
        let saved = Checkpoint { path, step: snapshot.step };
        self.delete_others(&saved)?;
        Ok(saved)
    }

    fn delete_others(&self, saved: &Checkpoint) -> Result<(), SessionError> {
        let all = self.all()?;
        let best = self.best()?;
        let newest = all.len().saturating_sub(NEWEST_KEPT);
        for checkpoint in &all[..newest] {
            if checkpoint != saved && best.as_ref() != Some(checkpoint) {
                // Under another name first, so that a kill leaves no half of a checkpoint.
                let gone = self.folder.join(format!("{DELETED}{PREFIX}{}", checkpoint.step));
                remove_folder(&gone)?;
                rename(&checkpoint.path, &gone)?;
                remove_folder(&gone)?;
            }
        }
        sync_folder(&self.folder)
    }

    /// Adds to the report of a damaged checkpoint which one is good.
    fn advise(&self, error: SessionError, damaged: &Checkpoint) -> Result<SessionError, SessionError> {
        let SessionError::Damaged { path, message, .. } = error else { return Ok(error) };
        let advice = match self.latest_good()? {
            Some(good) => format!(
                "; the last good checkpoint is {}: remove the folder {PREFIX}{} to go on from there",
                good.path.display(),
                damaged.step
            ),
            None => "; no other checkpoint of this run is whole: train it anew".to_owned(),
        };
        Ok(SessionError::Damaged { path, message, advice })
    }
}

impl Checkpoint {
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
    /// [`SessionError::Damaged`] if it is missing, no JSON, of another format, or not of this step.
    pub fn state<T: DeserializeOwned>(&self) -> Result<SavedState<T>, SessionError> {
        let path = self.path.join(STATE);
        let text = read_or_damaged(&path, || fs::read_to_string(&path))?;
        let damaged = |message: String| SessionError::damaged(&path, message);
        let state: SavedState<T> = serde_json::from_str(&text).map_err(|error| damaged(error.to_string()))?;
        if state.format != FORMAT {
            return Err(damaged(format!("`format` is {}, this program reads {FORMAT}", state.format)));
        }
        if state.step != self.step {
            return Err(damaged(format!("`step` is {} in the folder of step {}", state.step, self.step)));
        }
        Ok(state)
    }

    /// Checks size and hash of every file.
    ///
    /// # Errors
    /// [`SessionError::Damaged`] naming the file.
    pub fn verify(&self) -> Result<(), SessionError> {
        let state = self.state::<Value>()?;
        for (name, record) in [(PARAMETERS, &state.model), (OPTIMIZER, &state.optimizer)] {
            let path = self.path.join(name);
            let bytes = read_or_damaged(&path, || fs::metadata(&path))?.len();
            if bytes != record.bytes {
                return Err(SessionError::damaged(&path, format!("it has {bytes} bytes, {} were saved", record.bytes)));
            }
            if measure(&path)?.sha256 != record.sha256 {
                return Err(SessionError::damaged(&path, "its SHA-256 is not the one that was saved"));
            }
        }
        Ok(())
    }

    /// Reads the parameters into `store`. Call [`Checkpoint::verify`] first, or take it from [`Checkpoints::newest`].
    ///
    /// # Errors
    /// [`SessionError::Damaged`] if the file's names, shapes, types, sizes or numbers are not as they must be.
    pub fn read_parameters(&self, specs: &[TensorSpec], store: &mut dyn Store) -> Result<(), SessionError> {
        read_tensors(&self.path.join(PARAMETERS), specs, store)
    }

    /// Reads the optimizer's states into `store`; otherwise as [`Checkpoint::read_parameters`].
    ///
    /// # Errors
    /// As there.
    pub fn read_optimizer(&self, specs: &[TensorSpec], store: &mut dyn Store) -> Result<(), SessionError> {
        read_tensors(&self.path.join(OPTIMIZER), specs, store)
    }
}

/// A file that is missing, or is no text, is a damaged checkpoint; anything else is the system's trouble.
fn read_or_damaged<R>(path: &Path, read: impl FnOnce() -> std::io::Result<R>) -> Result<R, SessionError> {
    read().map_err(|error| match error.kind() {
        ErrorKind::NotFound => SessionError::damaged(path, "it is missing"),
        ErrorKind::InvalidData => SessionError::damaged(path, "it is no text"),
        _ => SessionError::file("read", path)(error),
    })
}

fn write_state<T: Serialize>(path: &Path, state: &SavedState<T>) -> Result<(), SessionError> {
    let fail = || SessionError::file("write", path);
    let text = serde_json::to_string_pretty(state).map_err(|error| SessionError::format(path, error.to_string()))?;
    let mut file = File::create(path).map_err(fail())?;
    file.write_all(text.as_bytes()).and_then(|()| file.write_all(b"\n")).map_err(fail())?;
    file.sync_all().map_err(fail())
}

fn rename(from: &Path, to: &Path) -> Result<(), SessionError> {
    fs::rename(from, to).map_err(SessionError::file("rename", from))
}

fn remove_folder(path: &Path) -> Result<(), SessionError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(SessionError::file("remove", path)(error)),
        _ => Ok(()),
    }
}
