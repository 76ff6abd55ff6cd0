//! `head_loss_gradient`: dlogits = weight·(softmax − one_hot(target)), then the chain rule through the head.

use super::head_loss::{Head, log_sum_exp};
use crate::array::Array;
use crate::fault::{Fault, index};
use crate::product::{Part, add, add_outer};

pub(super) fn run(reads: &[&Array], updates: &mut [Array], writes: &mut [Array]) -> Result<(), Fault> {
    let head = Head { y1: reads[0], y2: reads[1], parameters: [reads[2], reads[3], reads[4], reads[5]] };
    let [dgamma, dbeta, dweight, dbias] = updates else { unreachable!("the op has four updates") };
    let [dy1, dy2, losses] = writes else { unreachable!("the op has three writes") };
    let (width, vocabulary) = (reads[0].shape.dim(1), head.vocabulary());
    for row in 0..reads[0].shape.dim(0) {
        let range = row * width..(row + 1) * width;
        let weight = reads[7].real()[row];
        if weight == 0.0 {
            losses.real_mut()[row] = 0.0;
            dy1.real_mut()[range.clone()].fill(0.0);
            dy2.real_mut()[range].fill(0.0);
            continue;
        }
        let target = index("targets", reads[6].integer()[row], row, vocabulary)?;
        let forward = head.row(row);
        let z = log_sum_exp(&forward.logits);
        losses.real_mut()[row] = weight * (z - forward.logits[target]);
        let mut d: Vec<f64> = forward.logits.iter().map(|logit| weight * (logit - z).exp()).collect();
        d[target] -= weight;
        add(dbias.real_mut(), &d);
        add_outer(dweight.real_mut(), vocabulary, (0, 0), &forward.normed, &d);
        let d_normed = Part::whole(reads[4].real(), vocabulary).times_transposed(&d);
        forward.normal.add_parameter_gradients(&d_normed, dgamma.real_mut(), dbeta.real_mut());
        let dy = forward.normal.gradient(reads[2].real(), &d_normed);
        dy1.real_mut()[range.clone()].copy_from_slice(&dy[..width]);
        dy2.real_mut()[range].copy_from_slice(&dy[width..]);
    }
    Ok(())
}
