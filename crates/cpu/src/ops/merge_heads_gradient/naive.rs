//! The naive twin of `merge_heads_gradient`.

use crate::environment::Operands;
use crate::naive::{Table, mask};
use reformer_tensor::op::MergeHeadsGradient;

pub(super) fn run(op: &MergeHeadsGradient, operands: &mut Operands<'_>) {
    let [dy, context, weight] = [0, 1, 2].map(|index: usize| Table::of(&operands.reads[index]));
    let masked = dy.by(&mask(op.dropout, &operands.reads[3], dy.rows(), dy.columns));
    let (rows, columns) = (dy.rows(), op.heads.columns());
    let gradient = &mut operands.updates[0].f32()[op.heads.offset() * dy.columns..];
    context.transposed().times(&masked).add_to(gradient);
    let own_weight = Table::new(columns, dy.columns, |row, column| weight.at(op.heads.offset() + row, column));
    let d_context = masked.times(&own_weight.transposed());
    d_context.write_to(operands.writes[0].f32());
    let delta = Table::new(op.heads.count, rows, |head, row| {
        let own = head * op.heads.width..(head + 1) * op.heads.width;
        own.map(|column| d_context.at(row, column) * context.at(row, column)).sum()
    });
    delta.write_to(operands.writes[1].f32());
}
