//! `zeros`.

use crate::array::Array;

pub(super) fn run(writes: &mut [Array]) {
    writes[0].real_mut().fill(0.0);
}
