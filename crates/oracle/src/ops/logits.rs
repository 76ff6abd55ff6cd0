//! `logits`: the head's output for chosen rows.

use super::head_loss::Head;
use crate::array::Array;
use crate::fault::{Fault, index};

pub(super) fn run(reads: &[&Array], writes: &mut [Array]) -> Result<(), Fault> {
    let head = Head { y1: reads[0], y2: reads[1], parameters: [reads[3], reads[4], reads[5], reads[6]] };
    let vocabulary = head.vocabulary();
    for (at, &row) in reads[2].integer().iter().enumerate() {
        let row = index("chosen", row, at, reads[0].shape.dim(0))?;
        let out = &mut writes[0].real_mut()[at * vocabulary..(at + 1) * vocabulary];
        out.copy_from_slice(&head.row(row).logits);
    }
    Ok(())
}
