//! `feed_forward_gradient` on the CPU: per block of rows, first what belongs to rows (the share to rebuild among it), then the
//! weights' sums.

use super::feed_forward::{Activate, AddBias};
use super::merge_heads::AddShares;
use super::merge_heads_gradient::MaskRows;
use crate::dropout::Mask;
use crate::environment::{Environment, Fault, Operands};
use crate::normed::{ColumnSums, NormParameterGradient, NormTile, NormTileBackward};
use crate::product::{Matrix, product};
use crate::scratch;
use crate::simd::{self, Arithmetic, Kernel};
use crate::stream::Unit;
use crate::tiles::{cut, tile_rows, try_each};
use reformer_tensor::Direction;
use reformer_tensor::op::{FeedForwardGradient, ROW_BLOCK};

/// Rows of a weight's gradient that one task sums.
const WEIGHT_ROWS: usize = 128;

/// One tile's share of a block's scratch.
struct Tile<'a> {
    first: usize,
    normalised: &'a mut [f32],
    normed: &'a mut [f32],
    active: &'a mut [f32],
    d_hidden: &'a mut [f32],
    masked: &'a mut [f32],
    d_normed: &'a mut [f32],
    dx: &'a mut [f32],
    stream: Option<&'a mut [u32]>,
}

pub(super) fn run(
    op: &FeedForwardGradient,
    environment: &Environment,
    operands: &mut Operands<'_>,
) -> Result<(), Fault> {
    let [x, gamma, beta, dy, w1, b1, w2, b2, key] = &operands.reads[..] else { return Ok(()) };
    let (total, width, hidden) = (x.shape.dim(0), x.shape.dim(1), w1.shape.dim(1));
    let mask = Mask::new(op.dropout, key.u32());
    let level = environment.level;
    let (dx, gradients) = operands.updates.split_at_mut(1);
    let [dgamma, dbeta, dw1, db1, dw2, db2, stream @ ..] = gradients else { return Ok(()) };
    let stream_unit = stream.first().map_or(Unit::of(x.dtype), |stream| Unit::of(stream.dtype));
    for block in (0..total).step_by(ROW_BLOCK) {
        let count = ROW_BLOCK.min(total - block);
        let rows = tile_rows(count, environment);
        let own = block * width..(block + count) * width;
        let (wide, deep) = (count * width, count * hidden);
        let widest = width.max(hidden);
        scratch::with(
            [wide, wide, deep, deep, wide, wide, widest, widest],
            |[normalised, normed, active, d_hidden, masked, d_normed, sum1, sum2]| {
                let mut tiles: Vec<Tile<'_>> = cut(normalised, width, rows)
                    .zip(cut(normed, width, rows))
                    .zip(cut(active, hidden, rows).zip(cut(d_hidden, hidden, rows)))
                    .zip(cut(masked, width, rows).zip(cut(d_normed, width, rows)))
                    .zip(cut(&mut dx[0].f32()[own.clone()], width, rows))
                    .map(
                        |(
                            (
                                (((first, normalised), (_, normed)), ((_, active), (_, d_hidden))),
                                ((_, masked), (_, d_normed)),
                            ),
                            (_, dx),
                        )| {
                            Tile { first, normalised, normed, active, d_hidden, masked, d_normed, dx, stream: None }
                        },
                    )
                    .collect();
                if let Some(stream) = stream.first_mut() {
                    for (tile, (_, part)) in tiles.iter_mut().zip(cut(&mut stream.u32()[own.clone()], width, rows)) {
                        tile.stream = Some(part);
                    }
                }
                try_each(tiles, |tile| {
                    let count = tile.dx.len() / width;
                    let start = (block + tile.first) * width;
                    let range = start..start + count * width;
                    scratch::with([count, count * hidden], |[inverse, derivative]| {
                        NormTile {
                            x: &x.u32()[range.clone()],
                            unit: Unit::of(x.dtype),
                            gamma: gamma.f32(),
                            beta: beta.f32(),
                            out: tile.normed,
                            keep: Some((&mut *tile.normalised, &mut *inverse)),
                        }
                        .run_at(level);
                        let normed = Matrix::rows(tile.normed, width);
                        product(
                            (count, width, hidden),
                            normed,
                            Matrix::rows(w1.f32(), hidden),
                            tile.active,
                            hidden,
                            false,
                        );
                        let (bias, values) = (b1.f32(), &mut *tile.active);
                        simd::run(
                            level,
                            Activate { activation: op.activation, bias, values, derivative: Some(&mut *derivative) },
                        );
                        if let Some(stream) = tile.stream {
                            // `masked` is free until the next lines fill it.
                            let (active, share) = (Matrix::rows(tile.active, hidden), &mut *tile.masked);
                            product((count, hidden, width), active, Matrix::rows(w2.f32(), width), share, width, false);
                            simd::run(level, AddBias { bias: b2.f32(), values: share });
                            let (first, unit, direction) = (block + tile.first, stream_unit, Direction::Reverse);
                            AddShares { first, width, mask, unit, direction, share, stream }.run_at(environment)?;
                        }
                        tile.masked.copy_from_slice(&dy.f32()[range]);
                        simd::run(level, MaskRows { first: block + tile.first, width, mask, values: tile.masked });
                        let masked = Matrix::rows(tile.masked, width);
                        let w2 = Matrix::rows(w2.f32(), width).transposed();
                        product((count, width, hidden), masked, w2, tile.d_hidden, hidden, false);
                        simd::run(level, Multiply { values: tile.d_hidden, factors: derivative });
                        let d_hidden = Matrix::rows(tile.d_hidden, hidden);
                        let w1 = Matrix::rows(w1.f32(), hidden).transposed();
                        product((count, hidden, width), d_hidden, w1, tile.d_normed, width, false);
                        NormTileBackward {
                            normalised: tile.normalised,
                            inverse,
                            gamma: gamma.f32(),
                            d: tile.d_normed,
                            dx: tile.dx,
                        }
                        .run_at(level);
                        Ok(())
                    })
                })?;
                // dW1 = normedᵀ·d_hidden, dW2 = activeᵀ·masked.
                let mut tasks = Vec::new();
                tasks.extend(
                    cut(dw1.f32(), hidden, WEIGHT_ROWS)
                        .map(|(first, out)| (first, &*normed, width, &*d_hidden, hidden, out)),
                );
                tasks.extend(
                    cut(dw2.f32(), width, WEIGHT_ROWS)
                        .map(|(first, out)| (first, &*active, hidden, &*masked, width, out)),
                );
                try_each(tasks, |(first, left, left_width, right, right_width, out)| {
                    let m = out.len() / right_width;
                    let left = Matrix::rows(&left[first..], left_width).transposed();
                    product((m, count, right_width), left, Matrix::rows(right, right_width), out, right_width, true);
                    Ok(())
                })?;
                ColumnSums { rows: d_hidden, partial: &mut sum1[..hidden], sum: db1.f32() }.run_at(level);
                ColumnSums { rows: masked, partial: &mut sum1[..width], sum: db2.f32() }.run_at(level);
                let sums = (&mut sum1[..width], &mut sum2[..width]);
                let (dgamma, dbeta) = (dgamma.f32(), dbeta.f32());
                NormParameterGradient { normalised, d: d_normed, dgamma, dbeta, sums }.run_at(level);
                Ok(())
            },
        )?;
    }
    Ok(())
}

/// values ·= factors.
struct Multiply<'a> {
    values: &'a mut [f32],
    factors: &'a [f32],
}

impl Kernel for Multiply<'_> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arithmetic>(self) {
        for (value, &factor) in self.values.iter_mut().zip(self.factors) {
            *value *= factor;
        }
    }
}
