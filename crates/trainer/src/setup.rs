//! What a training run is made of, and whether it starts or goes on. The loop is in `train.rs`.

use crate::{Corpus, TrainError};
use reformer_model::MemoryLimit;
use reformer_session::{Checkpoint, RunConfig, RunFolder, RunLock};
use reformer_tensor::{Backend, StopWish};
use std::time::Instant;

/// What a training run is made of.
pub struct Setup<'a> {
    /// What computes.
    pub backend: &'a dyn Backend,
    /// Its folder. The tokenizer is already in it, so that a run with a config always has one.
    pub run: RunFolder,
    /// Shows that no other process writes there.
    pub lock: RunLock,
    /// Its config; the section `training` is a [`crate::TrainingConfig`]. A run that goes on must have the same in its folder.
    pub config: RunConfig,
    /// Its data.
    pub corpus: Corpus,
    /// What a step may take. Changes no bit.
    pub memory: MemoryLimit,
    /// Seconds since the command began: what `minutes` are counted from.
    pub clock: Box<dyn Fn() -> f64 + 'a>,
    /// Asked during evaluations, which may take long: whether to stop. Between steps the observer of [`crate::Trainer::run`] says so.
    pub stop: &'a StopWish<'a>,
}

impl<'a> Setup<'a> {
    /// A setup whose clock starts now.
    pub fn new(
        backend: &'a dyn Backend,
        run: RunFolder,
        lock: RunLock,
        config: RunConfig,
        corpus: Corpus,
        memory: MemoryLimit,
    ) -> Self {
        Self { backend, run, lock, config, corpus, memory, clock: Box::new(|| 0.0), stop: &|| false }
            .started(Instant::now())
    }

    /// The same, with the time that preparing the data took counted: the clock starts at `start`.
    #[must_use]
    pub fn started(self, start: Instant) -> Self {
        Self { clock: Box::new(move || start.elapsed().as_secs_f64()), ..self }
    }
}

/// Whether a run starts or goes on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Start {
    /// From the first step.
    Fresh,
    /// From the newest checkpoint.
    Resume(Checkpoint),
}

impl Start {
    /// Finds out, and finishes or undoes what a kill has left in the folder: a plain start is fresh; with `resume` the newest checkpoint, if
    /// there is one. Call it before anything is written to the folder.
    ///
    /// # Errors
    /// [`TrainError::Exported`] for a folder of weights alone; [`TrainError::AlreadyTrained`] for a plain start where there are checkpoints; a newest checkpoint that is damaged.
    pub fn find(run: &RunFolder, _lock: &RunLock, resume: bool) -> Result<Self, TrainError> {
        if run.is_exported() {
            return Err(TrainError::Exported { run: run.path().to_owned() });
        }
        let checkpoints = run.checkpoints();
        checkpoints.clean()?;
        if resume {
            return Ok(checkpoints.newest()?.map_or(Start::Fresh, Start::Resume));
        }
        match checkpoints.all()?.last() {
            Some(newest) => Err(TrainError::AlreadyTrained { run: run.path().to_owned(), step: newest.step() }),
            None => Ok(Start::Fresh),
        }
    }
}
