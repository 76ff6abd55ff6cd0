//! `merge_heads_gradient` on the CPU: per block of rows, first what belongs to rows, then the weight's sums.

use crate::dropout::Mask;
use crate::environment::{Environment, Fault, Operands};
use crate::norm;
use crate::product::{Matrix, product};
use crate::scratch;
use crate::simd::{self, Arithmetic, Kernel};
use crate::tiles::{cut, tile_rows, try_each};
use reformer_tensor::op::{MergeHeadsGradient, ROW_BLOCK};

pub(super) fn run(
    op: &MergeHeadsGradient,
    environment: &Environment,
    operands: &mut Operands<'_>,
) -> Result<(), Fault> {
    let [dy, context, weight, key] = &operands.reads[..] else { return Ok(()) };
    let (total, width) = (dy.shape.dim(0), dy.shape.dim(1));
    let (heads, columns, head_width) = (op.heads.count, op.heads.columns(), op.heads.width);
    let mask = Mask::new(op.dropout, key.u32());
    let [d_context, delta] = &mut operands.writes[..] else { return Ok(()) };
    let (d_context, delta) = (d_context.f32(), delta.f32());
    let own_weight = &weight.f32()[op.heads.offset() * width..];
    let gradient = &mut operands.updates[0].f32()[op.heads.offset() * width..][..columns * width];
    for block in (0..total).step_by(ROW_BLOCK) {
        let count = ROW_BLOCK.min(total - block);
        let rows = tile_rows(count, environment);
        scratch::with([count * width], |[masked]| {
            let own = &mut d_context[block * columns..(block + count) * columns];
            let tiles = cut(masked, width, rows).zip(cut(own, columns, rows));
            let tiles = tiles.map(|((first, masked), (_, d_context))| (first, masked, d_context)).collect();
            try_each(tiles, |(first, masked, d_context)| {
                let count = masked.len() / width;
                let start = block + first;
                masked.copy_from_slice(&dy.f32()[start * width..(start + count) * width]);
                simd::run(environment.level, MaskRows { first: start, width, mask, values: masked });
                for head in 0..heads {
                    let weight = Matrix::rows(&own_weight[head * head_width * width..], width).transposed();
                    let out = &mut d_context[head * head_width..];
                    product((count, width, head_width), Matrix::rows(masked, width), weight, out, columns, false);
                }
                Ok(())
            })?;
            let context = &context.f32()[block * columns..(block + count) * columns];
            try_each(cut(gradient, width, head_width).collect(), |(first, out)| {
                let context = Matrix::rows(&context[first..], columns).transposed();
                product((head_width, count, width), context, Matrix::rows(masked, width), out, width, true);
                Ok(())
            })
        })?;
    }
    let rows = tile_rows(total, environment);
    for (head, delta) in delta.chunks_exact_mut(total).enumerate() {
        try_each(cut(delta, 1, rows).collect(), |(first, out)| {
            let (context, d_context) = (context.f32(), &*d_context);
            simd::run(
                environment.level,
                Dots { context, d_context, columns, at: head * head_width, head_width, first, out },
            );
            Ok(())
        })?;
    }
    Ok(())
}

/// Rows of the branch's gradient, masked in place.
pub(super) struct MaskRows<'a> {
    pub first: usize,
    pub width: usize,
    pub mask: Mask,
    pub values: &'a mut [f32],
}

impl Kernel for MaskRows<'_> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arithmetic>(self) {
        for (offset, row) in self.values.chunks_exact_mut(self.width).enumerate() {
            self.mask.apply(self.first + offset, row);
        }
    }
}

struct Dots<'a> {
    context: &'a [f32],
    d_context: &'a [f32],
    columns: usize,
    at: usize,
    head_width: usize,
    first: usize,
    out: &'a mut [f32],
}

impl Kernel for Dots<'_> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arithmetic>(self) {
        for (offset, out) in self.out.iter_mut().enumerate() {
            let start = (self.first + offset) * self.columns + self.at;
            let context = &self.context[start..start + self.head_width];
            let d_context = &self.d_context[start..start + self.head_width];
            *out = norm::sum(self.head_width, |index| context[index] * d_context[index]);
        }
    }
}
