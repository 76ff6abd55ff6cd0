//! `logits`: the head's output for chosen rows, for decoding.

use super::HeadParameters;
use crate::{DType, Program, Tensor, shape};

/// logits`[m]` = LN([y1, y2][rows`[m]`])·W + bias: the same bits as the head of [`super::HeadLoss`] for that row.
///
/// Reads: `y1`, `y2` streams `[rows, width]`, `chosen` `[count]` u32, `gamma`, `beta` `[2·width]`, `weight` `[2·width, vocabulary]` (index 5), `bias`.
/// Writes: `logits` `[count, vocabulary]`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Logits;

impl Program {
    /// Records [`Logits`].
    pub fn logits(&mut self, y1: Tensor, y2: Tensor, chosen: Tensor, head: &HeadParameters) -> Tensor {
        let (rows, width) = (y1.shape.dim(0), y1.shape.dim(1));
        self.check_stream("logits", "y1", y1, &[rows, width]);
        self.check_stream("logits", "y2", y2, &[rows, width]);
        self.check_u32("logits", "chosen", chosen, &[chosen.shape.dim(0)], "It lists rows");
        head.check(self, "logits", width);
        let [gamma, beta, weight, bias] = head.all();
        let logits = ("logits", shape![chosen.shape.dim(0), weight.shape.dim(1)], DType::F32);
        self.push(Logits.into(), &[y1, y2, chosen, gamma, beta, weight, bias], &[], &[logits])[0]
    }
}
