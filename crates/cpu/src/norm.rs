//! Layer norm of rows, forward and backward, and sums in a fixed order. Which rows, and what follows, is the ops' matter.

use crate::simd::Arithmetic;
use reformer_tensor::op::NORM_EPSILON;

/// Sums are kept in this many partial sums whatever the SIMD width is, so that levels agree.
pub(crate) const LANES: usize = 16;

/// Adds partial sums as a tree.
#[inline(always)]
pub(crate) fn tree(mut lanes: [f32; LANES]) -> f32 {
    let mut half = LANES / 2;
    while half > 0 {
        for lane in 0..half {
            lanes[lane] += lanes[lane + half];
        }
        half /= 2;
    }
    lanes[0]
}

/// Σ term(i), i < count, in [`LANES`] partial sums.
#[inline(always)]
pub(crate) fn sum(count: usize, term: impl Fn(usize) -> f32) -> f32 {
    let mut lanes = [0.0; LANES];
    let whole = count - count % LANES;
    let mut start = 0;
    while start < whole {
        for lane in 0..LANES {
            lanes[lane] += term(start + lane);
        }
        start += LANES;
    }
    for index in whole..count {
        lanes[index - whole] += term(index);
    }
    tree(lanes)
}

/// (x − mean)/√(var + ε) in place; returns 1/√(var + ε).
#[inline(always)]
pub(crate) fn normalise(row: &mut [f32]) -> f32 {
    let width = row.len() as f32;
    let mean = sum(row.len(), |index| row[index]) / width;
    let variance = sum(row.len(), |index| (row[index] - mean) * (row[index] - mean)) / width;
    let inverse = 1.0 / (variance + NORM_EPSILON).sqrt();
    for value in row.iter_mut() {
        *value = (*value - mean) * inverse;
    }
    inverse
}

/// n·γ + β.
#[inline(always)]
pub(crate) fn scale_and_shift<A: Arithmetic>(normalised: &[f32], gamma: &[f32], beta: &[f32], out: &mut [f32]) {
    for (((out, &n), &gamma), &beta) in out.iter_mut().zip(normalised).zip(gamma).zip(beta) {
        *out = A::multiply_add(n, gamma, beta);
    }
}

/// dx += (g − mean(g) − n·mean(g·n))·inverse with g = d·γ.
#[inline(always)]
pub(crate) fn backward<A: Arithmetic>(normalised: &[f32], inverse: f32, gamma: &[f32], d: &[f32], dx: &mut [f32]) {
    let count = d.len();
    let width = count as f32;
    let mean = sum(count, |index| d[index] * gamma[index]) / width;
    let dot = sum(count, |index| d[index] * gamma[index] * normalised[index]) / width;
    for index in 0..count {
        let centred = A::multiply_add(-normalised[index], dot, d[index] * gamma[index] - mean);
        dx[index] = A::multiply_add(centred, inverse, dx[index]);
    }
}
