//! `merge_heads` on the CPU: row tiles, head by head; of a few rows the heads' shares side by side, and added in the heads' order.

mod naive;

use crate::dropout::Mask;
use crate::environment::{Environment, Fault, Kernels, Operands};
use crate::few_rows::MOST_ROWS;
use crate::product::Matrix;
use crate::scratch;
use crate::simd;
use crate::stream::{AddShares, Unit};
use crate::tiles::{Need, cut, tile_rows, try_each};
use reformer_tensor::Shape;
use reformer_tensor::op::MergeHeads;

/// Share and mask of a tile.
fn tile_lengths(mask: Mask, rows: usize, width: usize) -> [usize; 2] {
    [rows * width, mask.numbers(rows, width)]
}

/// Shares of all heads and the mask of a few rows.
fn few_lengths(op: &MergeHeads, mask: Mask, rows: usize, width: usize) -> [usize; 2] {
    [op.heads.count * rows * width, mask.numbers(rows, width)]
}

pub(super) fn need(op: &MergeHeads, stream: Shape, environment: &Environment) -> Need {
    let (rows, width) = (stream.dim(0), stream.dim(1));
    if rows <= MOST_ROWS {
        return Need::new(&few_lengths(op, Mask::new(op.dropout, &[0, 0]), rows, width), &[]);
    }
    let rows = tile_rows(stream.dim(0), environment);
    Need::new(&[], &tile_lengths(Mask::new(op.dropout, &[0, 0]), rows, stream.dim(1)))
}

pub(super) fn run(op: &MergeHeads, environment: &Environment, operands: &mut Operands<'_>) -> Result<(), Fault> {
    if environment.kernels == Kernels::Naive {
        return naive::run(op, operands);
    }
    let [context, weight, key] = &operands.reads[..] else { return Ok(()) };
    let stream = &mut operands.updates[0];
    let (total, width) = (stream.shape.dim(0), stream.shape.dim(1));
    let (columns, head_width) = (op.heads.columns(), op.heads.width);
    let mask = Mask::new(op.dropout, key.u32());
    let unit = Unit::of(stream.dtype);
    let weight_of = |head: usize| weight.weight().from((op.heads.first + head) * head_width * width);
    if total == 0 {
        return Ok(());
    }
    if total <= MOST_ROWS {
        return scratch::with(few_lengths(op, mask, total, width), |[shares, factors]| {
            let factors = mask.rows(environment.level, 0, width, factors);
            let by_head: Vec<_> = cut(shares, total * width, 1).collect();
            try_each(by_head, |(head, share)| {
                let context = Matrix::rows(&context.f32()[head * head_width..], columns);
                weight_of(head).product((total, head_width, width), context, width, share, width, false);
                Ok(())
            })?;
            shares.chunks_exact_mut(total * width).try_for_each(|share| {
                let (direction, stream) = (op.direction, stream.u32());
                simd::run(environment.level, AddShares { width, unit, direction, bias: None, factors, share, stream })
            })
        });
    }
    let rows = tile_rows(total, environment);
    try_each(cut(stream.u32(), width, rows).collect(), |(first, stream)| {
        let count = stream.len() / width;
        scratch::with(tile_lengths(mask, count, width), |[share, factors]| {
            // One mask for all heads.
            let factors = mask.rows(environment.level, first, width, factors);
            for head in 0..op.heads.count {
                let context = Matrix::rows(&context.f32()[first * columns + head * head_width..], columns);
                weight_of(head).product((count, head_width, width), context, width, share, width, false);
                let direction = op.direction;
                let shares = AddShares { width, unit, direction, bias: None, factors, share, stream };
                simd::run(environment.level, shares)?;
            }
            Ok(())
        })
    })
}
