//! `lsh_hash` on the CPU: 16 tokens side by side in the lanes of a vector, the columns of the rotations as keys; of fewer tokens, as
//! decoding has them, one by one with the columns side by side. The sums and their order are the same.

use crate::attention::dots_of_rows;
use crate::attention::lanes::{self, Kernel, LANES, Lanes, Line, lines_of, transpose};
use crate::environment::{Environment, Fault, Operands};
use crate::scratch;
use crate::simd::{self, Arithmetic};
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
    if rows < LANES {
        let rotations = &rotations.f32()[op.heads.first * op.rounds * width * columns..];
        scratch::with([columns], |[products]| {
            simd::run(environment.level, FewTokens { op, qk: qk.f32(), rotations, buckets, products });
        });
        return Ok(());
    }
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
    for (round, rotation) in turned.chunks_exact_mut(columns * padded).zip(rotation.chunks_exact(width * columns)) {
        for (d, row) in rotation.chunks_exact(columns).enumerate() {
            for (column, &number) in row.iter().enumerate() {
                round[column * padded + d] = number;
            }
        }
    }
}

/// Tokens that would not fill a vector: turning the rotations would take longer than using them.
struct FewTokens<'a, 's> {
    op: &'a LshHash,
    qk: &'a [f32],
    /// `[heads, rounds, width, columns]`, from the first head on.
    rotations: &'a [f32],
    /// `[heads, rounds, rows]`.
    buckets: &'s mut [u32],
    /// Of one token and round, `[columns]`.
    products: &'s mut [f32],
}

impl simd::Kernel for FewTokens<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arithmetic>(self) {
        let (width, columns, stride) = (self.op.heads.width, self.op.columns(), self.op.heads.columns());
        let rows = self.qk.len() / stride;
        let products = self.products;
        let rotations = self.rotations.chunks_exact(width * columns);
        for (at, (buckets, rotation)) in self.buckets.chunks_exact_mut(rows).zip(rotations).enumerate() {
            let head = at / self.op.rounds;
            for (token, bucket) in buckets.iter_mut().enumerate() {
                products.fill(0.0);
                let row = &self.qk[token * stride + head * width..][..width];
                for (&number, rotation) in row.iter().zip(rotation.chunks_exact(columns)) {
                    for (product, &column) in products.iter_mut().zip(rotation) {
                        *product = A::multiply_add(number, column, *product);
                    }
                }
                let (mut column, mut scale) = (0, 1);
                *bucket = 0;
                for &factor in &self.op.factors {
                    *bucket += scale * best_of_one(&products[column..column + factor / 2]);
                    column += factor / 2;
                    scale *= factor as u32;
                }
            }
        }
    }
}

/// [`best`] of one token.
#[inline(always)]
fn best_of_one(products: &[f32]) -> u32 {
    let both = products.iter().copied().chain(products.iter().map(|product| -product));
    let (mut best, mut highest) = (0, products[0]);
    for (index, product) in both.enumerate().skip(1) {
        if product > highest {
            (best, highest) = (index as u32, product);
        }
    }
    best
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

#[cfg(test)]
mod tests {
    use super::*;
    use reformer_tensor::Key;

    /// Small integers tie often: with each other, with their opposites, and 0 with -0.
    #[test]
    fn ties_go_to_the_lowest_index_in_both_ways() {
        for seed in 0..200 {
            let products: Vec<f32> =
                (0..5).map(|at| (Key::from_seed(seed).uniform(at) * 5.0).floor() as f32 - 2.0).collect();
            let opposites = products.iter().map(|product| -product);
            let both: Vec<f32> = products.iter().copied().chain(opposites).collect();
            let highest = both.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let first = both.iter().position(|&product| product == highest).unwrap() as u32;
            let lines: Vec<Line> = products.iter().map(|&product| Line([product; LANES])).collect();
            assert_eq!(best_of_one(&products), first, "{products:?}");
            assert_eq!(best(&lines), [first; LANES], "{products:?}");
        }
    }
}
