//! The naive twin of `feed_forward_gradient`.

use crate::environment::{Fault, Operands};
use crate::naive::{Normed, Table, activation, add_share, mask};
use reformer_tensor::Direction;
use reformer_tensor::op::FeedForwardGradient;

pub(super) fn run(op: &FeedForwardGradient, operands: &mut Operands<'_>) -> Result<(), Fault> {
    let [x, gamma, beta, dy, w1, b1, w2, b2] =
        [0, 1, 2, 3, 4, 5, 6, 7].map(|index: usize| Table::of(&operands.reads[index]));
    let mask = mask(op.dropout, &operands.reads[8], x.rows(), x.columns);
    let normed = Normed::of(&x);
    let scaled = normed.scaled(&gamma, &beta);
    let hidden = scaled.times(&w1).plus_row(&b1);
    let active = hidden.map(|x| activation(op.activation, x).0);
    if let Some(stream) = operands.updates.get_mut(7) {
        let share = active.times(&w2).plus_row(&b2).by(&mask);
        add_share(stream.words, stream.dtype, &share, Direction::Reverse)?;
    }
    let masked = dy.by(&mask);
    let slope = hidden.map(|x| activation(op.activation, x).1);
    let d_hidden = masked.times(&w2.transposed()).by(&slope);
    let d_normed = d_hidden.times(&w1.transposed());
    let sums = [
        normed.backward(&gamma, &d_normed),
        d_normed.by(&normed.n).column_sums(),
        d_normed.column_sums(),
        scaled.transposed().times(&d_hidden),
        d_hidden.column_sums(),
        active.transposed().times(&masked),
        masked.column_sums(),
    ];
    for (sum, out) in sums.iter().zip(&mut operands.updates) {
        sum.add_to(out.f32());
    }
    Ok(())
}
