//! `head_loss`: weight·(log Σ exp(logit) − logit_target). The head itself is here, for its gradient and for `logits`.

use crate::array::Array;
use crate::fault::{Fault, index};
use crate::norm::{self, Normal};
use crate::product::{Part, add};
use crate::stream;

pub(super) fn run(reads: &[&Array], writes: &mut [Array]) -> Result<(), Fault> {
    let head = Head { y1: reads[0], y2: reads[1], parameters: [reads[2], reads[3], reads[4], reads[5]] };
    for row in 0..reads[0].shape.dim(0) {
        let weight = reads[7].real()[row];
        writes[0].real_mut()[row] = if weight == 0.0 {
            0.0
        } else {
            let target = index("targets", reads[6].integer()[row], row, head.vocabulary())?;
            let logits = head.row(row).logits;
            weight * (log_sum_exp(&logits) - logits[target])
        };
    }
    Ok(())
}

/// Both streams and gamma, beta, weight, bias.
pub(super) struct Head<'a> {
    pub y1: &'a Array,
    pub y2: &'a Array,
    pub parameters: [&'a Array; 4],
}

/// What the head computes for one row.
pub(super) struct HeadRow {
    pub normal: Normal,
    pub normed: Vec<f64>,
    pub logits: Vec<f64>,
}

impl Head<'_> {
    pub fn vocabulary(&self) -> usize {
        self.parameters[3].real().len()
    }

    pub fn row(&self, row: usize) -> HeadRow {
        let [gamma, beta, weight, bias] = self.parameters;
        let mut both = stream::row(self.y1, row);
        both.extend(stream::row(self.y2, row));
        let normal = norm::normal(&both);
        let normed = normal.scaled(gamma.real(), beta.real());
        let mut logits = Part::whole(weight.real(), self.vocabulary()).times(&normed);
        add(&mut logits, bias.real());
        HeadRow { normal, normed, logits }
    }
}

/// log Σ exp, with the maximum taken out.
pub(super) fn log_sum_exp(logits: &[f64]) -> f64 {
    let most = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    most + logits.iter().map(|logit| (logit - most).exp()).sum::<f64>().ln()
}
