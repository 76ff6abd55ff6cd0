//! `merge_heads` on the CPU.

use crate::environment::{Environment, Fault, Operands};
use reformer_tensor::op::MergeHeads;

pub(super) fn run(_op: &MergeHeads, _environment: &Environment, _operands: &mut Operands<'_>) -> Result<(), Fault> {
    unimplemented!("merge_heads")
}
