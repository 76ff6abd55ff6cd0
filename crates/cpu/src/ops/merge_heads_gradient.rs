//! `merge_heads_gradient` on the CPU.

use crate::environment::{Environment, Fault, Operands};
use reformer_tensor::op::MergeHeadsGradient;

pub(super) fn run(_op: &MergeHeadsGradient, _environment: &Environment, _operands: &mut Operands<'_>) -> Result<(), Fault> {
    unimplemented!("merge_heads_gradient")
}
