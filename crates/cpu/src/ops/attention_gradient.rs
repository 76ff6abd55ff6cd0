//! `attention_gradient` on the CPU.

use crate::environment::{Environment, Fault, Operands};
use reformer_tensor::op::AttentionGradient;

pub(super) fn run(_op: &AttentionGradient, _environment: &Environment, _operands: &mut Operands<'_>) -> Result<(), Fault> {
    unimplemented!("attention_gradient")
}
