//! The parameters of a run, wherever they lie: in its newest checkpoint, or alone in a folder that was exported. How each is read is in
//! `checkpoint.rs` and `export.rs`.

use crate::export::Exported;
use crate::{Belonging, Checkpoint, RunFolder, SessionError, TensorSpec};
use reformer_tensor::Store;

/// Parameters that can be read, and what is known of them.
#[derive(Clone, Debug)]
pub enum Weights {
    /// Those of a checkpoint.
    Checkpoint(Checkpoint),
    /// Those of an exported folder.
    Exported(Exported),
}

impl Weights {
    /// The newest of a run, verified as far as a model with these parameters needs it.
    ///
    /// # Errors
    /// [`SessionError::NoCheckpoint`] where there are none; [`SessionError::Damaged`] naming the file, and of checkpoints the last good one.
    pub fn newest(run: &RunFolder, parameters: &[TensorSpec]) -> Result<Self, SessionError> {
        if run.is_exported() {
            return Ok(Self::Exported(Exported::open(run)?));
        }
        Self::newest_checkpoint(run, parameters).map(Self::Checkpoint)
    }

    /// The newest checkpoint of a run, verified as far as a model with these parameters needs it.
    ///
    /// # Errors
    /// As [`Weights::newest`].
    pub fn newest_checkpoint(run: &RunFolder, parameters: &[TensorSpec]) -> Result<Checkpoint, SessionError> {
        let none = || SessionError::NoCheckpoint { path: run.checkpoints_path() };
        run.checkpoints().newest_model(parameters)?.ok_or_else(none)
    }

    /// Steps that they were trained for.
    pub fn step(&self) -> u64 {
        match self {
            Self::Checkpoint(checkpoint) => checkpoint.step(),
            Self::Exported(exported) => exported.step,
        }
    }

    /// Whether `config.json` and `tokenizer.json` of `run` are those that they were trained with; false where a checkpoint, an older one,
    /// doesn't say.
    ///
    /// # Errors
    /// [`SessionError::Format`] that names the file, the field, both values and what to do.
    pub fn belong_to(&self, run: &RunFolder, found: &Belonging) -> Result<bool, SessionError> {
        match self {
            Self::Checkpoint(checkpoint) => checkpoint.belongs_to(run, found),
            Self::Exported(exported) => exported.belonging.check(run, "model.safetensors", found).map(|()| true),
        }
    }

    /// Reads them into `store`.
    ///
    /// # Errors
    /// [`SessionError::Damaged`] if names, shapes, types, sizes or numbers are not as they must be, or the numbers are not those that their
    /// hash was taken of.
    pub fn read(&self, run: &RunFolder, parameters: &[TensorSpec], store: &mut dyn Store) -> Result<(), SessionError> {
        match self {
            Self::Checkpoint(checkpoint) => checkpoint
                .read_parameters(parameters, store)
                .map_err(|error| run.checkpoints().advise_model(error, checkpoint)),
            Self::Exported(exported) => exported.read(parameters, store),
        }
    }
}
