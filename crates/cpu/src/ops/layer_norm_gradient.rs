//! `layer_norm_gradient` on the CPU.

use crate::environment::{Environment, Fault, Operands};
use reformer_tensor::op::LayerNormGradient;

pub(super) fn run(_op: &LayerNormGradient, _environment: &Environment, _operands: &mut Operands<'_>) -> Result<(), Fault> {
    unimplemented!("layer_norm_gradient")
}
