//! `merge_heads` on the CPU: row tiles, head by head.

use crate::dropout::Mask;
use crate::environment::{Environment, Fault, Operands};
use crate::product::{Matrix, product};
use crate::scratch;
use crate::simd::{self, Arithmetic, Kernel};
use crate::stream::Unit;
use crate::tiles::{cut, tile_rows, try_each};
use reformer_tensor::Direction;
use reformer_tensor::op::MergeHeads;

pub(super) fn run(op: &MergeHeads, environment: &Environment, operands: &mut Operands<'_>) -> Result<(), Fault> {
    let [context, weight, key] = &operands.reads[..] else { return Ok(()) };
    let stream = &mut operands.updates[0];
    let (total, width) = (stream.shape.dim(0), stream.shape.dim(1));
    let (columns, head_width) = (op.heads.columns(), op.heads.width);
    let mask = Mask::new(op.dropout, key.u32());
    let unit = Unit::of(stream.dtype);
    let rows = tile_rows(total, environment);
    try_each(cut(stream.u32(), width, rows).collect(), |(first, stream)| {
        let count = stream.len() / width;
        scratch::with([count * width], |[share]| {
            for head in 0..op.heads.count {
                let context = Matrix::rows(&context.f32()[first * columns + head * head_width..], columns);
                let weight = Matrix::rows(&weight.f32()[(op.heads.first + head) * head_width * width..], width);
                product((count, head_width, width), context, weight, share, width, false);
                AddShares { first, width, mask, unit, direction: op.direction, share, stream }.run_at(environment)?;
            }
            Ok(())
        })
    })
}

/// stream ± fix(mask·share), for some rows; the share is masked in place.
pub(super) struct AddShares<'a> {
    pub first: usize,
    pub width: usize,
    pub mask: Mask,
    pub unit: Unit,
    pub direction: Direction,
    pub share: &'a mut [f32],
    pub stream: &'a mut [u32],
}

impl AddShares<'_> {
    pub fn run_at(self, environment: &Environment) -> Result<(), Fault> {
        simd::run(environment.level, self)
    }
}

impl Kernel for AddShares<'_> {
    type Output = Result<(), Fault>;

    #[inline(always)]
    fn run<A: Arithmetic>(self) -> Result<(), Fault> {
        let rows = self.share.chunks_exact_mut(self.width).zip(self.stream.chunks_exact_mut(self.width));
        for (offset, (share, stream)) in rows.enumerate() {
            self.mask.apply(self.first + offset, share);
            self.unit.add(stream, share, self.direction)?;
        }
        Ok(())
    }
}
