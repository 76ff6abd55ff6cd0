//! `merge_heads` and its gradient: the heads' contexts, projected, as shares of a stream.

use super::{Direction, Dropout, HeadRange};
use crate::{DType, Program, Shape, Tensor, shape};

/// stream ± Σ_head fix(mask·(context_head·W`[head]`)): head by head in ascending order, each share rounded to the stream's unit
/// (ties to even) and added as an integer, so that grouping heads changes nothing. A share that is NaN or outside
/// the stream's range stops the run.
///
/// Reads: `context` `[rows, range.columns()]`, `weight` `[heads·head_width, width]`, `key` `[2]` u32. Updates: `stream` `[rows, width]`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct MergeHeads {
    /// The heads.
    pub heads: HeadRange,
    /// Add or take off.
    pub direction: Direction,
    /// Dropout of the branch: the same mask for every head, so that it is dropout of their sum.
    pub dropout: Dropout,
}

/// Gradient of [`MergeHeads`], straight through the rounding; with m = mask·dy:
/// d_context_head = m·W`[head]`ᵀ, dW`[head]` += context_headᵀ·m, delta_head = Σ_columns d_context_head·context_head.
///
/// Reads: `dy` `[rows, width]`, `context` `[rows, range.columns()]`, `weight`, `key`. Updates: `dweight` `[heads·head_width, width]`.
/// Writes: `d_context` `[rows, range.columns()]`, `delta` `[range.count, rows]`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct MergeHeadsGradient {
    /// The heads.
    pub heads: HeadRange,
    /// As recorded forward.
    pub dropout: Dropout,
}

impl MergeHeads {
    pub(super) fn flops(&self, rows: usize, width: usize) -> u64 {
        2 * (rows * width * self.heads.columns()) as u64
    }
}

impl MergeHeadsGradient {
    pub(super) fn flops(&self, dy: Shape) -> u64 {
        4 * (dy.elements() * self.heads.columns()) as u64
    }
}

fn check_operands(
    program: &mut Program,
    op: &'static str,
    heads: HeadRange,
    context: Tensor,
    weight: Tensor,
    key: Tensor,
    rows: usize,
    width: usize,
) {
    program.check_f32(op, "context", context, &[rows, heads.columns()], "It is [rows, heads·head_width]");
    program.check_weight(op, "weight", weight, &[weight.shape.dim(0), width], "It is [heads·head_width, width]");
    program.check_u32(op, "key", key, &[2], "A key is two words");
    program.check_field(op, heads.offset() + heads.columns() <= weight.shape.dim(0), || {
        format!("heads {}..{} exceed the weight's {} rows", heads.first, heads.first + heads.count, weight.shape.dim(0))
    });
}

impl Program {
    /// Records [`MergeHeads`]; returns the stream with the shares added.
    pub fn merge_heads(
        &mut self,
        op: MergeHeads,
        stream: Tensor,
        context: Tensor,
        weight: Tensor,
        key: Tensor,
    ) -> Tensor {
        let (rows, width) = (stream.shape.dim(0), stream.shape.dim(1));
        self.check_stream("merge_heads", "stream", stream, &[rows, width]);
        check_operands(self, "merge_heads", op.heads, context, weight, key, rows, width);
        self.push(op.into(), &[context, weight, key], &[stream], &[])[0]
    }

    /// Records [`MergeHeadsGradient`]; returns (`d_context`, `delta`).
    pub fn merge_heads_gradient(
        &mut self,
        op: MergeHeadsGradient,
        dy: Tensor,
        context: Tensor,
        weight: Tensor,
        key: Tensor,
        dweight: Tensor,
    ) -> (Tensor, Tensor) {
        const OP: &str = "merge_heads_gradient";
        let (rows, width) = (dy.shape.dim(0), dy.shape.dim(1));
        self.check_f32(OP, "dy", dy, &[rows, width], "It is the gradient of the stream");
        check_operands(self, OP, op.heads, context, weight, key, rows, width);
        self.check_f32(OP, "dweight", dweight, weight.shape.dims(), "It has the weight's shape");
        let d_context = ("d_context", shape![rows, op.heads.columns()], DType::F32);
        let delta = ("delta", shape![op.heads.count, rows], DType::F32);
        let results = self.push(op.into(), &[dy, context, weight, key], &[dweight], &[d_context, delta]);
        (results[1], results[2])
    }
}
