//! The naive twin of `merge_heads`.

use crate::environment::{Fault, Operands};
use crate::naive::{Table, add_share, mask};
use reformer_tensor::op::MergeHeads;

pub(super) fn run(op: &MergeHeads, operands: &mut Operands<'_>) -> Result<(), Fault> {
    let [context, weight] = [0, 1].map(|index: usize| Table::of(&operands.reads[index]));
    let mask = mask(op.dropout, &operands.reads[2], context.rows(), weight.columns);
    let stream = &mut operands.updates[0];
    for head in 0..op.heads.count {
        let share = context.head(op.heads, head).times(&weight.head_rows(op.heads, head)).by(&mask);
        add_share(stream.words, stream.dtype, &share, op.direction)?;
    }
    Ok(())
}
