//! `merge_heads_gradient`: with m = mask·dy: d_context = m·W`[head]`ᵀ, dW`[head]` += contextᵀ·m, delta = d_context·context.

use super::merge_heads;
use crate::array::Array;
use crate::mask;
use crate::product::{add_outer, dot};
use reformer_tensor::op::MergeHeadsGradient;

pub(super) fn run(op: &MergeHeadsGradient, reads: &[&Array], updates: &mut [Array], writes: &mut [Array]) {
    let [dy, context, weight, key] = reads else { unreachable!("the op has four reads") };
    let [d_context, delta] = writes else { unreachable!("the op has two writes") };
    let (rows, width) = (dy.shape.dim(0), dy.shape.dim(1));
    for row in 0..rows {
        let mut d = dy.real()[row * width..(row + 1) * width].to_vec();
        mask::apply(op.dropout, key.integer(), row, &mut d);
        for head in 0..op.heads.count {
            let start = row * op.heads.columns() + head * op.heads.width;
            let own = &context.real()[start..start + op.heads.width];
            let gradient = merge_heads::of_head(weight, op.heads, head).times_transposed(&d);
            delta.real_mut()[head * rows + row] = dot(&gradient, own);
            d_context.real_mut()[start..start + op.heads.width].copy_from_slice(&gradient);
            let first = op.heads.offset() + head * op.heads.width;
            add_outer(updates[0].real_mut(), width, (first, 0), own, &d);
        }
    }
}
