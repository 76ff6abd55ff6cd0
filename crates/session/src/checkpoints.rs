//! `checkpoints/` of a run: each is written in one step, the newest three and the best are kept, and a damaged one is reported with
//! the one to go on from. What is in one is in `checkpoint.rs`.
//!
//! A kill at any moment leaves the old folders or the new ones. Names that begin with a dot are work in progress:
//! `.new-*` was not finished, `.gone-step-N` is being deleted, `.old-step-N` was being replaced. [`Checkpoints::clean`]
//! finishes or undoes what a kill has left.

use crate::checkpoint::{Checkpoint, FORMAT, FileRecord, OPTIMIZER, PARAMETERS, STATE, SavedState};
use crate::durable::{remove, rename, sync_folder};
use crate::new_folder::NewFolder;
use crate::run::numbered;
use crate::tensors::{TensorSpec, parameters_sha256, write_tensors};
use crate::{Belonging, SessionError};
use reformer_tensor::Store;
use serde::Serialize;
use serde_json::Value;
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

/// How many of the newest checkpoints are kept.
const NEWEST_KEPT: usize = 3;
const PREFIX: &str = "step-";
const UNFINISHED: &str = ".new-";
const REPLACED: &str = ".old-";
const DELETED: &str = ".gone-";

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
    /// Which tokenizer and which model they belong to.
    pub belongs_to: Option<&'a Belonging>,
    /// What the trainer needs to go on.
    pub trainer: &'a T,
}

/// The checkpoints of a run.
#[derive(Clone, Debug)]
pub struct Checkpoints {
    folder: PathBuf,
}

impl Checkpoints {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// All of them, in order of their steps. Whatever has the name of a checkpoint is one, so that no damage hides it.
    ///
    /// # Errors
    /// If the system refuses, or `checkpoints` is no folder: what can't be listed is not the same as nothing.
    pub fn all(&self) -> Result<Vec<Checkpoint>, SessionError> {
        if !self.exists()? {
            return Ok(Vec::new());
        }
        Ok(numbered(&self.folder, PREFIX)?.into_iter().map(|(step, path)| Checkpoint::at(path, step)).collect())
    }

    /// Whether anything has the folder's name, be it a link that leads nowhere.
    fn exists(&self) -> Result<bool, SessionError> {
        match fs::symlink_metadata(&self.folder) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(SessionError::file("list", &self.folder)(error)),
        }
    }

    /// The newest checkpoint, every file of it verified; none if nothing was ever saved.
    ///
    /// # Errors
    /// [`SessionError::Damaged`] naming the file, and the last good checkpoint with how to go on from it.
    pub fn newest(&self) -> Result<Option<Checkpoint>, SessionError> {
        let Some(newest) = self.all()?.pop() else { return Ok(None) };
        match newest.verify() {
            Ok(()) => Ok(Some(newest)),
            Err(error) => Err(self.advise(error, &newest)),
        }
    }

    /// The newest checkpoint, with nothing verified but what a model with these parameters is made of. A file that is larger than
    /// that is refused before it is read: to find out that the rest of it is right, too, may take hours.
    ///
    /// # Errors
    /// As [`Checkpoints::newest`].
    pub fn newest_model(&self, parameters: &[TensorSpec]) -> Result<Option<Checkpoint>, SessionError> {
        let Some(newest) = self.all()?.pop() else { return Ok(None) };
        match newest.check_size(parameters).and_then(|()| newest.verify_parameters()) {
            Ok(()) => Ok(Some(newest)),
            Err(error) => Err(self.advise_model(error, &newest)),
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
        if !self.exists()? {
            return Ok(());
        }
        let fail = || SessionError::file("list", &self.folder);
        for entry in fs::read_dir(&self.folder).map_err(fail())? {
            let path = entry.map_err(fail())?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if let Some(original) = name.strip_prefix(REPLACED)
                && fs::symlink_metadata(self.folder.join(original)).is_err()
            {
                rename(&path, &self.folder.join(original))?;
            } else if [UNFINISHED, REPLACED, DELETED].iter().any(|prefix| name.starts_with(prefix)) {
                remove(&path)?;
            }
        }
        sync_folder(&self.folder)
    }

    /// Saves a checkpoint in one step, then deletes those that are neither among the newest three nor the best.
    ///
    /// # Errors
    /// [`SessionError::NotFinite`] for a NaN or an infinity, or if the system refuses: what was saved before is still there.
    pub fn save<T: Serialize>(&self, store: &dyn Store, snapshot: &Snapshot<T>) -> Result<Checkpoint, SessionError> {
        // Removes itself if anything below fails.
        let unfinished = NewFolder::within(&self.folder, UNFINISHED)?;
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
            belongs_to: snapshot.belongs_to.cloned(),
            trainer: snapshot.trainer,
        };
        write_state(&unfinished.path().join(STATE), &state)?;
        let name = format!("{PREFIX}{}", snapshot.step);
        let path = self.folder.join(&name);
        if fs::symlink_metadata(&path).is_ok() {
            // `clean` puts it back, should the process be killed before the new one has its name.
            let replaced = self.folder.join(format!("{REPLACED}{name}"));
            remove(&replaced)?;
            unfinished.replace(&path, &replaced, |_| Ok(()))?;
            remove(&replaced)?;
        } else {
            unfinished.put(&path)?;
        }
        let saved = Checkpoint::at(path, snapshot.step);
        self.delete_others(&saved)?;
        Ok(saved)
    }

    fn delete_others(&self, saved: &Checkpoint) -> Result<(), SessionError> {
        let all = self.all()?;
        let best = self.best()?;
        let newest = all.len().saturating_sub(NEWEST_KEPT);
        for checkpoint in &all[..newest] {
            // What can't be read may be the best: it is not ours to throw away.
            let known = checkpoint.state::<Value>().is_ok();
            if known && checkpoint != saved && best.as_ref() != Some(checkpoint) {
                // Under another name first, so that a kill leaves no half of a checkpoint.
                let gone = self.folder.join(format!("{DELETED}{PREFIX}{}", checkpoint.step()));
                remove(&gone)?;
                rename(checkpoint.path(), &gone)?;
                remove(&gone)?;
            }
        }
        sync_folder(&self.folder)
    }

    /// Adds to the report of a damaged checkpoint which older one is whole, and how to go on from there. Other errors, and those that have
    /// advice already, stay what they are.
    #[must_use]
    pub fn advise(&self, error: SessionError, damaged: &Checkpoint) -> SessionError {
        self.advise_with(error, damaged, Checkpoint::verify)
    }

    /// As [`Checkpoints::advise`], where the parameters are all that is needed.
    #[must_use]
    pub fn advise_model(&self, error: SessionError, damaged: &Checkpoint) -> SessionError {
        self.advise_with(error, damaged, Checkpoint::verify_parameters)
    }

    fn advise_with(
        &self,
        error: SessionError,
        damaged: &Checkpoint,
        verify: fn(&Checkpoint) -> Result<(), SessionError>,
    ) -> SessionError {
        let SessionError::Damaged { path, message, advice } = error else { return error };
        if !advice.is_empty() {
            return SessionError::Damaged { path, message, advice };
        }
        let older = |all: Vec<Checkpoint>| {
            all.into_iter().rev().find(|other| other.step() < damaged.step() && verify(other).is_ok())
        };
        let advice = match self.all().map(older) {
            Ok(Some(good)) => format!(
                "; the last good checkpoint is {}: remove {PREFIX}{} to go on from there",
                good.path().display(),
                damaged.step()
            ),
            Ok(None) if damaged.verify_parameters().is_ok() => {
                "; no other checkpoint of this run is whole, but its parameters are: generate, chat, evaluate and export take them, and \
                 `train --init-from` starts a new run from them"
                    .to_owned()
            }
            Ok(None) => "; no other checkpoint of this run is whole: train it anew".to_owned(),
            // The damage is what to report.
            Err(_) => String::new(),
        };
        SessionError::Damaged { path, message, advice }
    }
}

fn write_state<T: Serialize>(path: &Path, state: &SavedState<T>) -> Result<(), SessionError> {
    let fail = || SessionError::file("write", path);
    let text = serde_json::to_string_pretty(state).map_err(|error| SessionError::format(path, error.to_string()))?;
    let mut file = File::create(path).map_err(fail())?;
    file.write_all(text.as_bytes()).and_then(|()| file.write_all(b"\n")).map_err(fail())?;
    file.sync_all().map_err(fail())
}
