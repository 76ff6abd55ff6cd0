//! `lsh_hash` on the CPU: 16 tokens side by side in the lanes of a vector, the columns of the rotations as keys.

use crate::attention::dots_of_rows;
use crate::attention::lanes::{self, Kernel, LANES, Lanes, Line, lines_of, transpose};
use crate::environment::{Environment, Fault, Operands};
use crate::scratch;
use rayon::prelude::*;
use reformer_tensor::op::LshHash;

/// Tokens of a task.
const TASK_ROWS: usize = 1024;

pub(super) fn run(op: &LshHash, environment: &Environment, operands: &mut Operands<'_>) -> Result<(), Fault> {
    let (qk, rotations) = (&operands.reads[0], &operands.reads[1]);
    let rows = qk.shape.dim(0);
    let buckets = operands.writes[0].u32();
    if op.factors.is_empty() || rows == 0 {
        buckets.fill(0);
        return Ok(());
    }
    let heads = rotations.shape.dim(0);
    if op.heads.first + op.heads.count > heads {
        let value = (op.heads.first + op.heads.count) as u32 - 1;
        return Err(Fault::Index { operand: "rotations", value, at: 0, largest: (heads as u32).saturating_sub(1) });
    }
    let (width, columns) = (op.heads.width, op.columns());
    let per_row = lines_of(width);
    for (head, buckets) in buckets.chunks_mut(op.rounds * rows).enumerate() {
        let rotation =
            &rotations.f32()[(op.heads.first + head) * op.rounds * width * columns..][..op.rounds * width * columns];
        scratch::with_lines(op.rounds * columns * per_row, |turned| {
            turn(rotation, width, columns, turned);
            let turned = &*turned;
            let mut tasks: Vec<Vec<&mut [u32]>> = Vec::new();
            for round in buckets.chunks_mut(rows) {
                for (index, part) in round.chunks_mut(TASK_ROWS).enumerate() {
                    if tasks.len() <= index {
                        tasks.push(Vec::with_capacity(op.rounds));
                    }
                    tasks[index].push(part);
                }
            }
            tasks.into_par_iter().enumerate().for_each(|(index, buckets)| {
                scratch::with_lines(2 * per_row * LANES + columns, |memory| {
                    let first = index * TASK_ROWS;
                    lanes::run(environment.level, Hash { op, qk: qk.f32(), turned, head, first, buckets, memory });
                });
            });
        });
    }
    Ok(())
}

/// Rotations `[rounds, width, columns]` as rows `[rounds, columns, width]`, each filled up to whole lines.
fn turn(rotation: &[f32], width: usize, columns: usize, turned: &mut [Line]) {
    let padded = lines_of(width) * LANES;
    let turned: &mut [f32] = bytemuck::cast_slice_mut(turned);
    turned.fill(0.0);
    for (at, &number) in rotation.iter().enumerate() {
        let (round, d, column) = (at / (width * columns), at / columns % width, at % columns);
        turned[(round * columns + column) * padded + d] = number;
    }
}

struct Hash<'a, 's> {
    op: &'a LshHash,
    qk: &'a [f32],
    turned: &'a [Line],
    head: usize,
    first: usize,
    /// Per round.
    buckets: Vec<&'s mut [u32]>,
    memory: &'s mut [Line],
}

impl Kernel for Hash<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(mut self, lanes: L) {
        let (width, columns) = (self.op.heads.width, self.op.columns());
        let (per_row, stride) = (lines_of(width), self.op.heads.columns());
        let (tokens, rest) = self.memory.split_at_mut(per_row * LANES);
        let (turned_tokens, products) = rest.split_at_mut(per_row * LANES);
        let products = &mut products[..columns];
        let rows = self.buckets[0].len();
        tokens.fill(Line::ZERO);
        for start in (0..rows).step_by(LANES) {
            let count = LANES.min(rows - start);
            for lane in 0..count {
                let row = &self.qk[(self.first + start + lane) * stride + self.head * width..][..width];
                bytemuck::cast_slice_mut::<Line, f32>(&mut tokens[lane * per_row..][..per_row])[..width]
                    .copy_from_slice(row);
            }
            transpose(lanes, tokens, turned_tokens);
            for (round, buckets) in self.buckets.iter_mut().enumerate() {
                let keys = &self.turned[round * columns * per_row..][..columns * per_row];
                dots_of_rows(lanes, &turned_tokens[..width], keys, per_row, products);
                let mut found = [0u32; LANES];
                let (mut column, mut scale) = (0, 1u32);
                for &factor in &self.op.factors {
                    let half = factor / 2;
                    let best = best(&products[column..column + half]);
                    for lane in 0..LANES {
                        found[lane] += scale * best[lane];
                    }
                    column += half;
                    scale *= factor as u32;
                }
                buckets[start..start + count].copy_from_slice(&found[..count]);
            }
        }
    }
}

/// argmax(`[y, -y]`) per lane, ties to the lowest index.
#[inline(always)]
fn best(products: &[Line]) -> [u32; LANES] {
    let mut best = [0u32; LANES];
    let mut highest = products[0].0;
    for (index, line) in products.iter().enumerate().skip(1) {
        for lane in 0..LANES {
            let larger = line.0[lane] > highest[lane];
            highest[lane] = if larger { line.0[lane] } else { highest[lane] };
            best[lane] = if larger { index as u32 } else { best[lane] };
        }
    }
    for (index, line) in products.iter().enumerate() {
        for lane in 0..LANES {
            let larger = -line.0[lane] > highest[lane];
            highest[lane] = if larger { -line.0[lane] } else { highest[lane] };
            best[lane] = if larger { (products.len() + index) as u32 } else { best[lane] };
        }
    }
    best
}
