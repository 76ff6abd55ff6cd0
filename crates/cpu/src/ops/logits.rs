//! `logits` on the CPU.

use crate::environment::{Environment, Fault, Operands};
use reformer_tensor::op::Logits;

pub(super) fn run(_op: &Logits, _environment: &Environment, _operands: &mut Operands<'_>) -> Result<(), Fault> {
    unimplemented!("logits")
}
