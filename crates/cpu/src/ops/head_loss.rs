//! `head_loss` on the CPU.

use crate::environment::{Environment, Fault, Operands};
use reformer_tensor::op::HeadLoss;

pub(super) fn run(_op: &HeadLoss, _environment: &Environment, _operands: &mut Operands<'_>) -> Result<(), Fault> {
    unimplemented!("head_loss")
}
