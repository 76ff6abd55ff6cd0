//! One file an op; this one only chooses. Each `run` takes the op's fields, the environment and its operands.

mod adamw;
mod attention;
mod attention_cached;
mod attention_gradient;
mod embed;
mod embed_gradient;
mod feed_forward;
mod feed_forward_gradient;
mod gradient_norm;
mod head_loss;
mod head_loss_gradient;
mod intervals;
mod layer_norm_gradient;
mod logits;
mod lsh_hash;
mod merge_heads;
mod merge_heads_gradient;
mod project_heads;
mod project_heads_gradient;
mod sort_by_bucket;
mod zeros;

use crate::environment::{Environment, Fault, Operands};
use reformer_tensor::{Op, Program};

/// Runs one instruction.
pub(crate) fn run(op: &Op, environment: &Environment, operands: &mut Operands<'_>) -> Result<(), Fault> {
    match op {
        Op::Zeros(op) => zeros::run(op, environment, operands),
        Op::Embed(op) => embed::run(op, environment, operands),
        Op::EmbedGradient(op) => embed_gradient::run(op, environment, operands),
        Op::ProjectHeads(op) => project_heads::run(op, environment, operands),
        Op::ProjectHeadsGradient(op) => project_heads_gradient::run(op, environment, operands),
        Op::LayerNormGradient(op) => layer_norm_gradient::run(op, environment, operands),
        Op::LshHash(op) => lsh_hash::run(op, environment, operands),
        Op::SortByBucket(op) => sort_by_bucket::run(op, environment, operands),
        Op::Intervals(op) => intervals::run(op, environment, operands),
        Op::Attention(op) => attention::run(op, environment, operands),
        Op::AttentionGradient(op) => attention_gradient::run(op, environment, operands),
        Op::AttentionCached(op) => attention_cached::run(op, environment, operands),
        Op::MergeHeads(op) => merge_heads::run(op, environment, operands),
        Op::MergeHeadsGradient(op) => merge_heads_gradient::run(op, environment, operands),
        Op::FeedForward(op) => feed_forward::run(op, environment, operands),
        Op::FeedForwardGradient(op) => feed_forward_gradient::run(op, environment, operands),
        Op::HeadLoss(op) => head_loss::run(op, environment, operands),
        Op::HeadLossGradient(op) => head_loss_gradient::run(op, environment, operands),
        Op::Logits(op) => logits::run(op, environment, operands),
        Op::GradientNorm(op) => gradient_norm::run(op, environment, operands),
        Op::AdamW(op) => adamw::run(op, environment, operands),
    }
}

/// A bound of what the kernels take beside the plan's slots.
pub(crate) fn scratch_bytes(_program: &Program, _environment: &Environment) -> u64 {
    0
}
