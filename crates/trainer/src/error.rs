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
    /// A run that is done is to have fewer steps.
    #[error(
        "the run {run} has its {done} steps, --steps {asked} are fewer: name more to go on, or start a new run",
        run = run.display()
    )]
    FewerSteps {
        /// The run's folder.
        run: PathBuf,
        /// Steps that it has.
        done: u64,
        /// Steps that were asked for.
        asked: u64,
    },
    /// Weights alone can't be trained on.
    #[error(
        "{run} holds exported weights: there are no checkpoints with the optimizer's state to go on from. Start a new run from \
         them with --init-from, in a folder of its own",
        run = run.display()
    )]
    Exported {
        /// The folder.
        run: PathBuf,
    },
    /// There is nothing to learn from, or to evaluate on.
    #[error("the {split} split holds no text that is scored: give it at least one turn with text, or two bytes")]
    NoText {
        /// `train`, `dev`, `test`, or whatever was evaluated.
        split: String,
    },
    /// Of text without a byte there are no figures.
    #[error("the {split} split has no byte of text: there is nothing to measure")]
    NothingToMeasure {
        /// Whatever was evaluated.
        split: String,
    },
    /// A loss that no figure can be computed from.
    #[error(
        "the loss on the {split} split is {loss} nats a token, beyond all figures: the parameters have diverged; take an older checkpoint, or \
         train anew with a lower --learning-rate"
    )]
    Unmeasurable {
        /// Whatever was evaluated.
        split: String,
        /// Its loss.
        loss: f64,
    },
    /// Somebody wanted an evaluation to stop.
    #[error("stopped after {done} of {all} tokens: nothing was measured")]
    Stopped {
        /// Tokens that had been run.
        done: u64,
        /// Tokens that there are.
        all: u64,
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
