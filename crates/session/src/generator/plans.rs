//! The plans of a generator: how many tokens each appends, which of them is taken, and what memory they take. Running them is its own.

use super::Generator;
use crate::SessionError;
use reformer_model::{ModelConfig, record};
use reformer_tensor::{Backend, Plan, PlanOptions, Prepared};

/// Tokens that a prepared plan appends in one run. Long contexts go through the large ones, a reply through the first.
const PLAN_ROWS: [usize; 5] = [1, 4, 16, 64, 256];

pub(super) struct AppendPlan {
    pub(super) rows: usize,
    pub(super) chosen: usize,
    pub(super) prepared: Box<dyn Prepared>,
}

impl Generator {
    /// What a generator for `batch` conversations takes: the model's states and caches once, and of each of its plans what only that
    /// one has. Kernels' scratch all of them share.
    ///
    /// # Errors
    /// If a plan can't be made.
    pub fn bytes(backend: &dyn Backend, config: &ModelConfig, batch: usize) -> Result<u64, SessionError> {
        let (mut states, mut scratch, mut own) = (0, 0, 0u64);
        for size in sizes(config, batch) {
            let plan = plan(backend, config, batch, size)?;
            (states, scratch) = (plan.state_bytes.max(states), plan.scratch_bytes.max(scratch));
            own = own.saturating_add(plan.peak_bytes().saturating_sub(plan.state_bytes + plan.scratch_bytes));
        }
        Ok(own.saturating_add(states).saturating_add(scratch))
    }
}

/// The smallest plan that takes `count` tokens if they fill more than half of it, else the largest that they fill.
pub(super) fn choose(plans: &[AppendPlan], count: usize) -> usize {
    match plans.iter().position(|plan| plan.rows >= count) {
        Some(fits) if fits == 0 || 2 * count > plans[fits].rows => fits,
        Some(fits) => fits - 1,
        None => plans.len() - 1,
    }
}

/// Rows of each plan, and how many of them give logits.
pub(super) fn sizes(config: &ModelConfig, batch: usize) -> impl Iterator<Item = (usize, usize)> {
    let most = config.max_positions.saturating_mul(batch);
    // At most one row of logits a conversation is needed, and never more than there are tokens.
    PLAN_ROWS.into_iter().filter(move |&rows| rows == 1 || rows <= most).map(move |rows| (rows, rows.min(batch).max(1)))
}

pub(super) fn plan(
    backend: &dyn Backend,
    config: &ModelConfig,
    batch: usize,
    (rows, chosen): (usize, usize),
) -> Result<Plan, SessionError> {
    let program = record::decoding(config, rows, batch, chosen);
    let options = PlanOptions { scratch_bytes: backend.scratch_bytes(&program), ..PlanOptions::default() };
    Ok(Plan::new(&program, &options)?)
}
