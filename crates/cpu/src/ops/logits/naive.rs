//! The naive twin of `logits`.

use crate::environment::Operands;
use crate::naive::Table;
use crate::ops::head_loss::naive::Head;

pub(super) fn run(rows: &[usize], operands: &mut Operands<'_>) {
    let reads = &operands.reads;
    let head = Head::of([&reads[0], &reads[1]], &reads[3..]);
    let chosen = Table::new(rows.len(), head.logits.columns, |row, column| head.logits.at(rows[row], column));
    chosen.write_to(operands.writes[0].f32());
}
