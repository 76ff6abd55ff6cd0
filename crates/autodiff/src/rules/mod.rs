//! One gradient rule an op; this file only chooses. A rule reads forward values through the walk (they may have been rebuilt),
//! records gradient ops, and adds contributions.

mod attention;
mod embed;
mod feed_forward;
mod head_loss;
mod merge_heads;
mod project_heads;

use crate::backward::Backward;
use reformer_tensor::{Instruction, Op};

/// Applies the rule of an instruction.
pub(crate) fn apply(backward: &mut Backward<'_>, instruction: &Instruction) {
    match &instruction.op {
        Op::Embed(op) => embed::rule(backward, op, instruction),
        Op::ProjectHeads(op) => project_heads::rule(backward, op, instruction),
        Op::Attention(op) => attention::rule(backward, op, instruction),
        Op::MergeHeads(op) => merge_heads::rule(backward, op, instruction),
        Op::FeedForward(op) => feed_forward::rule(backward, op, instruction),
        Op::HeadLoss(_) => head_loss::rule(backward, instruction),
        // A product's gradient goes to the weight that was cast: see `Backward::parameter_gradient`.
        Op::Cast(_) => {}
        // Integers: no gradient passes through a bucket, a sort or an interval (attention.md, section 3). A constant has none.
        Op::LshHash(_) | Op::SortByBucket(_) | Op::Intervals(_) | Op::Zeros(_) => {}
        // Nothing that is trained is recorded with these: decoding has no loss, and gradients have no gradients here.
        Op::Logits(_)
        | Op::AttentionCached(_)
        | Op::EmbedGradient(_)
        | Op::ProjectHeadsGradient(_)
        | Op::LayerNormGradient(_)
        | Op::AttentionGradient(_)
        | Op::MergeHeadsGradient(_)
        | Op::FeedForwardGradient(_)
        | Op::HeadLossGradient(_)
        | Op::GradientNorm(_)
        | Op::AdamW(_) => {}
    }
}
