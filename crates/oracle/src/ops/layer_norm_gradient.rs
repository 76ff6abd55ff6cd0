//! `layer_norm_gradient`: dx, dγ and dβ of LN(x) from d.

use crate::array::Array;
use crate::product::add;
use crate::{norm, stream};

pub(super) fn run(reads: &[&Array], updates: &mut [Array]) {
    let [dx, dgamma, dbeta] = updates else { unreachable!("the op has three updates") };
    let width = reads[0].shape.dim(1);
    for row in 0..reads[0].shape.dim(0) {
        let normal = norm::normal(&stream::row(reads[0], row));
        let d = &reads[2].real()[row * width..(row + 1) * width];
        normal.add_parameter_gradients(d, dgamma.real_mut(), dbeta.real_mut());
        add(&mut dx.real_mut()[row * width..(row + 1) * width], &normal.gradient(reads[1].real(), d));
    }
}
