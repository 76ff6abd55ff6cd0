//! `head_loss_gradient` on the CPU.

use crate::environment::{Environment, Fault, Operands};
use reformer_tensor::op::HeadLossGradient;

pub(super) fn run(_op: &HeadLossGradient, _environment: &Environment, _operands: &mut Operands<'_>) -> Result<(), Fault> {
    unimplemented!("head_loss_gradient")
}
