//! `head_loss_gradient` on the CPU: per block of rows, the scored ones among them in tiles, then the weights' sums.

use super::head_loss::{Head, LogSum, TILE, scored};
use crate::environment::{Environment, Fault, Operands};
use crate::normed::{ColumnSums, NormParameterGradient, NormTileBackward};
use crate::product::{Matrix, product};
use crate::scratch;
use crate::simd;
use crate::tiles::{cut, try_each};
use reformer_tensor::op::{HeadLossGradient, ROW_BLOCK};

/// Rows of the weight's gradient that one task sums.
const WEIGHT_ROWS: usize = 64;

/// One tile's share of a block's scratch.
struct Tile<'a> {
    rows: &'a [usize],
    normed: &'a mut [f32],
    normalised: &'a mut [f32],
    d_logits: &'a mut [f32],
    d_normed: &'a mut [f32],
    dx: &'a mut [f32],
    losses: &'a mut [f32],
}

pub(super) fn run(_op: &HeadLossGradient, environment: &Environment, operands: &mut Operands<'_>) -> Result<(), Fault> {
    let head = Head::of(operands);
    let level = environment.level;
    let (targets, weights) = (operands.reads[6].u32(), operands.reads[7].f32());
    let all = scored(targets, weights, head.vocabulary)?;
    let (width, wide, vocabulary) = (head.width, 2 * head.width, head.vocabulary);
    for result in &mut operands.writes {
        result.f32().fill(0.0);
    }
    let [dgamma, dbeta, dweight, dbias] = &mut operands.updates[..] else { return Ok(()) };
    let [dy1, dy2, losses] = &mut operands.writes[..] else { return Ok(()) };
    let (dy1, dy2, losses) = (dy1.f32(), dy2.f32(), losses.f32());
    let mut rest = &all[..];
    while let Some(&first) = rest.first() {
        // A block is ROW_BLOCK consecutive rows, of which only the scored ones take part.
        let end = (first / ROW_BLOCK + 1) * ROW_BLOCK;
        let (rows, later) = rest.split_at(rest.partition_point(|&row| row < end));
        rest = later;
        let count = rows.len();
        scratch::with(
            [
                count * wide,
                count * wide,
                count * vocabulary,
                count * wide,
                count * wide,
                count,
                vocabulary.max(wide),
                wide,
            ],
            |[normed, normalised, d_logits, d_normed, dx, own_losses, sum1, sum2]| {
                let tiles = rows
                    .chunks(TILE)
                    .zip(cut(normed, wide, TILE).zip(cut(normalised, wide, TILE)))
                    .zip(cut(d_logits, vocabulary, TILE).zip(cut(d_normed, wide, TILE)))
                    .zip(cut(dx, wide, TILE).zip(cut(own_losses, 1, TILE)))
                    .map(
                        |(
                            ((rows, ((_, normed), (_, normalised))), ((_, d_logits), (_, d_normed))),
                            ((_, dx), (_, losses)),
                        )| {
                            Tile { rows, normed, normalised, d_logits, d_normed, dx, losses }
                        },
                    );
                try_each(tiles.collect(), |tile| {
                    let count = tile.rows.len();
                    scratch::with([count * vocabulary, count], |[logits, inverse]| {
                        head.logits(
                            level,
                            tile.rows,
                            tile.normed,
                            logits,
                            Some((&mut *tile.normalised, &mut *inverse)),
                        );
                        for (index, &row) in tile.rows.iter().enumerate() {
                            let logits = &logits[index * vocabulary..(index + 1) * vocabulary];
                            let d = &mut tile.d_logits[index * vocabulary..(index + 1) * vocabulary];
                            let z = simd::run(level, LogSum { logits, probabilities: Some(&mut *d) });
                            let target = targets[row] as usize;
                            tile.losses[index] = weights[row] * (z - logits[target]);
                            d[target] -= 1.0;
                            for d in d {
                                *d *= weights[row];
                            }
                        }
                        let weight = Matrix::rows(head.weight, vocabulary).transposed();
                        product(
                            (count, vocabulary, wide),
                            Matrix::rows(tile.d_logits, vocabulary),
                            weight,
                            tile.d_normed,
                            wide,
                            false,
                        );
                        tile.dx.fill(0.0);
                        let (gamma, d, dx) = (head.gamma, &*tile.d_normed, tile.dx);
                        NormTileBackward { normalised: tile.normalised, inverse, gamma, d, dx }.run_at(level);
                    });
                    Ok(())
                })?;
                for (index, &row) in rows.iter().enumerate() {
                    losses[row] = own_losses[index];
                    let (first, second) = dx[index * wide..(index + 1) * wide].split_at(width);
                    dy1[row * width..(row + 1) * width].copy_from_slice(first);
                    dy2[row * width..(row + 1) * width].copy_from_slice(second);
                }
                try_each(cut(dweight.f32(), vocabulary, WEIGHT_ROWS).collect(), |(first, out)| {
                    let m = out.len() / vocabulary;
                    let normed = Matrix::rows(&normed[first..], wide).transposed();
                    product((m, count, vocabulary), normed, Matrix::rows(d_logits, vocabulary), out, vocabulary, true);
                    Ok(())
                })?;
                ColumnSums { rows: d_logits, partial: &mut sum1[..vocabulary], sum: dbias.f32() }.run_at(level);
                let sums = (&mut sum1[..wide], &mut sum2[..wide]);
                let (dgamma, dbeta) = (dgamma.f32(), dbeta.f32());
                NormParameterGradient { normalised, d: d_normed, dgamma, dbeta, sums }.run_at(level);
                Ok(())
            },
        )?;
    }
    Ok(())
}
