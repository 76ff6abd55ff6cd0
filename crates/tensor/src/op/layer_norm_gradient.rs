//! `layer_norm_gradient`: from the gradient of a normalised stream to the stream's own. The forward layer norm has no
//! op: it is always part of what follows it, so that it is never stored.

use super::NormParameters;
use crate::{Program, Tensor};

/// With n = (x − mean)/√(var + ε): dγ += Σ_rows d·n, dβ += Σ_rows d, dx += (g − mean(g) − n·mean(g·n))/√(var + ε), g = d·γ.
/// The sums over rows run in ascending blocks of [`super::ROW_BLOCK`].
///
/// Reads: `x` stream `[rows, width]`, `gamma` `[width]`, `d_normed` `[rows, width]`.
/// Updates: `dx` `[rows, width]`, `dgamma` `[width]`, `dbeta` `[width]`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct LayerNormGradient;

impl Program {
    /// Records [`LayerNormGradient`]; returns the new `dx`.
    pub fn layer_norm_gradient(
        &mut self,
        x: Tensor,
        gamma: Tensor,
        d_normed: Tensor,
        dx: Tensor,
        gradients: NormParameters,
    ) -> Tensor {
        const OP: &str = "layer_norm_gradient";
        let (rows, width) = (x.shape.dim(0), x.shape.dim(1));
        self.check_stream(OP, "x", x, &[rows, width]);
        self.check_f32(OP, "gamma", gamma, &[width], "It has the stream's width");
        self.check_f32(OP, "d_normed", d_normed, &[rows, width], "It has the stream's shape");
        self.check_f32(OP, "dx", dx, &[rows, width], "It has the stream's shape");
        self.check_f32(OP, "dgamma", gradients.gamma, &[width], "It has the stream's width");
        self.check_f32(OP, "dbeta", gradients.beta, &[width], "It has the stream's width");
        self.push(LayerNormGradient.into(), &[x, gamma, d_normed], &[dx, gradients.gamma, gradients.beta], &[])[0]
    }
}
