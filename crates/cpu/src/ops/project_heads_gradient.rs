//! `project_heads_gradient` on the CPU: per block of rows, first what belongs to rows, then the weights' sums.

use crate::environment::{Environment, Fault, Operands};
use crate::normed::NormTile;
use crate::product::{Matrix, product};
use crate::scratch;
use crate::stream::Unit;
use crate::tiles::{cut, tile_rows, try_each};
use reformer_tensor::op::{ProjectHeadsGradient, ROW_BLOCK};

/// Rows of a weight's gradient that one task sums.
const WEIGHT_ROWS: usize = 64;

pub(super) fn run(
    op: &ProjectHeadsGradient,
    environment: &Environment,
    operands: &mut Operands<'_>,
) -> Result<(), Fault> {
    let [x, gamma, beta, rest @ ..] = &operands.reads[..] else { return Ok(()) };
    let (upstream, weights) = rest.split_at(op.weights);
    let (total, width) = (x.shape.dim(0), x.shape.dim(1));
    let (columns, offset, head_width) = (op.heads.columns(), op.heads.offset(), op.heads.width);
    let (d_normed, weight_gradients) = operands.updates.split_at_mut(1);
    let d_normed = d_normed[0].f32();
    for block in (0..total).step_by(ROW_BLOCK) {
        let count = ROW_BLOCK.min(total - block);
        let rows = tile_rows(count, environment);
        scratch::with([count * width], |[normed]| {
            let sums = &mut d_normed[block * width..(block + count) * width];
            let tiles = cut(normed, width, rows)
                .zip(cut(sums, width, rows))
                .map(|((first, normed), (_, sum))| (first, normed, sum));
            try_each(tiles.collect(), |(first, normed, sum)| {
                let count = normed.len() / width;
                let start = block + first;
                NormTile {
                    x: &x.u32()[start * width..(start + count) * width],
                    unit: Unit::of(x.dtype),
                    gamma: gamma.f32(),
                    beta: beta.f32(),
                    out: normed,
                    keep: None,
                }
                .run_at(environment.level);
                for head in 0..op.heads.count {
                    for (d, weight) in upstream.iter().zip(weights) {
                        let d = Matrix::rows(&d.f32()[start * columns + head * head_width..], columns);
                        let weight = Matrix::rows(&weight.f32()[offset + head * head_width..], weight.shape.dim(1));
                        product((count, head_width, width), d, weight.transposed(), sum, width, true);
                    }
                }
                Ok(())
            })?;
            let mut tasks = Vec::new();
            for (gradient, d) in weight_gradients.iter_mut().zip(upstream) {
                let stride = gradient.shape.dim(1);
                let d = &d.f32()[block * columns..(block + count) * columns];
                tasks.extend(cut(gradient.f32(), stride, WEIGHT_ROWS).map(move |(first, out)| (first, stride, d, out)));
            }
            try_each(tasks, |(first, stride, d, out)| {
                let m = out.len() / stride;
                let normed = Matrix::rows(&normed[first..], width).transposed();
                product((m, count, columns), normed, Matrix::rows(d, columns), &mut out[offset..], stride, true);
                Ok(())
            })
        })?;
    }
    Ok(())
}
