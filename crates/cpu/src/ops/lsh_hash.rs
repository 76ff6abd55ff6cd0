//! `lsh_hash` on the CPU.

use crate::environment::{Environment, Fault, Operands};
use reformer_tensor::op::LshHash;

pub(super) fn run(_op: &LshHash, _environment: &Environment, _operands: &mut Operands<'_>) -> Result<(), Fault> {
    unimplemented!("lsh_hash")
}
