//! `cast`: rounding to halves.

use crate::array::{Array, round};

pub(super) fn run(reads: &[&Array], writes: &mut [Array]) {
    let dtype = writes[0].dtype;
    for (half, &x) in writes[0].real_mut().iter_mut().zip(reads[0].real()) {
        *half = round(x, dtype);
    }
}
