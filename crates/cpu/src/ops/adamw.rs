//! `adamw` on the CPU.

use crate::environment::{Environment, Fault, Operands};
use reformer_tensor::op::AdamW;

pub(super) fn run(_op: &AdamW, _environment: &Environment, _operands: &mut Operands<'_>) -> Result<(), Fault> {
    unimplemented!("adamw")
}
