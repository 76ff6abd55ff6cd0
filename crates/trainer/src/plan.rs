//! What a training step takes: memory choice, plans, peak bytes, FLOPs. Plans only; nothing here runs.

use crate::{PlanEvent, TrainError, TrainingConfig};
use reformer_model::{MemoryChoice, MemoryLimit, ModelConfig, fit, record};
use reformer_tensor::{Backend, Plan, PlanError, PlanOptions, Program, StateSpec};

/// A planned training step.
#[derive(Clone, PartialEq, Debug)]
pub struct StepPlan {
    /// What is stored and what recomputed.
    pub choice: MemoryChoice,
    /// The plan of one batch.
    pub training: Plan,
    /// The plan of the optimiser's step.
    pub apply: Plan,
    /// Numbers that are trained.
    pub parameters: u64,
    /// Floating-point operations of a step: all its batches and the optimiser.
    pub flops: u64,
}

impl StepPlan {
    /// Plans a step within the limit, the optimiser's moments counted.
    ///
    /// # Errors
    /// [`PlanError::Memory`] with the smallest peak that there is, if even that is over the limit; a mistake of the recording.
    pub fn new(
        model: &ModelConfig,
        training: &TrainingConfig,
        backend: &dyn Backend,
        limit: MemoryLimit,
    ) -> Result<Self, TrainError> {
        let program = record::apply(model, &training.optimiser.into());
        let scratch_bytes = backend.scratch_bytes(&program);
        let apply = Plan::new(&program, &PlanOptions { scratch_bytes, ..PlanOptions::default() })?;
        // The training program has the other states: parameters and gradient sums.
        let moments = state_bytes(&apply, &|state| is_moment(state));
        let inner = match limit {
            MemoryLimit::Bytes(bytes) => MemoryLimit::Bytes(bytes.saturating_sub(moments)),
            MemoryLimit::Minimum => MemoryLimit::Minimum,
        };
        let scratch = |program: &Program| backend.scratch_bytes(program);
        let (choice, plan) = fit(model, training.rows(), inner, &scratch).map_err(|error| match (error, limit) {
            (PlanError::Memory { needed, .. }, MemoryLimit::Bytes(limit)) => {
                PlanError::Memory { needed: needed + moments, limit }
            }
            (error, _) => error,
        })?;
        let flops = plan.flops().saturating_mul(training.accumulate as u64) + apply.flops();
        Ok(Self { choice, training: plan, apply, parameters: model.parameter_count(), flops })
    }

    /// The most memory that a step takes, the optimiser's moments included.
    pub fn peak_bytes(&self) -> u64 {
        self.training.peak_bytes() + self.moment_bytes()
    }

    /// Bytes of the optimiser's moments: states of its program that the training program doesn't have.
    pub fn moment_bytes(&self) -> u64 {
        state_bytes(&self.apply, &|state| is_moment(state))
    }

    /// The `plan` event.
    pub fn event(&self, backend: &dyn Backend) -> PlanEvent {
        PlanEvent {
            parameters: self.parameters,
            planned_peak_bytes: self.peak_bytes(),
            stored_layers: self.choice.stored_layers,
            head_group: self.choice.head_group,
            flops_per_step: self.flops,
            backend: backend.name().to_owned(),
            adapter: backend.adapter(),
            from_step: 0,
            padding_share: 0.0,
        }
    }
}

fn is_moment(state: &StateSpec) -> bool {
    use reformer_autodiff::{FIRST_MOMENT_PREFIX, SECOND_MOMENT_PREFIX};
    state.name.starts_with(FIRST_MOMENT_PREFIX) || state.name.starts_with(SECOND_MOMENT_PREFIX)
}

fn state_bytes(plan: &Plan, wanted: &dyn Fn(&StateSpec) -> bool) -> u64 {
    let bytes = |state: &StateSpec| plan.program.info(state.value).bytes();
    plan.program.states.iter().filter(|state| wanted(state)).map(bytes).sum()
}
