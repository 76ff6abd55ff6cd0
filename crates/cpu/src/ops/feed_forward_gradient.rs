//! `feed_forward_gradient` on the CPU.

use crate::environment::{Environment, Fault, Operands};
use reformer_tensor::op::FeedForwardGradient;

pub(super) fn run(_op: &FeedForwardGradient, _environment: &Environment, _operands: &mut Operands<'_>) -> Result<(), Fault> {
    unimplemented!("feed_forward_gradient")
}
