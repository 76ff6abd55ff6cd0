//! `embed_gradient` on the CPU.

use crate::environment::{Environment, Fault, Operands};
use reformer_tensor::op::EmbedGradient;

pub(super) fn run(_op: &EmbedGradient, _environment: &Environment, _operands: &mut Operands<'_>) -> Result<(), Fault> {
    unimplemented!("embed_gradient")
}
