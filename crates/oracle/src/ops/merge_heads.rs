//! `merge_heads`: stream ± Σ_head fix(mask·(context_head·W`[head]`)), head by head.

use crate::array::Array;
use crate::fault::Fault;
use crate::product::Part;
use crate::{mask, stream};
use reformer_tensor::HeadRange;
use reformer_tensor::op::MergeHeads;

pub(super) fn run(op: &MergeHeads, reads: &[&Array], updates: &mut [Array]) -> Result<(), Fault> {
    let columns = op.heads.columns();
    for row in 0..reads[0].shape.dim(0) {
        let context = &reads[0].real()[row * columns..(row + 1) * columns];
        for head in 0..op.heads.count {
            let own = &context[head * op.heads.width..(head + 1) * op.heads.width];
            let mut share = of_head(reads[1], op.heads, head).times(own);
            mask::apply(op.dropout, reads[2].integer(), row, &mut share);
            stream::add(&mut updates[0], row, &share, op.direction)?;
        }
    }
    Ok(())
}

/// The rows of a weight `[heads·head_width, width]` that belong to head `head` of a range.
pub(super) fn of_head(weight: &Array, heads: HeadRange, head: usize) -> Part<'_> {
    let first = heads.offset() + head * heads.width;
    Part { rows: first..first + heads.width, ..Part::whole(weight.real(), weight.shape.dim(1)) }
}
