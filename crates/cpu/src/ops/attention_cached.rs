//! `attention_cached` on the CPU.

use crate::environment::{Environment, Fault, Operands};
use reformer_tensor::op::AttentionCached;

pub(super) fn run(_op: &AttentionCached, _environment: &Environment, _operands: &mut Operands<'_>) -> Result<(), Fault> {
    unimplemented!("attention_cached")
}
