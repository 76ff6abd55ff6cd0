//! `cast` on the CPU.

use crate::environment::{Environment, Fault, Operands};
use crate::weight;
use rayon::prelude::*;
use reformer_tensor::op::Cast;

/// Words that one task writes: what it reads and writes stays in the first-level cache.
const CHUNK: usize = 1 << 12;

pub(super) fn run(_op: &Cast, _environment: &Environment, operands: &mut Operands<'_>) -> Result<(), Fault> {
    let dtype = operands.writes[0].dtype;
    let chunks = operands.writes[0].words.par_chunks_mut(CHUNK).zip(operands.reads[0].f32().par_chunks(2 * CHUNK));
    chunks.for_each(|(words, numbers)| weight::round(numbers, dtype, words));
    Ok(())
}
