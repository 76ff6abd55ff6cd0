//! `zeros` on the CPU.

use crate::environment::{Environment, Fault, Operands};
use rayon::prelude::*;
use reformer_tensor::op::Zeros;

/// Words that one task clears: a megabyte.
const CHUNK: usize = 1 << 18;

pub(super) fn run(_op: &Zeros, _environment: &Environment, operands: &mut Operands<'_>) -> Result<(), Fault> {
    operands.writes[0].words.par_chunks_mut(CHUNK).for_each(|chunk| chunk.fill(0));
    Ok(())
}
