//! Operands that several ops' cases share: norms, layers, heads, and the words of reasons.

use crate::fixture::{Expectation, Fixture};
use crate::tolerance::Tolerance;
use reformer_tensor::op::{FeedForwardParameters, HeadParameters, NormParameters, ROW_BLOCK};
use reformer_tensor::{DType, Dropout, shape};

/// Streams that are not rounded.
pub(crate) const PLAIN: DType = DType::F32;
/// No dropout.
pub(crate) const KEEP: Dropout = Dropout { rate: 0.0, site: 3 };
/// One number in ten is dropped.
pub(crate) const DROP: Dropout = Dropout { rate: 0.1, site: 5 };

/// Scale and shift that are neither one nor zero.
pub(crate) fn norm(fixture: &mut Fixture, width: usize) -> NormParameters {
    NormParameters {
        gamma: fixture.parameter("gamma", shape![width], 1.0, 0.2),
        beta: fixture.parameter("beta", shape![width], 0.0, 0.2),
    }
}

/// The sums of a norm's gradients.
pub(crate) fn norm_sums(fixture: &mut Fixture, width: usize, tolerance: &Tolerance) -> NormParameters {
    NormParameters {
        gamma: fixture.sum("dgamma", shape![width], tolerance.clone()),
        beta: fixture.sum("dbeta", shape![width], tolerance.clone()),
    }
}

/// A feed-forward layer.
pub(crate) fn layer(fixture: &mut Fixture, width: usize, hidden: usize) -> FeedForwardParameters {
    FeedForwardParameters {
        norm: norm(fixture, width),
        w1: fixture.weight("w1", width, hidden),
        b1: fixture.parameter("b1", shape![hidden], 0.0, 0.3),
        w2: fixture.weight("w2", hidden, width),
        b2: fixture.parameter("b2", shape![width], 0.0, 0.3),
    }
}

/// A head on two streams of `width`; `sharpness` is the size of its logits.
pub(crate) fn head(fixture: &mut Fixture, width: usize, vocabulary: usize, sharpness: f32) -> HeadParameters {
    let deviation = sharpness / (2.0 * width as f32).sqrt();
    HeadParameters {
        gamma: fixture.parameter("gamma", shape![2 * width], 1.0, 0.2),
        beta: fixture.parameter("beta", shape![2 * width], 0.0, 0.2),
        weight: {
            let numbers = fixture.normal("weight", shape![2 * width, vocabulary], 0.0, deviation);
            fixture.state("weight", numbers, fixture.stored)
        },
        bias: fixture.parameter("bias", shape![vocabulary], 0.0, 0.3),
    }
}

/// Whether a row is unscored where some are.
pub(crate) fn is_hole(row: usize) -> bool {
    row % 3 == 1 || (ROW_BLOCK..2 * ROW_BLOCK).contains(&row)
}

/// Targets below the vocabulary, and weights of scored rows; every third row is unscored if `holes`, and all of the second
/// block of rows, with a target that does not exist.
pub(crate) fn targets(
    fixture: &mut Fixture,
    vocabulary: usize,
    holes: bool,
) -> (reformer_tensor::Tensor, reformer_tensor::Tensor) {
    let rows = fixture.rows;
    let hole = |row: usize| holes && is_hole(row);
    let targets = fixture.choices("targets", rows, vocabulary).into_iter().enumerate();
    let targets = targets.map(|(row, target)| if hole(row) { u32::MAX } else { target }).collect();
    let targets = fixture.integers("targets", shape![rows], targets);
    let weights = (0..rows).map(|row| if hole(row) { 0.0 } else { 0.25 + 0.125 * (row % 5) as f32 }).collect();
    let weights = fixture.input("weights", reformer_tensor::HostTensor::f32(shape![rows], weights), DType::F32);
    (targets, weights)
}

impl Fixture {
    /// Says the same of several states.
    pub(crate) fn sums(
        &mut self,
        shapes: &[(&str, reformer_tensor::Shape)],
        tolerance: &Tolerance,
    ) -> Vec<reformer_tensor::Tensor> {
        shapes.iter().map(|&(name, shape)| self.sum(name, shape, Expectation::from(tolerance.clone()))).collect()
    }
}
