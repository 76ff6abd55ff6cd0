//! `cast`: a weight rounded to the halves in which products read it.

use crate::{DType, Op, Program, Tensor};

/// Each element of an f32 weight, rounded to the nearest value of the result's type, ties to the even one. Beyond the largest
/// value it is infinite. For gradients the rounding is as if it weren't there: a product's gradient goes to the weight that was cast.
///
/// Reads: the weight, f32. Writes: the same shape in f16 or bf16.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Cast;

impl Program {
    /// Records [`Cast`]. A weight that is of `dtype` already is handed back, and so is a cast that has been recorded before.
    pub fn cast(&mut self, weight: Tensor, dtype: DType) -> Tensor {
        if weight.dtype == dtype {
            return weight;
        }
        let known = self.instructions.iter().find(|instruction| {
            matches!(instruction.op, Op::Cast(_))
                && instruction.reads[0] == weight.id
                && self.info(instruction.writes[0]).dtype == dtype
        });
        if let Some(known) = known {
            return self.tensor(known.writes[0]);
        }
        self.check_f32("cast", "weight", weight, weight.shape.dims(), "");
        self.check_field("cast", dtype.is_half(), || format!("a weight is cast to f16 or bf16, not to {dtype}"));
        let name = self.info(weight.id).name.clone();
        self.push(Cast.into(), &[weight], &[], &[(&name, weight.shape, dtype)])[0]
    }
}
