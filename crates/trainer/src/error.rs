//! What can go wrong in training: every message names the step, the field or the file, and what to do.

use crate::Difference;
use reformer_model::ConfigError;
use reformer_session::SessionError;
use reformer_tensor::{BackendError, PlanError, RunError};
use std::path::PathBuf;
use thiserror::Error;

/// Why training or evaluation can't go on.
#[derive(Debug, Error)]
pub enum TrainError {
    /// A field of the config has an impossible value.
    #[error("training config: `{field}` is {value}: {advice}")]
    Config {
        /// The field.
        field: &'static str,
        /// Its value.
        value: String,
        /// What it must be.
        advice: &'static str,
    },
    /// A field of the model's config has an impossible value.
    #[error(transparent)]
    Model(ConfigError),
    /// A plain start in a folder that holds a trained run.
    #[error(
        "{run} holds a run that was trained for {step} steps: go on with --resume, or choose another folder with --run",
        run = run.display()
    )]
    AlreadyTrained {
        /// The run's folder.
        run: PathBuf,
        /// Steps of its newest checkpoint.
        step: u64,
    },
    /// A resumed run would not be the same run.
    #[error(
        "the run {run} has other options: {}. Leave them out to go on with the run's own, or start a new run",
        list(differences),
        run = run.display()
    )]
    Differs {
        /// The run's folder.
        run: PathBuf,
        /// Every field that differs.
        differences: Vec<Difference>,
    },
    /// There is nothing to learn from, or to evaluate on.
    #[error("the {split} split holds no text that is scored: give it at least one turn with text, or two bytes")]
    NoText {
        /// `train`, `dev`, `test`, or whatever was evaluated.
        split: String,
    },
    /// The tokens of the corpus are not the model's.
    #[error(
        "the {split} split holds token {token}, the model's `vocabulary` is {vocabulary}: take the run's own tokenizer"
    )]
    Vocabulary {
        /// The split.
        split: String,
        /// The largest token.
        token: u32,
        /// Tokens that the model knows.
        vocabulary: usize,
    },
    /// The data is not what it was when the run was saved, so that it could not go on as the same run.
    #[error(
        "the training data of {run} has changed since step {step} was saved: bring back the data that it began with, or start a new run",
        run = run.display()
    )]
    OtherData {
        /// The run's folder.
        run: PathBuf,
        /// Steps of the checkpoint.
        step: u64,
    },
    /// The run to start from has another model.
    #[error("{run} has another model: {}. Start from a run with the same one", list(differences), run = run.display())]
    OtherModel {
        /// The run to start from.
        run: PathBuf,
        /// Every field that differs.
        differences: Vec<Difference>,
    },
    /// The run has diverged: a loss or a gradient is no number, or a residual stream left its range.
    #[error("step {step}: {what}: the run has diverged. {last_good}. Lower --learning-rate and train anew")]
    Diverged {
        /// The step that failed, from 1.
        step: u64,
        /// What was seen.
        what: String,
        /// The last good checkpoint, for people.
        last_good: LastGood,
    },
    /// The final picture can't be drawn.
    #[error("cannot draw {path}: {message}", path = path.display())]
    Picture {
        /// The file.
        path: PathBuf,
        /// Why.
        message: String,
    },
    /// The run's folder can't be read or written.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The step can't be planned, or doesn't fit into memory.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The backend refused.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// A run of a program stopped.
    #[error(transparent)]
    Run(#[from] RunError),
}

/// The last checkpoint that is whole, if there is one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LastGood(pub Option<PathBuf>);

impl std::fmt::Display for LastGood {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0 {
            Some(path) => write!(f, "The last good checkpoint is {}", path.display()),
            None => write!(f, "No checkpoint was saved before"),
        }
    }
}

fn list(differences: &[Difference]) -> String {
    differences.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
