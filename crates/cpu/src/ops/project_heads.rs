//! `project_heads` on the CPU.

use crate::environment::{Environment, Fault, Operands};
use reformer_tensor::op::ProjectHeads;

pub(super) fn run(_op: &ProjectHeads, _environment: &Environment, _operands: &mut Operands<'_>) -> Result<(), Fault> {
    unimplemented!("project_heads")
}
