//! `adamw` on the CPU.

use crate::environment::{Environment, Fault, Operands};
use crate::simd::{self, Arithmetic, Kernel};
use rayon::prelude::*;
use reformer_tensor::op::AdamW;

/// Elements that one task updates.
const CHUNK: usize = 1 << 15;

pub(super) fn run(op: &AdamW, environment: &Environment, operands: &mut Operands<'_>) -> Result<(), Fault> {
    let norm = operands.reads[0].f32()[0];
    let [rate, correction1, correction2, clip] = operands.reads[1].f32()[..4] else { return Ok(()) };
    // A NaN norm must reach the parameters' owner as NaN, not be clipped to a finite step.
    let scale = if clip > 0.0 && norm > clip {
        clip / norm
    } else if norm.is_nan() {
        f32::NAN
    } else {
        1.0
    };
    let [parameter, first, second, gradient] = &mut operands.updates[..] else { return Ok(()) };
    let chunks = parameter.f32().par_chunks_mut(CHUNK).zip(first.f32().par_chunks_mut(CHUNK));
    let chunks = chunks.zip(second.f32().par_chunks_mut(CHUNK)).zip(gradient.f32().par_chunks_mut(CHUNK));
    chunks.for_each(|(((parameter, first), second), gradient)| {
        simd::run(
            environment.level,
            Step { op, rate, correction1, correction2, scale, parameter, first, second, gradient },
        );
    });
    Ok(())
}

struct Step<'a> {
    op: &'a AdamW,
    rate: f32,
    correction1: f32,
    correction2: f32,
    scale: f32,
    parameter: &'a mut [f32],
    first: &'a mut [f32],
    second: &'a mut [f32],
    gradient: &'a mut [f32],
}

impl Kernel for Step<'_> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arithmetic>(self) {
        let AdamW { beta1, beta2, epsilon, decay } = *self.op;
        for index in 0..self.parameter.len() {
            let g = self.gradient[index] * self.scale;
            let first = A::multiply_add(beta1, self.first[index], (1.0 - beta1) * g);
            let second = A::multiply_add(beta2, self.second[index], (1.0 - beta2) * g * g);
            let step = first / self.correction1 / ((second / self.correction2).sqrt() + epsilon);
            self.parameter[index] -= self.rate * A::multiply_add(decay, self.parameter[index], step);
            self.first[index] = first;
            self.second[index] = second;
            self.gradient[index] = 0.0;
        }
    }
}
