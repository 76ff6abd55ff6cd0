//! `head_loss` and its gradient: final norm over both streams, projection to logits, cross entropy per row; logits are never whole.

use crate::{DType, Program, Tensor, shape};

/// losses`[i]` = weights`[i]`·(log Σ_t exp(logit_t) − logit_target), logits = LN(`[y1, y2]`)·W + bias, in row tiles.
/// A row whose weight is 0 has loss 0 and costs nothing.
///
/// Reads: `y1`, `y2` streams `[rows, width]`, `gamma`, `beta` `[2·width]`, `weight` `[2·width, vocabulary]`, `bias` `[vocabulary]`,
/// `targets` `[rows]` u32, `weights` `[rows]` f32. Writes: `losses` `[rows]`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct HeadLoss;

/// Gradient of Σ losses of [`HeadLoss`], which it also writes, so that the forward op need not run.
///
/// Reads: what [`HeadLoss`] reads. Updates: `dgamma`, `dbeta`, `dweight`, `dbias`. Writes: `dy1`, `dy2` `[rows, width]`, `losses` `[rows]`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct HeadLossGradient;

/// The head's parameters, or their gradients.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HeadParameters {
    /// `[2·width]`.
    pub gamma: Tensor,
    /// `[2·width]`.
    pub beta: Tensor,
    /// `[2·width, vocabulary]`.
    pub weight: Tensor,
    /// `[vocabulary]`.
    pub bias: Tensor,
}

impl HeadParameters {
    pub(super) fn all(&self) -> [Tensor; 4] {
        [self.gamma, self.beta, self.weight, self.bias]
    }

    pub(super) fn check(&self, program: &mut Program, op: &'static str, width: usize) {
        let vocabulary = self.weight.shape.dim(1);
        let advice = "The head is twice as wide as a stream";
        program.check_f32(op, "gamma", self.gamma, &[2 * width], advice);
        program.check_f32(op, "beta", self.beta, &[2 * width], advice);
        program.check_weight(op, "weight", self.weight, &[2 * width, vocabulary], advice);
        program.check_f32(op, "bias", self.bias, &[vocabulary], "It has one entry a token of the vocabulary");
    }
}

fn check_rows(
    program: &mut Program,
    op: &'static str,
    y1: Tensor,
    y2: Tensor,
    targets: Tensor,
    weights: Tensor,
) -> (usize, usize) {
    let (rows, width) = (y1.shape.dim(0), y1.shape.dim(1));
    program.check_stream(op, "y1", y1, &[rows, width]);
    program.check_stream(op, "y2", y2, &[rows, width]);
    program.check_u32(op, "targets", targets, &[rows], "There is one target a row");
    program.check_f32(op, "weights", weights, &[rows], "There is one weight a row");
    (rows, width)
}

impl Program {
    /// Records [`HeadLoss`].
    pub fn head_loss(
        &mut self,
        y1: Tensor,
        y2: Tensor,
        head: &HeadParameters,
        targets: Tensor,
        weights: Tensor,
    ) -> Tensor {
        let (rows, width) = check_rows(self, "head_loss", y1, y2, targets, weights);
        head.check(self, "head_loss", width);
        let [gamma, beta, weight, bias] = head.all();
        let reads = [y1, y2, gamma, beta, weight, bias, targets, weights];
        self.push(HeadLoss.into(), &reads, &[], &[("losses", shape![rows], DType::F32)])[0]
    }

    /// Records [`HeadLossGradient`]; returns (`dy1`, `dy2`, `losses`).
    pub fn head_loss_gradient(
        &mut self,
        y1: Tensor,
        y2: Tensor,
        head: &HeadParameters,
        targets: Tensor,
        weights: Tensor,
        gradients: &HeadParameters,
    ) -> (Tensor, Tensor, Tensor) {
        let (rows, width) = check_rows(self, "head_loss_gradient", y1, y2, targets, weights);
        head.check(self, "head_loss_gradient", width);
        gradients.check(self, "head_loss_gradient", width);
        let [gamma, beta, weight, bias] = head.all();
        let reads = [y1, y2, gamma, beta, weight, bias, targets, weights];
        let stream = shape![rows, width];
        let writes = [("dy1", stream, DType::F32), ("dy2", stream, DType::F32), ("losses", shape![rows], DType::F32)];
        let results = self.push(HeadLossGradient.into(), &reads, &gradients.all(), &writes);
        (results[4], results[5], results[6])
    }
}
