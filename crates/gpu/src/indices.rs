//! The check of indices that come from outside: kernels trust what they read, so inputs are looked at before they are sent.

use reformer_tensor::op::NO_ROW;
use reformer_tensor::{Inputs, Op, Plan, PositionKind, RunError, Shape, ValueKind};

/// An operand that selects, and from how many entries.
struct Selector {
    read: usize,
    operand: &'static str,
    entries: usize,
    /// A value that selects nothing.
    nothing: Option<u32>,
    /// Weights: where they are 0 nothing is selected.
    weights: Option<usize>,
}

/// Checks the inputs of a run, in the order in which instructions would meet them.
///
/// # Errors
/// The first index that is too large.
pub(crate) fn check(plan: &Plan, inputs: &Inputs) -> Result<(), RunError> {
    for &at in &plan.schedule {
        let instruction = &plan.program.instructions[at];
        let shape =
            |index: usize| instruction.reads.get(index).map_or(Shape::new(&[0]), |&id| plan.program.info(id).shape);
        let updated = |index: usize| {
            instruction.updates.get(index).map_or(Shape::new(&[0]), |&(id, _)| plan.program.info(id).shape)
        };
        for Selector { read, operand, entries, nothing, weights } in selectors(&instruction.op, &shape, &updated) {
            let value = plan.program.info(instruction.reads[read]);
            if value.kind != ValueKind::Input {
                continue;
            }
            let Some(words) = inputs.get(&value.name).and_then(|tensor| tensor.as_u32()) else { continue };
            let weights = weights.map(|read| &plan.program.info(instruction.reads[read]).name);
            let weights = weights.and_then(|name| inputs.get(name)).and_then(|tensor| tensor.as_f32());
            let selects = |at: usize| weights.and_then(|weights| weights.get(at)).is_none_or(|&weight| weight != 0.0);
            let too_large = |word: u32| word as usize >= entries && nothing != Some(word);
            let wrong = words.iter().enumerate().position(|(at, &word)| too_large(word) && selects(at));
            if let Some(at) = wrong {
                return Err(RunError::Index {
                    op: instruction.op.name(),
                    scope: plan.program.scopes[instruction.scope].clone(),
                    operand: operand.to_owned(),
                    value: words[at],
                    at,
                    largest: (entries as u32).saturating_sub(1),
                });
            }
        }
    }
    Ok(())
}

fn selectors(op: &Op, read: &dyn Fn(usize) -> Shape, updated: &dyn Fn(usize) -> Shape) -> Vec<Selector> {
    let selector = |read, operand, entries| Selector { read, operand, entries, nothing: None, weights: None };
    let positions = |kind: PositionKind, learned: usize| match kind {
        PositionKind::Learned => learned,
        PositionKind::Axial { outer, inner, .. } => outer * inner,
    };
    match op {
        Op::Embed(op) => vec![
            selector(0, "tokens", read(3).dim(0)),
            selector(1, "positions", positions(op.position, read(4).dim(0))),
        ],
        Op::EmbedGradient(op) => vec![
            selector(0, "tokens", updated(0).dim(0)),
            selector(1, "positions", positions(op.position, updated(1).dim(0))),
        ],
        Op::SortByBucket(op) => vec![selector(0, "buckets", op.buckets)],
        Op::HeadLoss(_) | Op::HeadLossGradient(_) => {
            vec![Selector { weights: Some(7), ..selector(6, "targets", read(5).dim(0)) }]
        }
        Op::Logits(_) => vec![selector(2, "chosen", read(0).dim(0))],
        Op::AttentionCached(op) => {
            let first = if matches!(op.pattern, reformer_tensor::CachePattern::Lsh { .. }) { 2 } else { 3 };
            let rows = Selector {
                read: first + 1,
                operand: "cache_rows",
                entries: updated(0).dim(0),
                nothing: Some(NO_ROW),
                weights: None,
            };
            let mut list = vec![rows, selector(first, "positions", op.max_positions)];
            if let reformer_tensor::CachePattern::Lsh { buckets, .. } = op.pattern {
                list.push(selector(first + 2, "buckets", buckets));
            }
            list
        }
        Op::Zeros(_)
        | Op::Cast(_)
        | Op::ProjectHeads(_)
        | Op::ProjectHeadsGradient(_)
        | Op::LayerNormGradient(_)
        | Op::LshHash(_)
        | Op::Intervals(_)
        | Op::Attention(_)
        | Op::AttentionGradient(_)
        | Op::MergeHeads(_)
        | Op::MergeHeadsGradient(_)
        | Op::FeedForward(_)
        | Op::FeedForwardGradient(_)
        | Op::GradientNorm(_)
        | Op::AdamW(_) => Vec::new(),
    }
}
