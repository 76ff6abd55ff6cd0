//! What a checkpoint keeps of training beside tensors, and what of it can't be. Reading the file is `session`'s.

use crate::{Position, TrainingConfig};
use serde::{Deserialize, Serialize};

/// Losses of so many last steps make the loss of a run that is done.
pub(crate) const LAST_LOSSES: usize = 20;
/// Longer than any run: a thousand years.
const MOST_SECONDS: f64 = 1000.0 * 366.0 * 86_400.0;

/// The trainer's part of a checkpoint's `state.json`.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainerState {
    /// Where the next batch begins.
    pub position: Position,
    /// Tokens that were trained on, without padding.
    pub tokens: u64,
    /// How long the run took so far, everything included.
    pub seconds: f64,
    /// How long the steps took.
    pub step_seconds: f64,
    /// The last losses, at most 20.
    pub last_losses: Vec<f64>,
    /// Whether the run had all its steps and its last evaluation. Its config may have more steps since.
    pub finished: bool,
    /// Whether the evaluation that is due after this step has not been made: it comes first when the run goes on.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub evaluation_due: bool,
    /// A fingerprint of the training split.
    pub data: String,
}

impl TrainerState {
    /// Refuses what no run can have saved after `step` steps.
    ///
    /// # Errors
    /// The field, its value, and what it must be.
    pub(crate) fn check(&self, step: u64, training: &TrainingConfig) -> Result<(), String> {
        if let Some(steps) = training.steps
            && step > steps
        {
            return Err(format!("`step` is {step}, the run has {steps} steps"));
        }
        if self.finished && self.evaluation_due {
            return Err("`trainer.finished` and `trainer.evaluation_due` are both true".to_owned());
        }
        if self.finished && training.steps.is_none() {
            return Err("`trainer.finished` is true, but the number of the run's steps is not fixed yet".to_owned());
        }
        let batches = step.saturating_mul(training.accumulate as u64);
        let tokens = batches.saturating_mul(training.rows() as u64);
        if self.tokens > tokens {
            return Err(format!("`trainer.tokens` is {}, {step} steps have at most {tokens}", self.tokens));
        }
        let Position { epoch, batches: taken } = self.position;
        if u64::from(epoch) > batches || taken as u64 > batches {
            return Err(format!(
                "`trainer.position` is epoch {epoch}, batch {taken}, {step} steps take {batches} batches"
            ));
        }
        for (field, seconds) in [("seconds", self.seconds), ("step_seconds", self.step_seconds)] {
            if !(0.0..=MOST_SECONDS).contains(&seconds) {
                return Err(format!("`trainer.{field}` is {seconds}, it must be from 0 to {MOST_SECONDS}"));
            }
        }
        let losses = step.min(LAST_LOSSES as u64);
        if self.last_losses.len() as u64 != losses {
            let count = self.last_losses.len();
            return Err(format!("`trainer.last_losses` has {count} losses, it must have {losses} after {step} steps"));
        }
        Ok(())
    }
}
