//! `layer_norm_gradient` on the CPU: per block of rows, the stream's gradient in tiles, then the parameters' sums.

use crate::environment::{Environment, Fault, Operands};
use crate::normed::{NormParameterGradient, NormTile, NormTileBackward};
use crate::scratch;
use crate::stream::Unit;
use crate::tiles::{cut, tile_rows, try_each};
use reformer_tensor::op::{LayerNormGradient, ROW_BLOCK};

pub(super) fn run(
    _op: &LayerNormGradient,
    environment: &Environment,
    operands: &mut Operands<'_>,
) -> Result<(), Fault> {
    let [x, gamma, d] = &operands.reads[..] else { return Ok(()) };
    let [dx, dgamma, dbeta] = &mut operands.updates[..] else { return Ok(()) };
    let (total, width) = (x.shape.dim(0), x.shape.dim(1));
    let (gamma, d, dx, dgamma, dbeta) = (gamma.f32(), d.f32(), dx.f32(), dgamma.f32(), dbeta.f32());
    for block in (0..total).step_by(ROW_BLOCK) {
        let count = ROW_BLOCK.min(total - block);
        let rows = tile_rows(count, environment);
        let own = block * width..(block + count) * width;
        scratch::with([count * width, width, width], |[normalised, sum1, sum2]| {
            let tiles = cut(normalised, width, rows).zip(cut(&mut dx[own.clone()], width, rows));
            let tiles = tiles.map(|((first, normalised), (_, dx))| (first, normalised, dx)).collect();
            try_each(tiles, |(first, normalised, dx)| {
                let count = normalised.len() / width;
                let start = (block + first) * width;
                scratch::with([count * width, count], |[out, inverse]| {
                    NormTile {
                        x: &x.u32()[start..start + count * width],
                        unit: Unit::of(x.dtype),
                        gamma,
                        beta: gamma,
                        out,
                        keep: Some((&mut *normalised, &mut *inverse)),
                    }
                    .run_at(environment.level);
                    let d = &d[start..start + count * width];
                    NormTileBackward { normalised, inverse, gamma, d, dx }.run_at(environment.level);
                });
                Ok(())
            })?;
            let sums = (sum1, sum2);
            NormParameterGradient { normalised, d: &d[own], dgamma, dbeta, sums }.run_at(environment.level);
            Ok(())
        })?;
    }
    Ok(())
}
