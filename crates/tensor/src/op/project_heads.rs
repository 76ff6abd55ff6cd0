//! `project_heads` and its gradient: layer norm of a stream, then a product with each weight, for a range of heads.

use super::HeadRange;
use crate::{DType, Program, Shape, Tensor, shape};

/// out_m = LN(x)·W_m[:, range]: LN in row tiles, never whole; no bias. Used with (qk, v) for LSH and (q, k, v) otherwise.
///
/// Reads: `x` stream `[rows, width]`, `gamma` `[width]`, `beta` `[width]`, weights `[width, heads·head_width]` each.
/// Writes: `[rows, range.columns()]` a weight.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct ProjectHeads {
    /// The heads.
    pub heads: HeadRange,
}

/// Gradient of [`ProjectHeads`]: dW_m`[:, range]` += LN(x)ᵀ·d_m (blocks of rows in order);
/// d_normed += Σ over heads in ascending order, per head over m in order: d_m`[:, head]`·W_m`[:, head]`ᵀ.
///
/// Reads: `x`, `gamma`, `beta`, then every `d_m` `[rows, range.columns()]`, then every weight.
/// Updates: `d_normed` `[rows, width]`, then every weight's gradient `[width, heads·head_width]`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct ProjectHeadsGradient {
    /// The heads.
    pub heads: HeadRange,
    /// How many weights.
    pub weights: usize,
}

/// Scale and shift of a layer norm, or their gradients.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NormParameters {
    /// `[width]`.
    pub gamma: Tensor,
    /// `[width]`.
    pub beta: Tensor,
}

impl ProjectHeads {
    pub(super) fn flops(&self, x: Shape, weights: usize) -> u64 {
        2 * (x.elements() * self.heads.columns() * weights) as u64
    }
}

impl ProjectHeadsGradient {
    pub(super) fn flops(&self, x: Shape) -> u64 {
        4 * (x.elements() * self.heads.columns() * self.weights) as u64
    }
}

fn check_weights(program: &mut Program, op: &'static str, width: usize, heads: HeadRange, weights: &[Tensor]) {
    for weight in weights {
        program.check_weight(
            op,
            "weight",
            *weight,
            &[width, weight.shape.dim(1)],
            "Weights are [width, heads·head_width]",
        );
        let columns = weight.shape.dim(1);
        program.check_field(op, heads.offset() + heads.columns() <= columns, || {
            format!(
                "heads {}..{} of width {} exceed the weight's {columns} columns",
                heads.first,
                heads.first + heads.count,
                heads.width
            )
        });
    }
}

impl Program {
    /// Records [`ProjectHeads`]; one result a weight, called `names`.
    pub fn project_heads(
        &mut self,
        heads: HeadRange,
        x: Tensor,
        norm: NormParameters,
        weights: &[Tensor],
        names: &[&str],
    ) -> Vec<Tensor> {
        let (rows, width) = (x.shape.dim(0), x.shape.dim(1));
        self.check_stream("project_heads", "x", x, &[rows, width]);
        self.check_f32("project_heads", "gamma", norm.gamma, &[width], "It has the stream's width");
        self.check_f32("project_heads", "beta", norm.beta, &[width], "It has the stream's width");
        check_weights(self, "project_heads", width, heads, weights);
        let mut reads = vec![x, norm.gamma, norm.beta];
        reads.extend(weights);
        let writes: Vec<_> =
            names.iter().take(weights.len()).map(|name| (*name, shape![rows, heads.columns()], DType::F32)).collect();
        self.push(ProjectHeads { heads }.into(), &reads, &[], &writes)
    }

    /// Records [`ProjectHeadsGradient`]; returns the new `d_normed`.
    pub fn project_heads_gradient(
        &mut self,
        heads: HeadRange,
        x: Tensor,
        norm: NormParameters,
        upstream: &[Tensor],
        weights: &[Tensor],
        d_normed: Tensor,
        weight_gradients: &[Tensor],
    ) -> Tensor {
        let (rows, width) = (x.shape.dim(0), x.shape.dim(1));
        self.check_stream("project_heads_gradient", "x", x, &[rows, width]);
        for tensor in upstream {
            self.check_f32(
                "project_heads_gradient",
                "upstream",
                *tensor,
                &[rows, heads.columns()],
                "It is the projection's gradient",
            );
        }
        check_weights(self, "project_heads_gradient", width, heads, weights);
        check_weights(self, "project_heads_gradient", width, heads, weight_gradients);
        self.check_f32("project_heads_gradient", "d_normed", d_normed, &[rows, width], "It has the stream's shape");
        let mut reads = vec![x, norm.gamma, norm.beta];
        reads.extend(upstream);
        reads.extend(weights);
        let mut updates = vec![d_normed];
        updates.extend(weight_gradients);
        self.push(ProjectHeadsGradient { heads, weights: weights.len() }.into(), &reads, &updates, &[])[0]
    }
}
