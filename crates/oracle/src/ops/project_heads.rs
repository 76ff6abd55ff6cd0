//! `project_heads`: LN(x)·W_m`[:, range]`.

use crate::array::Array;
use crate::product::Part;
use crate::{norm, stream};
use reformer_tensor::HeadRange;
use reformer_tensor::op::ProjectHeads;

pub(super) fn run(op: &ProjectHeads, reads: &[&Array], writes: &mut [Array]) {
    let columns = op.heads.columns();
    for row in 0..reads[0].shape.dim(0) {
        let x = norm::normal(&stream::row(reads[0], row)).scaled(reads[1].real(), reads[2].real());
        for (out, weight) in writes.iter_mut().zip(&reads[3..]) {
            let product = heads(weight, op.heads).times(&x);
            out.real_mut()[row * columns..(row + 1) * columns].copy_from_slice(&product);
        }
    }
}

/// The columns of a weight `[width, heads·head_width]` that belong to a range of heads.
pub(super) fn heads(weight: &Array, heads: HeadRange) -> Part<'_> {
    let part = Part::whole(weight.real(), weight.shape.dim(1));
    Part { columns: heads.offset()..heads.offset() + heads.columns(), ..part }
}
