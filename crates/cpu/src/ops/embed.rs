//! `embed` on the CPU.

use crate::environment::{Environment, Fault, Operands};
use reformer_tensor::op::Embed;

pub(super) fn run(_op: &Embed, _environment: &Environment, _operands: &mut Operands<'_>) -> Result<(), Fault> {
    unimplemented!("embed")
}
