//! The naive twin of `project_heads`.

use crate::environment::Operands;
use crate::naive::{Normed, Table};
use reformer_tensor::op::ProjectHeads;

pub(super) fn run(op: &ProjectHeads, operands: &mut Operands<'_>) {
    let [x, gamma, beta] = [0, 1, 2].map(|index: usize| Table::of(&operands.reads[index]));
    let normed = Normed::of(&x).scaled(&gamma, &beta);
    for (weight, out) in operands.reads[3..].iter().zip(&mut operands.writes) {
        normed.times(&Table::of(weight).heads(op.heads)).write_to(out.f32());
    }
}
