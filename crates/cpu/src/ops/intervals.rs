//! `intervals` on the CPU.

use crate::environment::{Environment, Fault, Operands};
use reformer_tensor::op::Intervals;

pub(super) fn run(_op: &Intervals, _environment: &Environment, _operands: &mut Operands<'_>) -> Result<(), Fault> {
    unimplemented!("intervals")
}
