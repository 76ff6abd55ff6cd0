//! `feed_forward` and its gradient: two layers of products on row tiles; the hidden layer is never whole.

use super::{Activation, Direction, Dropout, NormParameters};
use crate::{Program, Tensor};

/// stream ± fix(mask·(act(LN(x)·W1 + b1)·W2 + b2)), rounded to the stream's unit, ties to even. A share that is NaN or outside
/// the stream's range stops the run.
///
/// Reads: `x` stream `[rows, width]`, `gamma`, `beta` `[width]`, `w1` `[width, hidden]`, `b1` `[hidden]`, `w2` `[hidden, width]`, `b2` `[width]`, `key` `[2]` u32.
/// Updates: `stream` `[rows, width]`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct FeedForward {
    /// Add or take off.
    pub direction: Direction,
    /// The activation.
    pub activation: Activation,
    /// Dropout of the branch.
    pub dropout: Dropout,
}

/// Gradient of [`FeedForward`], straight through the rounding, all of it in row tiles of [`super::ROW_BLOCK`] in ascending order:
/// gradients of the six parameters, dx += the branch's; with `rebuild` also stream −= the share, which is recomputed anyway.
///
/// Reads: `x`, `gamma`, `beta`, then `dy` `[rows, width]` (index 3), `w1`, `b1`, `w2`, `b2`, `key`.
/// Updates: `dx` `[rows, width]`, `dgamma`, `dbeta`, `dw1`, `db1`, `dw2`, `db2`; with `rebuild` also `stream`, last.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct FeedForwardGradient {
    /// The activation.
    pub activation: Activation,
    /// As recorded forward.
    pub dropout: Dropout,
    /// Whether to rebuild the stream before the half.
    pub rebuild: bool,
}

/// The feed-forward layer's parameters, or their gradients.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FeedForwardParameters {
    /// The norm before it.
    pub norm: NormParameters,
    /// `[width, hidden]`.
    pub w1: Tensor,
    /// `[hidden]`.
    pub b1: Tensor,
    /// `[hidden, width]`.
    pub w2: Tensor,
    /// `[width]`.
    pub b2: Tensor,
}

fn check_parameters(program: &mut Program, op: &'static str, width: usize, parameters: &FeedForwardParameters) {
    let hidden = parameters.w1.shape.dim(1);
    let advice = "Check the config's width and feed_forward";
    program.check_f32(op, "gamma", parameters.norm.gamma, &[width], advice);
    program.check_f32(op, "beta", parameters.norm.beta, &[width], advice);
    program.check_weight(op, "w1", parameters.w1, &[width, hidden], advice);
    program.check_f32(op, "b1", parameters.b1, &[hidden], advice);
    program.check_weight(op, "w2", parameters.w2, &[hidden, width], advice);
    program.check_f32(op, "b2", parameters.b2, &[width], advice);
}

impl Program {
    /// Records [`FeedForward`]; returns the stream with the share added.
    pub fn feed_forward(
        &mut self,
        op: FeedForward,
        stream: Tensor,
        x: Tensor,
        parameters: &FeedForwardParameters,
        key: Tensor,
    ) -> Tensor {
        let (rows, width) = (stream.shape.dim(0), stream.shape.dim(1));
        self.check_stream("feed_forward", "stream", stream, &[rows, width]);
        self.check_stream("feed_forward", "x", x, &[rows, width]);
        check_parameters(self, "feed_forward", width, parameters);
        self.check_u32("feed_forward", "key", key, &[2], "A key is two words");
        let FeedForwardParameters { norm, w1, b1, w2, b2 } = *parameters;
        self.push(op.into(), &[x, norm.gamma, norm.beta, w1, b1, w2, b2, key], &[stream], &[])[0]
    }

    /// Records [`FeedForwardGradient`]; `stream` is given iff the op rebuilds. Returns the new `dx` and the rebuilt stream.
    pub fn feed_forward_gradient(
        &mut self,
        op: FeedForwardGradient,
        x: Tensor,
        dy: Tensor,
        parameters: &FeedForwardParameters,
        key: Tensor,
        dx: Tensor,
        gradients: &FeedForwardParameters,
        stream: Option<Tensor>,
    ) -> (Tensor, Option<Tensor>) {
        const OP: &str = "feed_forward_gradient";
        let (rows, width) = (x.shape.dim(0), x.shape.dim(1));
        self.check_stream(OP, "x", x, &[rows, width]);
        self.check_f32(OP, "dy", dy, &[rows, width], "It is the gradient of the stream");
        self.check_f32(OP, "dx", dx, &[rows, width], "It has the stream's shape");
        check_parameters(self, OP, width, parameters);
        check_parameters(self, OP, width, gradients);
        self.check_u32(OP, "key", key, &[2], "A key is two words");
        self.check_field(OP, op.rebuild == stream.is_some(), || {
            format!("rebuild is {}, but a stream is {}given", op.rebuild, if stream.is_some() { "" } else { "not " })
        });
        let FeedForwardParameters { norm, w1, b1, w2, b2 } = *parameters;
        let mut updates =
            vec![dx, gradients.norm.gamma, gradients.norm.beta, gradients.w1, gradients.b1, gradients.w2, gradients.b2];
        if let Some(stream) = stream {
            self.check_stream(OP, "stream", stream, &[rows, width]);
            updates.push(stream);
        }
        let results = self.push(op.into(), &[x, norm.gamma, norm.beta, dy, w1, b1, w2, b2, key], &updates, &[]);
        (results[0], results.get(7).copied())
    }
}
