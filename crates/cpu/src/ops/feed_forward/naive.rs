//! The naive twin of `feed_forward`.

use crate::environment::{Fault, Operands};
use crate::naive::{Normed, Table, activation, add_share, mask};
use reformer_tensor::op::FeedForward;

pub(super) fn run(op: &FeedForward, operands: &mut Operands<'_>) -> Result<(), Fault> {
    let [x, gamma, beta, w1, b1, w2, b2] = [0, 1, 2, 3, 4, 5, 6].map(|index: usize| Table::of(&operands.reads[index]));
    let hidden = Normed::of(&x).scaled(&gamma, &beta).times(&w1).plus_row(&b1);
    let share = hidden.map(|x| activation(op.activation, x).0).times(&w2).plus_row(&b2);
    let share = share.by(&mask(op.dropout, &operands.reads[7], x.rows(), x.columns));
    let stream = &mut operands.updates[0];
    add_share(stream.words, stream.dtype, &share, op.direction)
}
