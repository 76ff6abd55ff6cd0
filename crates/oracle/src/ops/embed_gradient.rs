//! `embed_gradient`: d = mask·(dx1 + dx2), added onto the rows that each token took.

use super::embed;
use crate::array::Array;
use crate::fault::Fault;
use crate::mask;
use reformer_tensor::op::EmbedGradient;

pub(super) fn run(op: &EmbedGradient, reads: &[&Array], updates: &mut [Array]) -> Result<(), Fault> {
    let (dx1, dx2) = (reads[3].real(), reads[4].real());
    let width = reads[3].shape.dim(1);
    for token in 0..reads[0].integer().len() {
        let mut d: Vec<f64> = (token * width..(token + 1) * width).map(|at| dx1[at] + dx2[at]).collect();
        mask::apply(op.dropout, reads[2].integer(), token, &mut d);
        for part in embed::rows(op.position, reads[0], reads[1], updates, token)? {
            let columns = updates[part.table].shape.dim(1);
            let sums = &mut updates[part.table].real_mut()[part.row * columns..(part.row + 1) * columns];
            for (sum, d) in sums.iter_mut().zip(&d[part.column..]) {
                *sum += d;
            }
        }
    }
    Ok(())
}
