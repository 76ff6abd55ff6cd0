//! `gradient_norm` on the CPU: blocks in parallel, their sums in order, in f64.

use crate::environment::{Environment, Fault, Operands};
use rayon::prelude::*;
use reformer_tensor::op::GradientNorm;

/// Elements of a block (part of the op's contract).
const BLOCK: usize = 4096;

pub(super) fn run(_op: &GradientNorm, _environment: &Environment, operands: &mut Operands<'_>) -> Result<(), Fault> {
    let mut total = 0.0f64;
    for gradient in &operands.reads {
        let blocks: Vec<f64> = gradient
            .f32()
            .par_chunks(BLOCK)
            .map(|block| block.iter().map(|&g| f64::from(g) * f64::from(g)).sum())
            .collect();
        total += blocks.iter().sum::<f64>();
    }
    operands.writes[0].f32()[0] = total.sqrt() as f32;
    Ok(())
}
