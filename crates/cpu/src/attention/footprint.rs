//! A bound of the memory that the kernels of attention take beside the plan's slots. It is kept and used again.

use super::Tiling;
use super::backward::BackwardSlots;
use super::forward::ForwardSlots;
use super::lanes::{LANES, Line, lines_of};
use super::pieces::{GIANT, MOST_ROWS};
use reformer_tensor::Op;
use reformer_tensor::op::{CachePattern, HeadRange, Pattern};

/// Bytes that an instruction takes at most while it runs over `rows` rows with `threads` threads; 0 for ops that are no part of
/// attention. Sorted rounds in one long segment need their results by slot, `[rows, head_width]`, once (forward) or twice
/// (backward); everything else is tiles per thread.
pub(crate) fn scratch_bytes(op: &Op, rows: usize, threads: usize) -> u64 {
    let threads = threads.max(1);
    let lines = |numbers: usize| (lines_of(numbers) * size_of::<Line>()) as u64;
    let words = |count: usize| 4 * count as u64;
    match op {
        Op::LshHash(op) => {
            let per_row = lines_of(op.heads.width);
            let tiles = threads * (2 * per_row * LANES + op.columns());
            lines((op.rounds * op.columns() * per_row + tiles) * LANES)
        }
        Op::SortByBucket(op) => words(threads * op.buckets),
        Op::Attention(op) => attention(op.pattern, op.heads, rows, threads, 1, ForwardSlots::memory_lines),
        Op::AttentionGradient(op) => {
            let gradients = if matches!(op.pattern, Pattern::Lsh { .. }) { 2 } else { 3 };
            let own = lines(threads * MOST_ROWS.min(rows) * lines_of(op.heads.width) * LANES);
            own + attention(op.pattern, op.heads, rows, threads, gradients, BackwardSlots::memory_lines)
        }
        Op::AttentionCached(op) => {
            let per_head = match op.pattern {
                CachePattern::Lsh { window, .. } => op.layout().capacity + 2 * window,
                CachePattern::Local { window } => 2 * window.min(op.max_positions),
                CachePattern::Full => 2 * op.max_positions,
            };
            // The places of a context row are handed to heads one by one: a pointer and a length each.
            words(op.heads.count * (per_head + 3 * op.heads.width)) + 16 * (rows * op.heads.count) as u64
        }
        Op::Zeros(_)
        | Op::Embed(_)
        | Op::EmbedGradient(_)
        | Op::ProjectHeads(_)
        | Op::ProjectHeadsGradient(_)
        | Op::LayerNormGradient(_)
        | Op::Intervals(_)
        | Op::MergeHeads(_)
        | Op::MergeHeadsGradient(_)
        | Op::FeedForward(_)
        | Op::FeedForwardGradient(_)
        | Op::HeadLoss(_)
        | Op::HeadLossGradient(_)
        | Op::Logits(_)
        | Op::GradientNorm(_)
        | Op::AdamW(_) => 0,
    }
}

fn attention(
    pattern: Pattern,
    heads: HeadRange,
    rows: usize,
    threads: usize,
    results: usize,
    memory_lines: fn(usize, usize, Tiling) -> usize,
) -> u64 {
    let tiling = Tiling::default();
    let (rounds, lows) = match pattern {
        Pattern::Lsh { rounds, .. } => (rounds, 0),
        Pattern::Local { .. } | Pattern::Full => (1, rows),
    };
    // Pieces that several threads hold at once, and one that may be all rows; those of unsorted rows are small.
    let pieces = threads * (GIANT * tiling.piece).min(rows);
    let held = pieces + if matches!(pattern, Pattern::Lsh { .. }) { rows } else { 0 };
    let by_row = results * lines_of(heads.width) + 1;
    let lines = held * by_row + threads * memory_lines(heads.width, rounds, tiling);
    (lines * size_of::<Line>() + 4 * lows) as u64
}
