//! `zeros` on the CPU.

use crate::environment::{Environment, Fault, Operands};
use reformer_tensor::op::Zeros;

pub(super) fn run(_op: &Zeros, _environment: &Environment, _operands: &mut Operands<'_>) -> Result<(), Fault> {
    unimplemented!("zeros")
}
