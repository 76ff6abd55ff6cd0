//! One file an op; this one only chooses. Each `run` takes the op's fields and its operands in the documented order:
//! `updates` hold the old content, `writes` hold NaN.

mod adamw;
mod attention;
mod attention_cached;
mod attention_gradient;
mod cast;
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

use crate::array::Array;
use crate::fault::Fault;
use reformer_tensor::Op;

/// Runs one instruction.
pub(crate) fn run(op: &Op, reads: &[&Array], updates: &mut [Array], writes: &mut [Array]) -> Result<(), Fault> {
    match op {
        Op::Zeros(_) => zeros::run(writes),
        Op::Cast(_) => cast::run(reads, writes),
        Op::Embed(op) => embed::run(op, reads, writes)?,
        Op::EmbedGradient(op) => embed_gradient::run(op, reads, updates)?,
        Op::ProjectHeads(op) => project_heads::run(op, reads, writes),
        Op::ProjectHeadsGradient(op) => project_heads_gradient::run(op, reads, updates),
        Op::LayerNormGradient(_) => layer_norm_gradient::run(reads, updates),
        Op::LshHash(op) => lsh_hash::run(op, reads, writes)?,
        Op::SortByBucket(op) => sort_by_bucket::run(op, reads, writes)?,
        Op::Intervals(op) => intervals::run(op, reads, writes)?,
        Op::Attention(op) => attention::run(op, reads, writes)?,
        Op::AttentionGradient(op) => attention_gradient::run(op, reads, writes)?,
        Op::AttentionCached(op) => attention_cached::run(op, reads, updates, writes)?,
        Op::MergeHeads(op) => merge_heads::run(op, reads, updates)?,
        Op::MergeHeadsGradient(op) => merge_heads_gradient::run(op, reads, updates, writes),
        Op::FeedForward(op) => feed_forward::run(op, reads, updates)?,
        Op::FeedForwardGradient(op) => feed_forward_gradient::run(op, reads, updates)?,
        Op::HeadLoss(_) => head_loss::run(reads, writes)?,
        Op::HeadLossGradient(_) => head_loss_gradient::run(reads, updates, writes)?,
        Op::Logits(_) => logits::run(reads, writes)?,
        Op::GradientNorm(_) => gradient_norm::run(reads, writes),
        Op::AdamW(op) => adamw::run(op, reads, updates),
    }
    Ok(())
}
