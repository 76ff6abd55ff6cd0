//! The naive twin of `head_loss_gradient`.

use crate::environment::{Fault, Operands};
use crate::naive::Table;
use crate::ops::head_loss::{check_targets, naive::Head};

pub(super) fn run(operands: &mut Operands<'_>) -> Result<(), Fault> {
    let reads = &operands.reads;
    let head = Head::of([&reads[0], &reads[1]], &reads[2..]);
    let (targets, weights) = (reads[6].u32(), reads[7].f32());
    let (rows, vocabulary) = (weights.len(), head.logits.columns);
    check_targets(targets, weights, vocabulary)?;
    let z: Vec<f64> = (0..rows).map(|row| head.log_sum(row)).collect();
    let d_logits = Table::new(rows, vocabulary, |row, column| {
        let own = if targets[row] as usize == column { 1.0 } else { 0.0 };
        let d = || f64::from(weights[row]) * ((head.logits.at(row, column) - z[row]).exp() - own);
        if weights[row] == 0.0 { 0.0 } else { d() }
    });
    let d_normed = d_logits.times(&head.weight.transposed());
    let sums = [
        d_normed.by(&head.normed.n).column_sums(),
        d_normed.column_sums(),
        head.scaled.transposed().times(&d_logits),
        d_logits.column_sums(),
    ];
    for (sum, out) in sums.iter().zip(&mut operands.updates) {
        sum.add_to(out.f32());
    }
    let dx = head.normed.backward(&head.gamma, &d_normed);
    let width = dx.columns / 2;
    for half in 0..2 {
        let own = Table::new(rows, width, |row, column| dx.at(row, half * width + column));
        own.write_to(operands.writes[half].f32());
    }
    head.losses(targets, weights).write_to(operands.writes[2].f32());
    Ok(())
}
