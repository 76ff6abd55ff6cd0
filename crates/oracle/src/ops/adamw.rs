//! `adamw`: one step of AdamW with clipping by the global norm.

use crate::array::Array;
use reformer_tensor::op::AdamW;

pub(super) fn run(op: &AdamW, reads: &[&Array], updates: &mut [Array]) {
    let norm = reads[0].real()[0];
    let [rate, correction1, correction2, clip] = reads[1].real() else { unreachable!("the schedule has four numbers") };
    let factor = if *clip > 0.0 && norm > *clip { clip / norm } else { 1.0 };
    let [beta1, beta2, epsilon, decay] = [op.beta1, op.beta2, op.epsilon, op.decay].map(f64::from);
    let [parameter, first, second, gradient] = updates else { unreachable!("the op has four updates") };
    let numbers = parameter.real_mut().iter_mut().zip(first.real_mut()).zip(second.real_mut()).zip(gradient.real_mut());
    for (((parameter, first), second), gradient) in numbers {
        let g = *gradient * factor;
        *first = beta1 * *first + (1.0 - beta1) * g;
        *second = beta2 * *second + (1.0 - beta2) * g * g;
        let direction = (*first / correction1) / ((*second / correction2).sqrt() + epsilon);
        *parameter -= rate * (direction + decay * *parameter);
        *gradient = 0.0;
    }
}
