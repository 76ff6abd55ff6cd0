//! The naive twin of `head_loss`, and the head that its gradient and `logits` share.

use crate::buffer::View;
use crate::environment::{Fault, Operands};
use crate::naive::{Normed, Table};
use crate::ops::head_loss::check_targets;

/// The head of some rows.
pub(in crate::ops) struct Head {
    pub normed: Normed,
    pub scaled: Table,
    pub gamma: Table,
    pub weight: Table,
    pub logits: Table,
}

impl Head {
    /// Of the streams, and γ, β, weight and bias.
    pub fn of(streams: [&View<'_>; 2], parameters: &[View<'_>]) -> Self {
        let [y1, y2] = streams.map(Table::of);
        let [gamma, beta, weight, bias] = [0, 1, 2, 3].map(|index: usize| Table::of(&parameters[index]));
        let width = y1.columns;
        let joined = Table::new(y1.rows(), 2 * width, |row, column| {
            if column < width { y1.at(row, column) } else { y2.at(row, column - width) }
        });
        let normed = Normed::of(&joined);
        let scaled = normed.scaled(&gamma, &beta);
        let logits = scaled.times(&weight).plus_row(&bias);
        Self { normed, scaled, gamma, weight, logits }
    }

    /// log Σ exp of a row's logits.
    pub fn log_sum(&self, row: usize) -> f64 {
        let logits = || (0..self.logits.columns).map(|column| self.logits.at(row, column));
        let most = logits().fold(f64::NEG_INFINITY, f64::max);
        most + logits().map(|logit| (logit - most).exp()).sum::<f64>().ln()
    }

    /// weight·(log Σ exp − logit of the target); 0 for rows of weight 0, whose targets are not looked at.
    pub fn losses(&self, targets: &[u32], weights: &[f32]) -> Table {
        Table::new(1, weights.len(), |_, row| {
            let loss = || f64::from(weights[row]) * (self.log_sum(row) - self.logits.at(row, targets[row] as usize));
            if weights[row] == 0.0 { 0.0 } else { loss() }
        })
    }
}

pub(super) fn run(operands: &mut Operands<'_>) -> Result<(), Fault> {
    let reads = &operands.reads;
    let head = Head::of([&reads[0], &reads[1]], &reads[2..]);
    let (targets, weights) = (reads[6].u32(), reads[7].f32());
    check_targets(targets, weights, head.logits.columns)?;
    head.losses(targets, weights).write_to(operands.writes[0].f32());
    Ok(())
}
