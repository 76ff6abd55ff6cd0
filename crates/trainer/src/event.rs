//! What a run reports while it trains. Serialized, each event is the line that `--json` prints and `metrics.jsonl` keeps.

use reformer_session::StoredPath;
use serde::{Deserialize, Serialize};

/// Something happened.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum Event {
    /// The step is planned, nothing has run.
    Plan(PlanEvent),
    /// A step was trained.
    Step(StepEvent),
    /// The model was evaluated on the validation split.
    Evaluation(EvaluationEvent),
    /// A checkpoint is on disk.
    Checkpoint(CheckpointEvent),
    /// The run has all its steps.
    Done(DoneEvent),
}

/// What the observer of a run wants.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Control {
    /// Go on.
    Continue,
    /// Save a checkpoint and return.
    Stop,
}

/// The plan of a step.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct PlanEvent {
    /// Trained numbers.
    pub parameters: u64,
    /// The most memory a step takes: parameters, gradients, moments, inputs, values, scratch.
    pub planned_peak_bytes: u64,
    /// Layers whose activations are stored; the others are rebuilt.
    pub stored_layers: usize,
    /// Heads that are worked on at a time.
    pub head_group: usize,
    /// Floating-point operations of a step: all its batches and the optimiser.
    pub flops_per_step: u64,
    /// `cpu`, `gpu` or `oracle`.
    pub backend: String,
    /// What it runs on, for people.
    pub adapter: String,
    /// Steps that were trained before: where the run goes on. Not in JSON.
    #[serde(skip)]
    pub from_step: u64,
    /// The share of a batch that is padding, in the first epoch. Not in JSON.
    #[serde(skip)]
    pub padding_share: f64,
}

/// A step.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct StepEvent {
    /// Its number, from 1.
    pub step: u64,
    /// Mean loss of the scored tokens, in nats.
    pub loss: f64,
    /// The learning rate that it took.
    pub learning_rate: f64,
    /// Norm of all gradients before clipping.
    pub gradient_norm: f64,
    /// Tokens (without padding) per second of this step.
    pub tokens_per_second: f64,
    /// Steps of the whole run, once they are known. Not in JSON.
    #[serde(skip)]
    pub total_steps: Option<u64>,
    /// Text bytes per scored token of the training split: bits per byte is loss ÷ ln 2 ÷ this. Not in JSON.
    #[serde(skip)]
    pub bytes_per_token: f64,
    /// About how long the rest of the run takes, once that is known. Not in JSON.
    #[serde(skip)]
    pub seconds_left: Option<f64>,
    /// Whether an evaluation comes next. Not in JSON.
    #[serde(skip)]
    pub is_followed_by_evaluation: bool,
}

/// An evaluation on the validation split.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct EvaluationEvent {
    /// Steps that were trained.
    pub step: u64,
    /// Mean loss of the scored tokens, in nats.
    pub loss: f64,
    /// exp(loss).
    pub perplexity: f64,
    /// Nats of all scored tokens ÷ ln 2 ÷ bytes of their text.
    pub bits_per_byte: f64,
    /// Whether the whole split was evaluated (the last evaluation), or the part of it that all others take. Not in JSON.
    #[serde(skip)]
    pub whole: bool,
}

/// A checkpoint.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct CheckpointEvent {
    /// Steps that were trained.
    pub step: u64,
    /// Its folder.
    pub path: StoredPath,
}

/// A run that has all its steps.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct DoneEvent {
    /// Steps of the run.
    pub steps: u64,
    /// Tokens that were trained on, without padding.
    pub tokens: u64,
    /// Mean training loss of the last steps (at most 20), in nats.
    pub loss: f64,
    /// How long the run took in all its processes, evaluation and checkpoints included.
    pub seconds: f64,
    /// Tokens per second of training alone.
    pub tokens_per_second: f64,
    /// See [`PlanEvent::planned_peak_bytes`].
    pub planned_peak_bytes: u64,
    /// The most memory that this process ever had resident; none where the system doesn't tell.
    pub peak_rss_bytes: Option<u64>,
    /// SHA-256 over names and bits of all parameters (see [`reformer_session::parameters_sha256`]).
    pub parameters_sha256: String,
}
