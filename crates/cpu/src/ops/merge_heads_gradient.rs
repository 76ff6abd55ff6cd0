//! `merge_heads_gradient` on the CPU: per block of rows, first what belongs to rows, then the weight's sums.

mod naive;

use crate::dropout::{Mask, Multiply};
use crate::environment::{Environment, Fault, Kernels, Operands};
use crate::norm;
use crate::product::{Matrix, product};
use crate::scratch;
use crate::simd::{self, Arithmetic, Kernel};
use crate::sums::BlockSums;
use crate::tiles::{Need, cut, tile_rows, try_each};
use reformer_tensor::Shape;
use reformer_tensor::op::{MergeHeadsGradient, ROW_BLOCK};

/// The weight, transposed; the mask of a block and the masked gradient.
fn shared_lengths(columns: usize, mask: Mask, rows: usize, width: usize) -> [usize; 3] {
    let masked = mask.numbers(rows, width);
    [columns * width, masked, masked]
}

pub(super) fn need(op: &MergeHeadsGradient, dy: Shape) -> Need {
    let mask = Mask::new(op.dropout, &[0, 0]);
    Need::new(&shared_lengths(op.heads.columns(), mask, ROW_BLOCK.min(dy.dim(0)), dy.dim(1)), &[])
}

pub(super) fn run(
    op: &MergeHeadsGradient,
    environment: &Environment,
    operands: &mut Operands<'_>,
) -> Result<(), Fault> {
    if environment.kernels == Kernels::Naive {
        naive::run(op, operands);
        return Ok(());
    }
    let [dy, context, weight, key] = &operands.reads[..] else { return Ok(()) };
    let (total, width) = (dy.shape.dim(0), dy.shape.dim(1));
    let (heads, columns, head_width) = (op.heads.count, op.heads.columns(), op.heads.width);
    let (dy, context) = (dy.f32(), context.f32());
    let mask = Mask::new(op.dropout, key.u32());
    let [d_context, delta] = &mut operands.writes[..] else { return Ok(()) };
    let (d_context, delta) = (d_context.f32(), delta.f32());
    let own_weight = weight.weight().from(op.heads.offset() * width);
    let gradient = &mut operands.updates[0].f32()[op.heads.offset() * width..][..columns * width];
    let block_rows = ROW_BLOCK.min(total);
    scratch::with(shared_lengths(columns, mask, block_rows, width), |[transposed, factors, masked]| {
        own_weight.transpose(width, (columns, width), transposed);
        for block in (0..total).step_by(ROW_BLOCK) {
            let count = ROW_BLOCK.min(total - block);
            let rows = tile_rows(count, environment);
            let own_dy = &dy[block * width..(block + count) * width];
            let own = &mut d_context[block * columns..(block + count) * columns];
            let masks = mask.numbers(count, width);
            let (factors, masked) = (&mut factors[..masks], &mut masked[..masks]);
            let tiles: Vec<_> = {
                let mut masks = cut(factors, width, rows).zip(cut(masked, width, rows));
                cut(own, columns, rows).map(|(first, d_context)| (first, d_context, masks.next())).collect()
            };
            try_each(tiles, |(first, d_context, masks)| {
                let count = d_context.len() / columns;
                let mut dy = &own_dy[first * width..(first + count) * width];
                if let Some(((_, factors), (_, masked))) = masks {
                    mask.rows(environment.level, block + first, width, factors);
                    simd::run(environment.level, Multiply { values: dy, factors, out: &mut *masked });
                    dy = masked;
                }
                for head in 0..heads {
                    let weight = Matrix::rows(&transposed[head * head_width..], columns);
                    let out = &mut d_context[head * head_width..];
                    product((count, width, head_width), Matrix::rows(dy, width), weight, out, columns, false);
                }
                Ok(())
            })?;
            let masked = if masked.is_empty() { own_dy } else { &*masked };
            let mut sums = BlockSums::default();
            let context = &context[block * columns..(block + count) * columns];
            sums.weight((context, columns), (masked, width), gradient, (width, 0));
            sums.run(environment)?;
        }
        Ok(())
    })?;
    let rows = tile_rows(total, environment);
    for (head, delta) in delta.chunks_exact_mut(total.max(1)).enumerate() {
        let d_context = &*d_context;
        try_each(cut(delta, 1, rows).collect(), |(first, out)| {
            let dots = Dots { context, d_context, columns, at: head * head_width, head_width, first, out };
            simd::run(environment.level, dots);
            Ok(())
        })?;
    }
    Ok(())
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
            *out = norm::sum_of_two(context, d_context, |context, d_context| context * d_context);
        }
    }
}
