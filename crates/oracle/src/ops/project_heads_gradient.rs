//! `project_heads_gradient`: dW_m`[:, range]` += LN(x)ᵀ·d_m; d_normed += Σ_head Σ_m d_m`[:, head]`·W_m`[:, head]`ᵀ.

use super::project_heads;
use crate::array::Array;
use crate::product::{add, add_outer};
use crate::{norm, stream};
use reformer_tensor::HeadRange;
use reformer_tensor::op::ProjectHeadsGradient;

pub(super) fn run(op: &ProjectHeadsGradient, reads: &[&Array], updates: &mut [Array]) {
    let (upstream, weights) = reads[3..].split_at(op.weights);
    let (d_normed, gradients) = updates.split_at_mut(1);
    let (width, columns) = (reads[0].shape.dim(1), op.heads.columns());
    for row in 0..reads[0].shape.dim(0) {
        let x = norm::normal(&stream::row(reads[0], row)).scaled(reads[1].real(), reads[2].real());
        let d = |m: usize| &upstream[m].real()[row * columns..(row + 1) * columns];
        for (m, gradient) in gradients.iter_mut().enumerate() {
            let stride = gradient.shape.dim(1);
            add_outer(gradient.real_mut(), stride, (0, op.heads.offset()), &x, d(m));
        }
        let sum = &mut d_normed[0].real_mut()[row * width..(row + 1) * width];
        for head in 0..op.heads.count {
            let range = head * op.heads.width..(head + 1) * op.heads.width;
            let one = HeadRange { first: op.heads.first + head, count: 1, width: op.heads.width };
            for (m, weight) in weights.iter().enumerate() {
                add(sum, &project_heads::heads(weight, one).times_transposed(&d(m)[range.clone()]));
            }
        }
    }
}
