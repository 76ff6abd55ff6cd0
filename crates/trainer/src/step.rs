//! One training step: `accumulate` runs of the training program, then the optimiser's. What happens between steps is in `train.rs`.

use crate::evaluate::sum_of_losses;
use crate::plan::StepPlan;
use crate::{Batch, Batches, Profile, Schedule, TrainError};
use reformer_model::{ModelConfig, random_inputs};
use reformer_tensor::{Backend, Checks, DType, Inputs, Key, Outputs, Prepared, RunError, Store};

/// Uses of a run's seed; each has keys of its own.
const ORDER_SITE: u32 = 1;
const STEP_SITE: u32 = 2;
const INITIALISATION_SITE: u32 = 3;

/// The keys of a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct RunKeys {
    seed: Key,
}

impl RunKeys {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed: Key::from_seed(seed) }
    }

    /// For the order of the data.
    pub(crate) fn order(self) -> Key {
        self.seed.fold_in(ORDER_SITE)
    }

    /// For first values.
    pub(crate) fn initialisation(self) -> Key {
        self.seed.fold_in(INITIALISATION_SITE)
    }

    /// For dropout and rotations in a batch of a step.
    pub(crate) fn batch(self, step: u64, number: usize) -> Key {
        // Configs allow no more steps, and no more batches in one, than 32 bits count.
        self.seed.fold_in(STEP_SITE).fold_in(step as u32).fold_in(number as u32)
    }
}

/// Both programs of a step, with their slots.
pub(crate) struct Programs {
    training: Box<dyn Prepared>,
    apply: Box<dyn Prepared>,
}

/// Runs a program, timed if somebody wants to know.
fn run(
    program: &mut dyn Prepared,
    store: &mut dyn Store,
    inputs: &Inputs,
    profile: Option<&mut Profile>,
) -> Result<Outputs, RunError> {
    let Some(profile) = profile.filter(|profile| profile.is_warm()) else { return program.run(store, inputs) };
    let (outputs, seconds) = program.run_timed(store, inputs)?;
    profile.add(program.plan(), &seconds);
    Ok(outputs)
}

/// What a step tells.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct StepResult {
    /// Mean loss of the scored rows.
    pub loss: f64,
    /// Before clipping.
    pub gradient_norm: f64,
    /// Rows that were no padding.
    pub tokens: u64,
}

/// Why a step failed.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum StepFault {
    /// It must not go on; the states are worthless.
    Diverged(String),
    /// Anything else.
    Run(RunError),
}

impl From<RunError> for StepFault {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Range { op, scope, value, limit } => StepFault::Diverged(format!(
                "{op} in {scope}: a share of the residual stream is {value}, outside ±{limit}"
            )),
            error => StepFault::Run(error),
        }
    }
}

impl Programs {
    pub(crate) fn prepare(plan: &StepPlan, backend: &dyn Backend) -> Result<Self, TrainError> {
        Ok(Self {
            training: backend.prepare(plan.training.clone(), Checks::Off)?,
            apply: backend.prepare(plan.apply.clone(), Checks::Off)?,
        })
    }

    /// Trains step number `step`, counted from 1.
    pub(crate) fn step(
        &mut self,
        store: &mut dyn Store,
        model: &ModelConfig,
        batches: &mut Batches,
        accumulate: usize,
        schedule: &Schedule,
        keys: RunKeys,
        step: u64,
        mut profile: Option<&mut Profile>,
    ) -> Result<StepResult, StepFault> {
        // All of them first: a row's weight depends on how many are scored in the whole step.
        let of_step: Vec<Batch> = (0..accumulate).map(|_| batches.next_batch()).collect();
        let scored: usize = of_step.iter().map(Batch::scored_rows).sum();
        let tokens = of_step.iter().map(|batch| batch.used_rows as u64).sum();
        let weight = (1.0 / scored as f64) as f32;
        let mut loss = 0.0;
        for (number, batch) in of_step.into_iter().enumerate() {
            let mut inputs = batch.into_inputs(weight);
            inputs.extend(random_inputs(model, keys.batch(step, number)));
            let outputs = run(self.training.as_mut(), store, &inputs, profile.as_deref_mut())?;
            loss += sum_of_losses(&outputs);
            if !loss.is_finite() {
                return Err(StepFault::Diverged(format!("the loss is {loss}")));
            }
        }
        let inputs = Inputs::from([("schedule".to_owned(), schedule.input(step))]);
        let outputs = run(self.apply.as_mut(), store, &inputs, profile.as_deref_mut())?;
        if let Some(profile) = profile {
            profile.end_step();
        }
        let norm = outputs.get("gradient_norm").and_then(|norm| norm.to_f64(DType::F32).first().copied());
        // The program records this output.
        let gradient_norm = norm.unwrap_or(f64::NAN);
        if !gradient_norm.is_finite() {
            return Err(StepFault::Diverged(format!("the norm of the gradients is {gradient_norm}")));
        }
        Ok(StepResult { loss, gradient_norm, tokens })
    }
}
