//! `project_heads_gradient` on the CPU.

use crate::environment::{Environment, Fault, Operands};
use reformer_tensor::op::ProjectHeadsGradient;

pub(super) fn run(_op: &ProjectHeadsGradient, _environment: &Environment, _operands: &mut Operands<'_>) -> Result<(), Fault> {
    unimplemented!("project_heads_gradient")
}
