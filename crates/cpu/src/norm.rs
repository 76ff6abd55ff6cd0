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

/// Σ term(a) in [`LANES`] partial sums. Chunks of a known length, since bounds checks would keep the loop from becoming SIMD.
#[inline(always)]
pub(crate) fn sum(a: &[f32], term: impl Fn(f32) -> f32) -> f32 {
    let mut lanes = [0.0; LANES];
    let (chunks, rest) = a.as_chunks::<LANES>();
    for a in chunks {
        for lane in 0..LANES {
            lanes[lane] += term(a[lane]);
        }
    }
    for (lane, &a) in lanes.iter_mut().zip(rest) {
        *lane += term(a);
    }
    tree(lanes)
}

/// Σ term(a, b) of two slices of one length, as [`sum`].
#[inline(always)]
pub(crate) fn sum_of_two(a: &[f32], b: &[f32], term: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [0.0; LANES];
    let ((a_chunks, a_rest), (b_chunks, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    for (a, b) in a_chunks.iter().zip(b_chunks) {
        for lane in 0..LANES {
            lanes[lane] += term(a[lane], b[lane]);
        }
    }
    for ((lane, &a), &b) in lanes.iter_mut().zip(a_rest).zip(b_rest) {
        *lane += term(a, b);
    }
    tree(lanes)
}

/// Σ term(a, b, c) of three slices of one length, as [`sum`].
#[inline(always)]
pub(crate) fn sum_of_three(a: &[f32], b: &[f32], c: &[f32], term: impl Fn(f32, f32, f32) -> f32) -> f32 {
    let mut lanes = [0.0; LANES];
    let ((a_chunks, a_rest), (b_chunks, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    let (c_chunks, c_rest) = c.as_chunks::<LANES>();
    for ((a, b), c) in a_chunks.iter().zip(b_chunks).zip(c_chunks) {
        for lane in 0..LANES {
            lanes[lane] += term(a[lane], b[lane], c[lane]);
        }
    }
    for (((lane, &a), &b), &c) in lanes.iter_mut().zip(a_rest).zip(b_rest).zip(c_rest) {
        *lane += term(a, b, c);
    }
    tree(lanes)
}

/// (x − mean)/√(var + ε) in place; returns 1/√(var + ε).
#[inline(always)]
pub(crate) fn normalise(row: &mut [f32]) -> f32 {
    let width = row.len() as f32;
    let mean = sum(row, |x| x) / width;
    let variance = sum(row, |x| (x - mean) * (x - mean)) / width;
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
    let mean = sum_of_two(d, gamma, |d, gamma| d * gamma) / width;
    let dot = sum_of_three(d, gamma, normalised, |d, gamma, n| d * gamma * n) / width;
    for index in 0..count {
        let centred = A::multiply_add(-normalised[index], dot, d[index] * gamma[index] - mean);
        dx[index] = A::multiply_add(centred, inverse, dx[index]);
    }
}
