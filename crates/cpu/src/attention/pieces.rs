//! Checks of orders and segments, and the cutting of rows into pieces that threads work on. A piece of a sorted problem is
//! closed: its tokens see none outside. A piece of an unsorted one may begin anywhere, and looks back.

use super::lanes::LANES;
use super::{Problem, Tiling};
use crate::environment::{Environment, Fault};
use rayon::prelude::*;
use std::ops::Range;

/// The least rows that are worth a task of their own.
const LEAST_ROWS: usize = 128;
/// The most rows of a range: the gradients of its keys stay in a cache.
pub(super) const MOST_ROWS: usize = 2048;
/// Tasks per thread, so that uneven ones even out.
const TASKS: usize = 4;
/// A piece of more than this many usual pieces is worked on by all threads, one such piece after another.
const GIANT: usize = 4;

/// Segments are contiguous: a row starts one, or belongs to that of the row before.
pub(crate) fn check_segments(segments: &[u32]) -> Result<(), Fault> {
    for (row, &start) in segments.iter().enumerate() {
        if start as usize != row && (row == 0 || start != segments[row - 1]) {
            return Err(Fault::Index { operand: "segments", value: start, at: row, largest: row as u32 });
        }
    }
    Ok(())
}

/// `slot` is the inverse of `order`, and tokens see no slot behind their own.
pub(super) fn check_order(problem: &Problem<'_>) -> Result<(), Fault> {
    let Some((order, slot)) = problem.sorted else { return Ok(()) };
    let rows = problem.rows.max(1);
    let rounds = order.par_chunks(rows).zip(slot.par_chunks(rows)).zip(problem.low.par_chunks(rows)).enumerate();
    let results: Vec<_> = rounds
        .map(|(round, ((order, slot), low))| {
            let largest = rows as u32 - 1;
            for (at, &token) in order.iter().enumerate() {
                let back = slot.get(token as usize).copied();
                if back != Some(at as u32) {
                    return Err(Fault::Index { operand: "order", value: token, at: round * rows + at, largest });
                }
            }
            for (token, (&low, &slot)) in low.iter().zip(slot).enumerate() {
                if low > slot {
                    return Err(Fault::Index { operand: "low", value: low, at: round * rows + token, largest: slot });
                }
            }
            Ok(())
        })
        .collect();
    results.into_iter().collect()
}

/// Rows that are worked on together, and how.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Piece {
    pub rows: Range<usize>,
    /// All threads share it; otherwise one thread works on it while others work on other pieces.
    pub shared: bool,
}

/// The most rows of a piece that one thread works on.
pub(super) fn most_rows(sorted: bool, rows: usize, threads: usize, tiling: Tiling) -> usize {
    match (sorted, threads) {
        (true, 0 | 1) => rows,
        (true, _) => rows.min(GIANT * tiling.piece),
        (false, _) => rows.min(tiling.piece),
    }
}

/// Cuts all rows into pieces of about `tiling.piece` rows, in ascending order.
pub(super) fn pieces(problem: &Problem<'_>, environment: &Environment) -> Vec<Piece> {
    let threads = environment.threads.max(1);
    let usual =
        problem.rows.div_ceil(threads * TASKS).max(LEAST_ROWS.min(problem.tiling.piece)).min(problem.tiling.piece);
    let mut pieces = Vec::new();
    let (mut end, mut lowest) = (problem.rows, usize::MAX);
    for row in (0..problem.rows).rev() {
        for low in problem.low.chunks_exact(problem.rows) {
            lowest = lowest.min(low[row] as usize);
        }
        // No row from here on sees a slot before this: the rows and the slots from here on are the same.
        let closed = lowest >= row;
        let forced = problem.sorted.is_none() && end - row == usual;
        if (closed && 2 * (end - row) >= usual) || forced || row == 0 {
            pieces.push(Piece { rows: row..end, shared: false });
            end = row;
        }
    }
    pieces.reverse();
    let small = pieces.iter().filter(|piece| piece.rows.len() <= GIANT * usual).count();
    for piece in &mut pieces {
        piece.shared = threads > 1 && (piece.rows.len() > GIANT * usual || small < 2 * threads);
    }
    pieces
}

/// Rows of a range within a piece; a multiple of 16.
pub(super) fn range_rows(piece: &Piece, environment: &Environment) -> usize {
    let tasks = if piece.shared { TASKS * environment.threads } else { 1 };
    piece.rows.len().div_ceil(tasks).clamp(LEAST_ROWS, MOST_ROWS).next_multiple_of(LANES)
}
