//! `project_heads_gradient` on the CPU: per block of rows, first what belongs to rows, then the weights' sums.

mod naive;

use crate::environment::{Environment, Fault, Kernels, Operands};
use crate::normed::NormTile;
use crate::product::{Matrix, product};
use crate::scratch;
use crate::simd;
use crate::stream::Unit;
use crate::sums::BlockSums;
use crate::tiles::{Need, cut, tile_rows, try_each};
use reformer_tensor::Shape;
use reformer_tensor::op::{ProjectHeadsGradient, ROW_BLOCK};

/// The weights, transposed, and a block's normed rows.
fn shared_lengths(op: &ProjectHeadsGradient, rows: usize, width: usize) -> [usize; 2] {
    [op.weights * op.heads.columns() * width, rows * width]
}

pub(super) fn need(op: &ProjectHeadsGradient, x: Shape) -> Need {
    Need::new(&shared_lengths(op, ROW_BLOCK.min(x.dim(0)), x.dim(1)), &[])
}

pub(super) fn run(
    op: &ProjectHeadsGradient,
    environment: &Environment,
    operands: &mut Operands<'_>,
) -> Result<(), Fault> {
    if environment.kernels == Kernels::Naive {
        naive::run(op, operands);
        return Ok(());
    }
    let [x, gamma, beta, rest @ ..] = &operands.reads[..] else { return Ok(()) };
    let (upstream, weights) = rest.split_at(op.weights);
    let (total, width) = (x.shape.dim(0), x.shape.dim(1));
    let (columns, offset, head_width) = (op.heads.columns(), op.heads.offset(), op.heads.width);
    let (d_normed, weight_gradients) = operands.updates.split_at_mut(1);
    let d_normed = d_normed[0].f32();
    let size = columns * width;
    scratch::with(shared_lengths(op, ROW_BLOCK.min(total), width), |[transposed, normed]| {
        for (weight, out) in weights.iter().zip(transposed.chunks_exact_mut(size.max(1))) {
            weight.weight().from(offset).transpose(weight.shape.dim(1), (width, columns), out);
        }
        for block in (0..total).step_by(ROW_BLOCK) {
            let count = ROW_BLOCK.min(total - block);
            let rows = tile_rows(count, environment);
            let normed = &mut normed[..count * width];
            let sums = &mut d_normed[block * width..(block + count) * width];
            let tiles = cut(normed, width, rows).zip(cut(sums, width, rows));
            let tiles = tiles.map(|((first, normed), (_, sum))| (first, normed, sum));
            try_each(tiles.collect(), |(first, normed, sum)| {
                let count = normed.len() / width;
                let start = block + first;
                let norm = NormTile {
                    x: &x.u32()[start * width..(start + count) * width],
                    unit: Unit::of(x.dtype),
                    gamma: gamma.f32(),
                    beta: beta.f32(),
                    out: normed,
                    keep: None,
                };
                simd::run(environment.level, norm);
                for head in 0..op.heads.count {
                    for (d, weight) in upstream.iter().zip(transposed.chunks_exact(size.max(1))) {
                        let d = Matrix::rows(&d.f32()[start * columns + head * head_width..], columns);
                        let weight = Matrix::rows(&weight[head * head_width * width..], width);
                        product((count, head_width, width), d, weight, sum, width, true);
                    }
                }
                Ok(())
            })?;
            let mut sums = BlockSums::default();
            for (gradient, d) in weight_gradients.iter_mut().zip(upstream) {
                let stride = gradient.shape.dim(1);
                let d = &d.f32()[block * columns..(block + count) * columns];
                sums.weight((normed, width), (d, columns), gradient.f32(), (stride, offset));
            }
            sums.run(environment)?;
        }
        Ok(())
    })
}
