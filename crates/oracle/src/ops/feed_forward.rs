//! `feed_forward`: stream ± fix(mask·(act(LN(x)·W1 + b1)·W2 + b2)). The gradient's activations are made here, too.

use crate::array::Array;
use crate::fault::Fault;
use crate::norm::{self, Normal};
use crate::product::{Part, add};
use crate::{mask, stream};
use reformer_tensor::Activation;
use reformer_tensor::op::FeedForward;

pub(super) fn run(op: &FeedForward, reads: &[&Array], updates: &mut [Array]) -> Result<(), Fault> {
    let [x, gamma, beta, w1, b1, w2, b2, key] = reads else { unreachable!("the op has eight reads") };
    let layer = Layer { gamma, beta, w1, b1, w2, b2, activation: op.activation };
    for row in 0..x.shape.dim(0) {
        let mut share = layer.forward(&stream::row(x, row)).share;
        mask::apply(op.dropout, key.integer(), row, &mut share);
        stream::add(&mut updates[0], row, &share, op.direction)?;
    }
    Ok(())
}

/// The layer's parameters.
pub(super) struct Layer<'a> {
    pub gamma: &'a Array,
    pub beta: &'a Array,
    pub w1: &'a Array,
    pub b1: &'a Array,
    pub w2: &'a Array,
    pub b2: &'a Array,
    pub activation: Activation,
}

/// All that the layer computes for one row.
pub(super) struct Activations {
    pub normal: Normal,
    pub normed: Vec<f64>,
    /// Before the activation.
    pub hidden: Vec<f64>,
    pub active: Vec<f64>,
    /// Before dropout.
    pub share: Vec<f64>,
}

impl Layer<'_> {
    pub fn forward(&self, x: &[f64]) -> Activations {
        let normal = norm::normal(x);
        let normed = normal.scaled(self.gamma.real(), self.beta.real());
        let mut hidden = Part::whole(self.w1.real(), self.w1.shape.dim(1)).times(&normed);
        add(&mut hidden, self.b1.real());
        let active: Vec<f64> = hidden.iter().map(|&x| activation(self.activation, x).0).collect();
        let mut share = Part::whole(self.w2.real(), self.w2.shape.dim(1)).times(&active);
        add(&mut share, self.b2.real());
        Activations { normal, normed, hidden, active, share }
    }
}

/// The activation and its derivative. GELU: x·σ(u), u = 2√(2/π)(x + 0.044715x³).
pub(super) fn activation(activation: Activation, x: f64) -> (f64, f64) {
    match activation {
        Activation::Gelu => {
            let scale = 2.0 * (2.0 / std::f64::consts::PI).sqrt();
            let sigma = 1.0 / (1.0 + (-scale * (x + 0.044715 * x * x * x)).exp());
            let slope = scale * (1.0 + 3.0 * 0.044715 * x * x);
            (x * sigma, sigma + x * sigma * (1.0 - sigma) * slope)
        }
        Activation::Relu => (x.max(0.0), if x > 0.0 { 1.0 } else { 0.0 }),
    }
}
