//! `sort_by_bucket` on the CPU.

use crate::environment::{Environment, Fault, Operands};
use reformer_tensor::op::SortByBucket;

pub(super) fn run(_op: &SortByBucket, _environment: &Environment, _operands: &mut Operands<'_>) -> Result<(), Fault> {
    unimplemented!("sort_by_bucket")
}
