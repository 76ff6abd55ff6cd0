//! One file an op: launch geometry. This one only chooses. Kernels are in `shaders/`.

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

use crate::recorder::Recorder;
use reformer_tensor::{BackendError, Op};

/// Records what an op launches.
pub(crate) fn record(op: &Op, recorder: &mut Recorder<'_>) -> Result<(), BackendError> {
    match op {
        Op::Zeros(op) => zeros::record(op, recorder),
        Op::Cast(op) => cast::record(op, recorder),
        Op::Embed(op) => embed::record(op, recorder),
        Op::EmbedGradient(op) => embed_gradient::record(op, recorder),
        Op::ProjectHeads(op) => project_heads::record(op, recorder),
        Op::ProjectHeadsGradient(op) => project_heads_gradient::record(op, recorder),
        Op::LayerNormGradient(op) => layer_norm_gradient::record(op, recorder),
        Op::LshHash(op) => lsh_hash::record(op, recorder),
        Op::SortByBucket(op) => sort_by_bucket::record(op, recorder),
        Op::Intervals(op) => intervals::record(op, recorder),
        Op::Attention(op) => attention::record(op, recorder),
        Op::AttentionGradient(op) => attention_gradient::record(op, recorder),
        Op::AttentionCached(op) => attention_cached::record(op, recorder),
        Op::MergeHeads(op) => merge_heads::record(op, recorder),
        Op::MergeHeadsGradient(op) => merge_heads_gradient::record(op, recorder),
        Op::FeedForward(op) => feed_forward::record(op, recorder),
        Op::FeedForwardGradient(op) => feed_forward_gradient::record(op, recorder),
        Op::HeadLoss(op) => head_loss::record(op, recorder),
        Op::HeadLossGradient(op) => head_loss_gradient::record(op, recorder),
        Op::Logits(op) => logits::record(op, recorder),
        Op::GradientNorm(op) => gradient_norm::record(op, recorder),
        Op::AdamW(op) => adamw::record(op, recorder),
    }
}
