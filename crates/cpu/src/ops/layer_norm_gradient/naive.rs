//! The naive twin of `layer_norm_gradient`.

use crate::environment::Operands;
use crate::naive::{Normed, Table};

pub(super) fn run(operands: &mut Operands<'_>) {
    let [x, gamma, d] = [0, 1, 2].map(|index: usize| Table::of(&operands.reads[index]));
    let normed = Normed::of(&x);
    let sums = [normed.backward(&gamma, &d), d.by(&normed.n).column_sums(), d.column_sums()];
    for (sum, out) in sums.iter().zip(&mut operands.updates) {
        sum.add_to(out.f32());
    }
}
