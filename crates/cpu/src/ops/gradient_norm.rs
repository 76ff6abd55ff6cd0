//! `gradient_norm` on the CPU.

use crate::environment::{Environment, Fault, Operands};
use reformer_tensor::op::GradientNorm;

pub(super) fn run(_op: &GradientNorm, _environment: &Environment, _operands: &mut Operands<'_>) -> Result<(), Fault> {
    unimplemented!("gradient_norm")
}
