//! What the kernels of attention take beside the plan's slots. The lengths are those that the kernels ask for: see `drive.rs`.

use super::Tiling;
use super::backward::BackwardSlots;
use super::drive::{backward_lines, forward_lines, range_lines};
use super::forward::ForwardSlots;
use super::lanes::{LANES, lines_of};
use super::pieces::most_rows;
use crate::scratch::Buffers;
use reformer_tensor::Op;
use reformer_tensor::op::{AttentionCached, CachePattern, HeadRange, Pattern};
use std::iter::repeat_n;

/// Buffers that an instruction holds at once at most while it runs over `rows` rows with `threads` threads; none for ops that are no
/// part of attention. Sorted rounds in one long segment need their results by slot, `[rows, head_width]`, once (forward) or twice
/// (backward); everything else is tiles per thread.
pub(crate) fn buffers(op: &Op, rows: usize, threads: usize) -> Buffers {
    match op {
        Op::LshHash(op) => {
            let (per_row, columns) = (lines_of(op.heads.width), op.columns());
            if rows < LANES {
                return Buffers::new([lines_of(columns)]);
            }
            let tiles = repeat_n(2 * per_row * LANES + columns, threads);
            Buffers::new(tiles.chain([op.rounds * columns * per_row]))
        }
        Op::SortByBucket(op) => Buffers::new(repeat_n(lines_of(op.buckets), threads)),
        Op::Attention(op) => {
            let range = ForwardSlots::memory_lines(op.heads.width, rounds(op.pattern), Tiling::new(op.pattern, rows));
            of_pieces(op.pattern, rows, threads, range, |rows| forward_lines(op.heads.width, rows))
        }
        Op::AttentionGradient(op) => {
            let HeadRange { width, .. } = op.heads;
            let sorted = matches!(op.pattern, Pattern::Lsh { .. });
            let own = range_lines(sorted, width, rows);
            let range = own + BackwardSlots::memory_lines(width, rounds(op.pattern), Tiling::new(op.pattern, rows));
            of_pieces(op.pattern, rows, threads, range, |rows| backward_lines(sorted, width, rows))
        }
        Op::AttentionCached(_)
        | Op::Zeros(_)
        | Op::Cast(_)
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
        | Op::AdamW(_) => Buffers::default(),
    }
}

fn rounds(pattern: Pattern) -> usize {
    match pattern {
        Pattern::Lsh { rounds, .. } => rounds,
        Pattern::Local { .. } | Pattern::Full => 1,
    }
}

/// First a piece for all threads, which may be all rows where tokens are sorted; then a piece for each. In both cases every thread
/// has a range as well, and where tokens are not sorted the first row that each row sees is held throughout.
fn of_pieces(
    pattern: Pattern,
    rows: usize,
    threads: usize,
    range: usize,
    piece_lines: impl Fn(usize) -> usize,
) -> Buffers {
    let sorted = matches!(pattern, Pattern::Lsh { .. });
    let own = most_rows(sorted, rows, threads, Tiling::new(pattern, rows));
    let (shared, low) = if sorted { (rows, 0) } else { (own, lines_of(rows)) };
    let held = |pieces: usize, rows: usize| {
        Buffers::new(repeat_n(piece_lines(rows), pieces).chain(repeat_n(range, threads)).chain([low]))
    };
    held(1, shared).or(held(threads, own))
}

/// Bytes of the lists that `attention_cached` allocates while it runs: per head the logits, entries and marks of one token, and
/// the places of all tokens' context rows (a pointer and a length each).
pub(crate) fn list_bytes(op: &AttentionCached, rows: usize) -> u64 {
    let per_head = match op.pattern {
        CachePattern::Lsh { window, .. } => op.layout().capacity + 2 * window,
        CachePattern::Local { window } => 2 * window.min(op.max_positions),
        CachePattern::Full => 2 * op.max_positions,
    };
    (4 * op.heads.count * (per_head + 3 * op.heads.width) + 16 * rows * op.heads.count) as u64
}
