//! `layer_norm_gradient` on the CPU: per block of rows, the stream's gradient in tiles, then the parameters' sums.

mod naive;

use crate::environment::{Environment, Fault, Kernels, Operands};
use crate::normed::{NormTile, NormTileBackward};
use crate::scratch;
use crate::simd;
use crate::stream::Unit;
use crate::sums::BlockSums;
use crate::tiles::{Need, cut, tile_rows, try_each};
use reformer_tensor::Shape;
use reformer_tensor::op::{LayerNormGradient, ROW_BLOCK};

/// A tile's normed rows, which nobody reads, and 1/√(var + ε).
fn tile_lengths(rows: usize, width: usize) -> [usize; 2] {
    [rows * width, rows]
}

pub(super) fn need(x: Shape, environment: &Environment) -> Need {
    let rows = ROW_BLOCK.min(x.dim(0));
    Need::new(&[rows * x.dim(1)], &tile_lengths(tile_rows(rows, environment), x.dim(1)))
}

pub(super) fn run(
    _op: &LayerNormGradient,
    environment: &Environment,
    operands: &mut Operands<'_>,
) -> Result<(), Fault> {
    if environment.kernels == Kernels::Naive {
        naive::run(operands);
        return Ok(());
    }
    let [x, gamma, d] = &operands.reads[..] else { return Ok(()) };
    let [dx, dgamma, dbeta] = &mut operands.updates[..] else { return Ok(()) };
    let (total, width) = (x.shape.dim(0), x.shape.dim(1));
    let (gamma, d, dx, dgamma, dbeta) = (gamma.f32(), d.f32(), dx.f32(), dgamma.f32(), dbeta.f32());
    scratch::with([ROW_BLOCK.min(total) * width], |[normalised]| {
        for block in (0..total).step_by(ROW_BLOCK) {
            let count = ROW_BLOCK.min(total - block);
            let rows = tile_rows(count, environment);
            let own = block * width..(block + count) * width;
            let normalised = &mut normalised[..count * width];
            let tiles = cut(normalised, width, rows).zip(cut(&mut dx[own.clone()], width, rows));
            let tiles = tiles.map(|((first, normalised), (_, dx))| (first, normalised, dx));
            try_each(tiles.collect(), |(first, normalised, dx)| {
                let count = normalised.len() / width;
                let start = (block + first) * width;
                scratch::with(tile_lengths(count, width), |[out, inverse]| {
                    let norm = NormTile {
                        x: &x.u32()[start..start + count * width],
                        unit: Unit::of(x.dtype),
                        gamma,
                        beta: gamma,
                        out,
                        keep: Some((&mut *normalised, &mut *inverse)),
                    };
                    simd::run(environment.level, norm);
                    let d = &d[start..start + count * width];
                    simd::run(environment.level, NormTileBackward { normalised, inverse, gamma, d, dx });
                });
                Ok(())
            })?;
            let mut sums = BlockSums::default();
            sums.norm(normalised, &d[own], dgamma, dbeta);
            sums.run(environment)?;
        }
        Ok(())
    })
}
