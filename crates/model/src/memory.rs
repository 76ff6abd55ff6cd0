//! How much is stored and how much recomputed: found by planning, by a fixed rule. All choices give the same gradient bits.

use crate::{ModelConfig, record};
use reformer_tensor::{Plan, PlanError, PlanOptions, Program};

/// How a training step trades memory for time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MemoryChoice {
    /// Heads that are worked on at a time.
    pub head_group: usize,
    /// Layers, counted from the last, whose activations are stored; the others are rebuilt from their outputs.
    pub stored_layers: usize,
}

/// What a training step may take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MemoryLimit {
    /// This many bytes.
    Bytes(u64),
    /// As little as possible: recompute everything, one head at a time.
    Minimum,
}

impl MemoryChoice {
    /// Store everything, all heads at once.
    pub fn everything(config: &ModelConfig) -> Self {
        Self { head_group: config.heads, stored_layers: config.layers }
    }

    /// Recompute everything, one head at a time.
    pub fn minimum() -> Self {
        Self { head_group: 1, stored_layers: 0 }
    }
}

/// The choice that recomputes least within the limit, and its plan. First fewer layers are stored (found by bisection), then fewer
/// heads are worked on at a time.
///
/// # Errors
/// [`PlanError::Memory`] with the smallest peak that there is, if even that is over the limit; a mistake of the recording.
pub fn fit(
    config: &ModelConfig,
    rows: usize,
    limit: MemoryLimit,
    scratch: &dyn Fn(&Program) -> u64,
) -> Result<(MemoryChoice, Plan), PlanError> {
    let plan = |choice: MemoryChoice| {
        let program = record::training(config, rows, choice);
        let scratch_bytes = scratch(&program);
        Plan::new(&program, &PlanOptions { scratch_bytes, ..PlanOptions::default() }).map(|plan| (choice, plan))
    };
    let MemoryLimit::Bytes(limit) = limit else {
        return plan(MemoryChoice::minimum());
    };
    let fits = |plan: &Plan| plan.peak_bytes() <= limit;
    let all = plan(MemoryChoice::everything(config))?;
    if fits(&all.1) {
        return Ok(all);
    }
    let mut best = plan(MemoryChoice { stored_layers: 0, ..MemoryChoice::everything(config) })?;
    if fits(&best.1) {
        // Most layers that fit: between `low`, which does, and `high`, which doesn't.
        let (mut low, mut high) = (0, config.layers);
        while high - low > 1 {
            let middle = (low + high) / 2;
            let tried = plan(MemoryChoice { stored_layers: middle, ..MemoryChoice::everything(config) })?;
            if fits(&tried.1) {
                (low, best) = (middle, tried);
            } else {
                high = middle;
            }
        }
        return Ok(best);
    }
    let mut group = config.heads;
    while group > 1 && !fits(&best.1) {
        group /= 2;
        best = plan(MemoryChoice { head_group: group, stored_layers: 0 })?;
    }
    if fits(&best.1) { Ok(best) } else { Err(PlanError::Memory { needed: best.1.peak_bytes(), limit }) }
}
