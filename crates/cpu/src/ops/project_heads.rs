//! `project_heads` on the CPU: row tiles of the normed stream, a product per weight.

mod naive;

use crate::environment::{Environment, Fault, Kernels, Operands};
use crate::normed::NormTile;
use crate::product::Matrix;
use crate::scratch;
use crate::simd;
use crate::stream::Unit;
use crate::tiles::{Need, cut, tile_rows, try_each};
use reformer_tensor::Shape;
use reformer_tensor::op::ProjectHeads;

pub(super) fn need(x: Shape, environment: &Environment) -> Need {
    Need::new(&[], &[tile_rows(x.dim(0), environment) * x.dim(1)])
}

pub(super) fn run(op: &ProjectHeads, environment: &Environment, operands: &mut Operands<'_>) -> Result<(), Fault> {
    if environment.kernels == Kernels::Naive {
        naive::run(op, operands);
        return Ok(());
    }
    let [x, gamma, beta, weights @ ..] = &operands.reads[..] else { return Ok(()) };
    let (total, width) = (x.shape.dim(0), x.shape.dim(1));
    let (columns, offset) = (op.heads.columns(), op.heads.offset());
    let rows = tile_rows(total, environment);
    // One tile of every result for each range of rows.
    let mut tiles: Vec<(usize, Vec<&mut [f32]>)> = (0..total).step_by(rows).map(|first| (first, Vec::new())).collect();
    for result in &mut operands.writes {
        for ((_, tile), (_, part)) in tiles.iter_mut().zip(cut(result.f32(), columns, rows)) {
            tile.push(part);
        }
    }
    try_each(tiles, |(first, outs)| {
        let count = rows.min(total - first);
        scratch::with([count * width], |[normed]| {
            let norm = NormTile {
                x: &x.u32()[first * width..(first + count) * width],
                unit: Unit::of(x.dtype),
                gamma: gamma.f32(),
                beta: beta.f32(),
                out: normed,
                keep: None,
            };
            simd::run(environment.level, norm);
            for (out, weight) in outs.into_iter().zip(weights) {
                let stride = weight.shape.dim(1);
                let (rows, weight) = (Matrix::rows(normed, width), weight.weight().from(offset));
                weight.product((count, width, columns), rows, stride, out, columns, false);
            }
        });
        Ok(())
    })
}
