//! `zeros`: a tensor of zeros, where sums start.

use crate::{DType, Program, Shape, Tensor};

/// Writes zeros (of f32). No operands; one write.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Zeros;

impl Program {
    /// Records [`Zeros`]: a tensor of `shape`.
    pub fn zeros(&mut self, name: &str, shape: Shape) -> Tensor {
        self.push(Zeros.into(), &[], &[], &[(name, shape, DType::F32)])[0]
    }
}
