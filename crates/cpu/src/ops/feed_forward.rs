//! `feed_forward` on the CPU.

use crate::environment::{Environment, Fault, Operands};
use reformer_tensor::op::FeedForward;

pub(super) fn run(_op: &FeedForward, _environment: &Environment, _operands: &mut Operands<'_>) -> Result<(), Fault> {
    unimplemented!("feed_forward")
}
