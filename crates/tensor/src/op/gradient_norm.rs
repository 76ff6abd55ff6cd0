//! `gradient_norm`: the Euclidean norm over all gradients together, for clipping.

use crate::{DType, Program, Tensor, shape};

/// norm = √(Σ_tensors Σ_i g_i²): squares of each tensor in blocks of 4,096 elements, blocks and tensors in ascending order, in f64
/// where the backend has it.
///
/// Reads: the gradients, of any shape. Writes: `norm` `[1]`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct GradientNorm;

impl Program {
    /// Records [`GradientNorm`].
    pub fn gradient_norm(&mut self, gradients: &[Tensor]) -> Tensor {
        for gradient in gradients {
            self.check_f32("gradient_norm", "gradient", *gradient, gradient.shape.dims(), "");
        }
        self.push(GradientNorm.into(), gradients, &[], &[("gradient_norm", shape![1], DType::F32)])[0]
    }
}
