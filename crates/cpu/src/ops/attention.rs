//! `attention` on the CPU.

use crate::environment::{Environment, Fault, Operands};
use reformer_tensor::op::Attention;

pub(super) fn run(_op: &Attention, _environment: &Environment, _operands: &mut Operands<'_>) -> Result<(), Fault> {
    unimplemented!("attention")
}
