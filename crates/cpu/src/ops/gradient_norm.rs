//! `gradient_norm` on the CPU: blocks in parallel, their sums in order, in f64.

use crate::environment::{Environment, Fault, Operands};
use crate::simd::{self, Arithmetic, Kernel};
use rayon::prelude::*;
use reformer_tensor::op::GradientNorm;

/// Elements of a block (part of the op's contract).
const BLOCK: usize = 4096;

pub(super) fn run(_op: &GradientNorm, environment: &Environment, operands: &mut Operands<'_>) -> Result<(), Fault> {
    let mut total = 0.0f64;
    for gradient in &operands.reads {
        let blocks = gradient.f32().par_chunks(BLOCK).map(|block| simd::run(environment.level, Squares { block }));
        let blocks: Vec<f64> = blocks.collect();
        total += blocks.iter().sum::<f64>();
    }
    operands.writes[0].f32()[0] = total.sqrt() as f32;
    Ok(())
}

/// Partial sums of a block, kept whatever the SIMD width is.
const LANES: usize = 16;

/// Σ g² of a block.
struct Squares<'a> {
    block: &'a [f32],
}

impl Kernel for Squares<'_> {
    type Output = f64;

    #[inline(always)]
    fn run<A: Arithmetic>(self) -> f64 {
        let mut lanes = [0.0f64; LANES];
        let (chunks, rest) = self.block.as_chunks::<LANES>();
        for chunk in chunks {
            for lane in 0..LANES {
                lanes[lane] += f64::from(chunk[lane]) * f64::from(chunk[lane]);
            }
        }
        let rest: f64 = rest.iter().map(|&g| f64::from(g) * f64::from(g)).sum();
        lanes.iter().sum::<f64>() + rest
    }
}
