//! How far a backend's f32 may be from the oracle's f64, and why. What is compared is in `compare.rs`; the ground of every
//! number is in `docs/numerics.md`.

use reformer_tensor::{DType, HostTensor};

/// u: half the spacing of f32 just above 1. Rounding a result to f32 changes it by at most u times its size.
pub const UNIT_ROUNDOFF: f64 = 1.0 / (1u64 << 24) as f64;

/// λ: a chain of n roundings of random sign stays within λ·√n of them, but for one chance in 10⁷ (2·exp(−λ²/2); Higham and Mary 2019,
/// "A new approach to probabilistic rounding error analysis", theorem 2.4). A run of the suite compares some 10⁶ values.
const LIKELY: f64 = 6.0;

/// How many of n roundings count: all of a short chain, λ·√n of a long one.
pub fn likely(roundings: usize) -> f64 {
    let count = roundings as f64;
    count.min(LIKELY * count.sqrt())
}

/// What a value's roundings are measured by.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Scale {
    /// The largest magnitude that the oracle has in the same row (the last dimension).
    Row,
    /// The largest magnitude that the oracle has anywhere in the tensor: for results that are small because large terms cancel.
    Tensor,
    /// This magnitude.
    Absolute(f64),
}

/// An allowance with its reason: `roundings · 2⁻²⁴ · scale + exact`.
#[derive(Clone, PartialEq, Debug)]
pub struct Tolerance {
    /// Roundings that count on the way to one value: [`likely`] of those along its longest chain of sums.
    pub roundings: f64,
    /// What one rounding is relative to.
    pub scale: Scale,
    /// Added to every allowance: a unit of a stream for every share that is rounded to it; what cancelling terms leave.
    pub exact: f64,
    /// The ground, for people: which sums, how long.
    pub reason: String,
}

impl Tolerance {
    /// A chain of `roundings`, each at most half a unit in the last place of the row's largest value.
    pub fn row(roundings: usize, reason: impl Into<String>) -> Self {
        Self { roundings: likely(roundings), scale: Scale::Row, exact: 0.0, reason: reason.into() }
    }

    /// The same, of the tensor's largest value.
    pub fn tensor(roundings: usize, reason: impl Into<String>) -> Self {
        Self { scale: Scale::Tensor, ..Self::row(roundings, reason) }
    }

    /// The same, of `magnitude`.
    pub fn absolute(roundings: usize, magnitude: f64, reason: impl Into<String>) -> Self {
        Self { scale: Scale::Absolute(magnitude), ..Self::row(roundings, reason) }
    }

    /// Through weights exp(logit − z): errors of logits up to `bound`, made by chains of `roundings` each, are relative errors of
    /// weights, once from the logit and once from z.
    pub fn with_exponents(mut self, roundings: usize, bound: f64) -> Self {
        self.roundings += 2.0 * bound * likely(roundings);
        self
    }

    /// On top, a difference of terms as large as `magnitude`, made by chains of `roundings`: what is left where they cancel.
    pub fn with_difference(mut self, roundings: usize, magnitude: f64) -> Self {
        self.exact += likely(roundings) * UNIT_ROUNDOFF * magnitude;
        self
    }

    /// A stream that took `shares` shares. Two shares that differ by the arithmetic's error may round to neighbouring integers:
    /// a unit for each.
    pub fn with_shares(mut self, shares: usize, stream: DType) -> Self {
        if let DType::Fixed { fraction_bits } = stream {
            self.exact += shares as f64 * 0.5f64.powi(i32::from(fraction_bits));
            self.reason += &format!("; {shares} share(s) rounded to 2^-{fraction_bits}, a unit each");
        }
        self
    }

    /// The allowance of every element of `oracle`.
    pub fn allowances(&self, oracle: &[f64], tensor: &HostTensor) -> Vec<f64> {
        let largest = |values: &[f64]| values.iter().fold(0.0f64, |most, value| most.max(value.abs()));
        let row = tensor.shape.dims().last().copied().unwrap_or(1).max(1);
        let allowed = |scale: f64| self.roundings * UNIT_ROUNDOFF * scale + self.exact;
        match self.scale {
            Scale::Row => oracle.chunks(row).flat_map(|row| vec![allowed(largest(row)); row.len()]).collect(),
            Scale::Tensor => vec![allowed(largest(oracle)); oracle.len()],
            Scale::Absolute(scale) => vec![allowed(scale); oracle.len()],
        }
    }
}

/// Roundings of a layer norm of `width` numbers: two sums over the row (mean and variance), then difference, root, quotient,
/// scale and shift.
pub fn norm_roundings(width: usize) -> usize {
    2 * width + 8
}
