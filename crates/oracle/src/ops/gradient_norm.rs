//! `gradient_norm`: √(Σ g²) over all tensors.

use crate::array::Array;

pub(super) fn run(reads: &[&Array], writes: &mut [Array]) {
    let squares = reads.iter().flat_map(|gradient| gradient.real()).map(|g| g * g).sum::<f64>();
    writes[0].real_mut()[0] = squares.sqrt();
}
