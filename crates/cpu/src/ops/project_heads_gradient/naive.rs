//! The naive twin of `project_heads_gradient`.

use crate::environment::Operands;
use crate::naive::{Normed, Table};
use reformer_tensor::HeadRange;
use reformer_tensor::op::ProjectHeadsGradient;

pub(super) fn run(op: &ProjectHeadsGradient, operands: &mut Operands<'_>) {
    let [x, gamma, beta] = [0, 1, 2].map(|index: usize| Table::of(&operands.reads[index]));
    let normed = Normed::of(&x).scaled(&gamma, &beta).transposed();
    let (upstream, weights) = operands.reads[3..].split_at(op.weights);
    let (d_normed, gradients) = operands.updates.split_at_mut(1);
    // Head by head, so that groups of heads give the same sums.
    for head in 0..op.heads.count {
        let own = HeadRange { first: head, count: 1, width: op.heads.width };
        let whole = HeadRange { first: op.heads.first + head, ..own };
        for (d, weight) in upstream.iter().zip(weights) {
            let weight = Table::of(weight).heads(whole).transposed();
            Table::of(d).heads(own).times(&weight).add_to(d_normed[0].f32());
        }
    }
    for (d, gradient) in upstream.iter().zip(gradients) {
        let d = Table::of(d);
        let own = normed.times(&d);
        let stride = gradient.shape.dim(1);
        let rows = gradient.f32().chunks_exact_mut(stride).zip(own.numbers.chunks_exact(own.columns));
        for (out, own) in rows {
            for (out, &own) in out[op.heads.offset()..].iter_mut().zip(own) {
                *out += own as f32;
            }
        }
    }
}
