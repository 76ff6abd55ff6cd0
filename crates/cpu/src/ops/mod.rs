//! One file an op; this one only chooses. Each `run` takes the op's fields, the environment and its operands.

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

use crate::attention::list_bytes;
use crate::environment::{Environment, Fault, Operands};
use crate::product;
use crate::scratch::Buffers;
use crate::tiles::Need;
use reformer_tensor::{Instruction, Op, Program, Shape};

/// Runs one instruction.
pub(crate) fn run(op: &Op, environment: &Environment, operands: &mut Operands<'_>) -> Result<(), Fault> {
    match op {
        Op::Zeros(op) => zeros::run(op, environment, operands),
        Op::Cast(op) => cast::run(op, environment, operands),
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

/// What an op takes beside its operands. Attention's ops say it themselves.
fn need(program: &Program, instruction: &Instruction, environment: &Environment) -> Need {
    let read = |index: usize| instruction.reads.get(index).map_or(Shape::new(&[0]), |&id| program.info(id).shape);
    let updated =
        |index: usize| instruction.updates.get(index).map_or(Shape::new(&[0]), |&(id, _)| program.info(id).shape);
    match &instruction.op {
        Op::Zeros(_)
        | Op::Cast(_)
        | Op::LshHash(_)
        | Op::SortByBucket(_)
        | Op::Intervals(_)
        | Op::Attention(_)
        | Op::AttentionGradient(_)
        | Op::AttentionCached(_)
        | Op::GradientNorm(_)
        | Op::AdamW(_) => Need::default(),
        Op::Embed(_) => embed::need(read(3)),
        Op::EmbedGradient(_) => embed::need(read(3)),
        Op::ProjectHeads(_) => project_heads::need(read(0), environment),
        Op::ProjectHeadsGradient(op) => project_heads_gradient::need(op, read(0)),
        Op::LayerNormGradient(_) => layer_norm_gradient::need(read(0), environment),
        Op::MergeHeads(op) => merge_heads::need(op, updated(0), environment),
        Op::MergeHeadsGradient(op) => merge_heads_gradient::need(op, read(0)),
        Op::FeedForward(op) => feed_forward::need(op, read(0), read(3), environment),
        Op::FeedForwardGradient(op) => feed_forward_gradient::need(op, read(0), read(4), environment),
        Op::HeadLoss(_) => head_loss::need(read(0), read(4)),
        Op::HeadLossGradient(_) => head_loss_gradient::need(read(0), read(4)),
        Op::Logits(_) => logits::need(read(0), read(2)),
    }
}

/// Rows of an instruction's first operand.
fn rows(program: &Program, instruction: &Instruction) -> usize {
    instruction.reads.first().map_or(0, |&id| program.info(id).shape.dim(0))
}

/// The buffers that the kernels of a program take from `scratch.rs`; they serve one instruction after another.
pub(crate) fn buffers(program: &Program, environment: &Environment) -> Buffers {
    let threads = environment.threads;
    let of_instruction = |instruction: &Instruction| {
        let of_attention = crate::attention::buffers(&instruction.op, rows(program, instruction), threads);
        need(program, instruction, environment).buffers(threads).or(of_attention)
    };
    program.instructions.iter().map(of_instruction).fold(Buffers::default(), Buffers::or)
}

/// What a run takes beside the plan's slots: buffers, what gemm packs, lists of decoding, and the outputs' copies.
pub(crate) fn scratch_bytes(program: &Program, environment: &Environment) -> u64 {
    let lists = program.instructions.iter().filter_map(|instruction| {
        let Op::AttentionCached(op) = &instruction.op else { return None };
        Some(list_bytes(op, rows(program, instruction)))
    });
    let outputs = program.outputs.iter().map(|&(_, id)| program.info(id).bytes());
    buffers(program, environment).bytes()
        + environment.threads as u64 * product::PACKING_BYTES
        + lists.max().unwrap_or(0)
        + outputs.sum::<u64>()
}
