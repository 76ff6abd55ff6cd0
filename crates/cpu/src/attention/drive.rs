//! Drives `attention` and `attention_gradient` over pieces, heads and rounds, on all threads. No arithmetic.

use super::Problem;
use super::backward::{AddRound, BackwardSlots};
use super::forward::{ForwardSlots, MergeRounds, Norms};
use super::gather::{Columns, Source};
use super::lanes::{self, LANES, Line, lines_of};
use super::pieces::{self, MOST_ROWS, Piece, range_rows};
use crate::environment::Environment;
use crate::scratch::{self, cut};
use rayon::prelude::*;
use std::mem::take;

/// Rows of several tensors that belong to one piece.
struct Share<'s> {
    piece: Piece,
    /// Tensors `[rows, columns]`.
    activations: Vec<&'s mut [f32]>,
    /// Per head.
    z: Vec<&'s mut [f32]>,
}

/// Cuts tensors into the shares of pieces, which follow each other.
fn shares<'s>(
    problem: &Problem<'_>,
    environment: &Environment,
    mut activations: Vec<&'s mut [f32]>,
    z: &'s mut [f32],
) -> Vec<Share<'s>> {
    let mut z: Vec<&mut [f32]> = z.chunks_mut(problem.rows.max(1)).collect();
    let front = |tensor: &mut &'s mut [f32], length: usize| {
        let (front, rest) = take(tensor).split_at_mut(length);
        *tensor = rest;
        front
    };
    let pieces = pieces::pieces(problem, environment).into_iter();
    pieces
        .map(|piece| {
            let rows = piece.rows.len();
            let columns = problem.heads.columns();
            Share {
                activations: activations.iter_mut().map(|tensor| front(tensor, rows * columns)).collect(),
                z: z.iter_mut().map(|tensor| front(tensor, rows)).collect(),
                piece,
            }
        })
        .collect()
}

/// Pieces that all threads share go one after another, the others side by side.
fn each_share(shares: Vec<Share<'_>>, work: impl Fn(Share<'_>) + Sync) {
    let (shared, own): (Vec<_>, Vec<_>) = shares.into_iter().partition(|share| share.piece.shared);
    shared.into_iter().for_each(&work);
    own.into_par_iter().for_each(&work);
}

/// Runs work on all threads, or on this one.
fn each<T: Send>(shared: bool, items: impl Iterator<Item = T>, work: impl Fn(T) + Send + Sync) {
    if shared {
        let items: Vec<T> = items.collect();
        items.into_par_iter().for_each(work);
    } else {
        items.for_each(work);
    }
}

/// Rows rounded up to whole groups of queries.
fn padded(rows: usize) -> usize {
    rows.next_multiple_of(LANES)
}

/// Rows that scratch is asked for: the same for all pieces that threads have of their own, see `scratch.rs`.
fn held_rows(problem: &Problem<'_>, environment: &Environment, piece: &Piece) -> usize {
    if piece.shared {
        piece.rows.len()
    } else {
        pieces::most_rows(problem.sorted.is_some(), problem.rows, environment.threads, problem.tiling)
    }
}

/// Inverse norms of a piece's rows.
fn norms(environment: &Environment, piece: &Piece, rows: Columns<'_>, norms: &mut [f32]) {
    let step = range_rows(piece, environment);
    each(piece.shared, norms.chunks_mut(step).enumerate(), |(index, norms)| {
        lanes::run(environment.level, Norms { rows, base: piece.rows.start + index * step, norms });
    });
}

/// `attention`.
pub(crate) fn forward(problem: &Problem<'_>, environment: &Environment, context: &mut [f32], z: &mut [f32]) {
    each_share(shares(problem, environment, vec![context], z), |share| forward_share(problem, environment, share));
}

fn forward_share(problem: &Problem<'_>, environment: &Environment, mut share: Share<'_>) {
    let rows = held_rows(problem, environment, &share.piece);
    scratch::with_lines(forward_lines(problem.heads.width, rows), |memory| {
        for head in 0..problem.heads.count {
            forward_head(problem, environment, &mut share, head, memory);
        }
    });
}

/// Lines that a piece's results take.
pub(super) fn forward_lines(width: usize, rows: usize) -> usize {
    padded(rows) * lines_of(width) + 2 * padded(rows) / LANES + 3 * lines_of(rows)
}

fn forward_head(
    problem: &Problem<'_>,
    environment: &Environment,
    share: &mut Share<'_>,
    head: usize,
    mut memory: &mut [Line],
) {
    let (piece, width) = (share.piece.clone(), problem.heads.width);
    let (rows, base) = (piece.rows.len(), piece.rows.start);
    let per_row = lines_of(width);
    let weighted = cut(&mut memory, padded(rows) * per_row);
    let maxima = cut(&mut memory, padded(rows) / LANES);
    let sums = cut(&mut memory, padded(rows) / LANES);
    let [running_maxima, running_sums, inverse_norms] =
        [(); 3].map(|()| &mut bytemuck::cast_slice_mut::<Line, f32>(cut(&mut memory, lines_of(rows)))[..rows]);
    let view = problem.head(head);
    let rounds = problem.rounds(head);
    if view.shared {
        norms(environment, &piece, view.key, inverse_norms);
    }
    let inverse_norms = &*inverse_norms;
    let step = range_rows(&piece, environment);
    for round in 0..rounds.len() {
        let results = weighted.chunks_mut(step * per_row).zip(maxima.chunks_mut(step / LANES));
        let results = results.zip(sums.chunks_mut(step / LANES)).enumerate();
        each(piece.shared, results, |(index, ((weighted, maxima), sums))| {
            let source = Source { head: view, rounds: &rounds[..=round], norms: inverse_norms, base };
            let start = base + index * step;
            let slots = start..piece.rows.end.min(start + step);
            let tiling = problem.tiling;
            scratch::with_lines(ForwardSlots::memory_lines(width, rounds.len(), tiling), |memory| {
                lanes::run(environment.level, ForwardSlots { source, slots, tiling, weighted, maxima, sums, memory });
            });
        });
        let (weighted, maxima, sums) = (&*weighted, bytemuck::cast_slice(maxima), bytemuck::cast_slice(sums));
        let columns = view.query;
        let parts = share.activations[0].chunks_mut(step * columns.stride).zip(share.z[head].chunks_mut(step));
        let parts = parts.zip(running_maxima.chunks_mut(step).zip(running_sums.chunks_mut(step))).enumerate();
        each(piece.shared, parts, |(index, ((context, z), (running_maxima, running_sums)))| {
            let start = base + index * step;
            let merge = MergeRounds {
                round: rounds[round],
                tokens: start..piece.rows.end.min(start + step),
                base,
                is_first: round == 0,
                is_last: round + 1 == rounds.len(),
                weighted,
                maxima,
                sums,
                running_maxima,
                running_sums,
                context,
                columns,
                z,
            };
            lanes::run(environment.level, merge);
        });
    }
}

/// What `attention_gradient` reads beside the problem.
pub(crate) struct Upstream<'a> {
    /// `[heads, rows]`.
    pub z: &'a [f32],
    /// `[heads, rows]`.
    pub delta: &'a [f32],
    /// `[rows, columns]`.
    pub d_context: &'a [f32],
}

/// `attention_gradient`; `gradients` are (dqk, dv) or (dq, dk, dv).
pub(crate) fn backward(
    problem: &Problem<'_>,
    environment: &Environment,
    upstream: &Upstream<'_>,
    gradients: Vec<&mut [f32]>,
) {
    each_share(shares(problem, environment, gradients, &mut []), |mut share| {
        let rows = held_rows(problem, environment, &share.piece);
        scratch::with_lines(backward_lines(problem.sorted.is_some(), problem.heads.width, rows), |memory| {
            for head in 0..problem.heads.count {
                backward_head(problem, environment, upstream, &mut share, head, memory);
            }
        });
    });
}

/// Lines that a piece's gradients take.
pub(super) fn backward_lines(sorted: bool, width: usize, rows: usize) -> usize {
    let gradients = if sorted { 2 } else { 3 };
    gradients * padded(rows) * lines_of(width) + lines_of(rows)
}

/// Lines that the gradients of a range's keys take where queries and keys are shared: they are added to the queries' there.
pub(super) fn range_lines(sorted: bool, width: usize, rows: usize) -> usize {
    if sorted { padded(rows.min(MOST_ROWS)) * lines_of(width) } else { 0 }
}

fn backward_head(
    problem: &Problem<'_>,
    environment: &Environment,
    upstream: &Upstream<'_>,
    share: &mut Share<'_>,
    head: usize,
    mut memory: &mut [Line],
) {
    let (piece, width) = (share.piece.clone(), problem.heads.width);
    let (rows, base) = (piece.rows.len(), piece.rows.start);
    let per_row = lines_of(width);
    let view = problem.head(head);
    let rounds = problem.rounds(head);
    let inverse_norms = &mut bytemuck::cast_slice_mut::<Line, f32>(cut(&mut memory, lines_of(rows)))[..rows];
    let mut gradients: Vec<&mut [Line]> =
        share.activations.iter().map(|_| cut(&mut memory, padded(rows) * per_row)).collect();
    if view.shared {
        norms(environment, &piece, view.key, inverse_norms);
    }
    let inverse_norms = &*inverse_norms;
    let step = range_rows(&piece, environment);
    let of_head = head * problem.rows..(head + 1) * problem.rows;
    let end = if view.shared { piece.rows.end } else { problem.rows };
    for round in 0..rounds.len() {
        // (dq, dk, dv) of a range; where queries and keys are shared, dk lives only in the range.
        let mut parts: Vec<Vec<&mut [Line]>> = Vec::new();
        for gradient in &mut gradients {
            for (index, part) in gradient.chunks_mut(step * per_row).enumerate() {
                if parts.len() <= index {
                    parts.push(Vec::new());
                }
                parts[index].push(part);
            }
        }
        each(piece.shared, parts.into_iter().enumerate(), |(index, parts)| {
            let source = Source { head: view, rounds: &rounds[..=round], norms: inverse_norms, base };
            let start = base + index * step;
            let slots = start..piece.rows.end.min(start + step);
            let tiling = problem.tiling;
            let own = range_lines(view.shared, width, problem.rows);
            scratch::with_lines(own + BackwardSlots::memory_lines(width, rounds.len(), tiling), |memory| {
                let (own, memory) = memory.split_at_mut(own);
                let mut parts = parts.into_iter();
                let mut next = || parts.next().expect("a range has a part of every gradient");
                let d_query = next();
                let d_key = if view.shared { &mut own[..d_query.len()] } else { next() };
                let d_value = next();
                let kernel = BackwardSlots {
                    source,
                    slots,
                    end,
                    tiling,
                    z: &upstream.z[of_head.clone()],
                    delta: &upstream.delta[of_head.clone()],
                    d_context: problem.columns(upstream.d_context, head),
                    d_query,
                    d_key,
                    d_value,
                    memory,
                };
                lanes::run(environment.level, kernel);
            });
        });
        for (gradient, out) in gradients.iter().zip(&mut share.activations) {
            let gradient = &**gradient;
            each(piece.shared, out.chunks_mut(step * view.query.stride).enumerate(), |(index, out)| {
                let start = base + index * step;
                let add = AddRound {
                    round: rounds[round],
                    tokens: start..piece.rows.end.min(start + step),
                    base,
                    is_first: round == 0,
                    gradient,
                    out,
                    columns: view.query,
                };
                lanes::run(environment.level, add);
            });
        }
    }
}
