//! Residual streams: reading rows as f32, adding shares exactly, stopping at what does not fit. See `docs/attention.md` and the
//! design of fixed-point streams in `docs/ARCHITECTURE.md`.

use crate::environment::Fault;
use crate::simd::{Arithmetic, Kernel};
use reformer_tensor::{DType, Direction};

/// 1.5·2²³: adding it leaves the nearest integer, ties to even, in the low bits.
const ROUNDER: f32 = 12_582_912.0;
/// Below this magnitude [`ROUNDER`] rounds. A cast from f32 would do for all, but saturates, which no vector instruction does.
const QUICK: f32 = 4_194_304.0;

/// 2^-bits and 2^(31-bits): the unit and the first magnitude that does not fit. For f32 streams every finite number fits.
#[derive(Clone, Copy)]
pub(crate) struct Unit {
    fixed: bool,
    unit: f32,
    inverse: f32,
    limit: f32,
}

impl Unit {
    pub fn of(dtype: DType) -> Self {
        match dtype {
            DType::Fixed { fraction_bits } => {
                let inverse = f32::from_bits((127 + u32::from(fraction_bits)) << 23);
                let limit = f32::from_bits((127 + 31 - u32::from(fraction_bits)) << 23);
                Self { fixed: true, unit: 1.0 / inverse, inverse, limit }
            }
            DType::F32 | DType::U32 | DType::F16 | DType::Bf16 => {
                Self { fixed: false, unit: 1.0, inverse: 1.0, limit: f32::INFINITY }
            }
        }
    }

    /// A row of the stream as numbers.
    #[inline(always)]
    pub fn load(self, words: &[u32], out: &mut [f32]) {
        if self.fixed {
            for (out, &word) in out.iter_mut().zip(words) {
                *out = word as i32 as f32 * self.unit;
            }
        } else {
            for (out, &word) in out.iter_mut().zip(words) {
                *out = f32::from_bits(word);
            }
        }
    }

    /// Adds a share to a row of the stream, or takes it off. The share is checked first, as integers: a maximum of floats could
    /// hide a NaN.
    #[inline(always)]
    pub fn add(self, words: &mut [u32], share: &[f32], direction: Direction) -> Result<(), Fault> {
        let largest = self.check(share)?;
        if self.fixed {
            let sign = if direction == Direction::Forward { 1i32 } else { -1 };
            let words = words.iter_mut().zip(share);
            if largest * self.inverse < QUICK {
                for (word, &share) in words {
                    let fixed = (share * self.inverse + ROUNDER).to_bits().wrapping_sub(ROUNDER.to_bits());
                    *word = word.wrapping_add(fixed.wrapping_mul(sign as u32));
                }
            } else {
                for (word, &share) in words {
                    let fixed = (share * self.inverse).round_ties_even() as i32;
                    *word = word.wrapping_add(fixed.wrapping_mul(sign) as u32);
                }
            }
        } else {
            let sign = if direction == Direction::Forward { 1.0f32 } else { -1.0 };
            for (word, &share) in words.iter_mut().zip(share) {
                *word = (f32::from_bits(*word) + share * sign).to_bits();
            }
        }
        Ok(())
    }

    /// Sets a row of the stream.
    #[inline(always)]
    pub fn store(self, words: &mut [u32], values: &[f32]) -> Result<(), Fault> {
        words.fill(0);
        self.add(words, values, Direction::Forward)
    }

    /// The largest magnitude, if it fits.
    #[inline(always)]
    fn check(self, share: &[f32]) -> Result<f32, Fault> {
        let mut largest = 0u32;
        for &value in share {
            largest = largest.max(value.to_bits() & 0x7fff_ffff);
        }
        if largest < self.limit.to_bits() {
            return Ok(f32::from_bits(largest));
        }
        let value = share.iter().copied().find(|value| value.to_bits() & 0x7fff_ffff == largest);
        Err(Fault::Range { value: value.unwrap_or(f32::NAN), limit: self.limit })
    }
}

/// stream ± fix(factors·(share + bias)), row by row; the share is changed in place.
pub(crate) struct AddShares<'a> {
    pub width: usize,
    pub unit: Unit,
    pub direction: Direction,
    /// `[width]`.
    pub bias: Option<&'a [f32]>,
    /// The dropout's mask, `[rows, width]`.
    pub factors: Option<&'a [f32]>,
    /// `[rows, width]`.
    pub share: &'a mut [f32],
    /// `[rows, width]`.
    pub stream: &'a mut [u32],
}

impl Kernel for AddShares<'_> {
    type Output = Result<(), Fault>;

    #[inline(always)]
    fn run<A: Arithmetic>(self) -> Result<(), Fault> {
        let width = self.width;
        let rows = self.share.chunks_exact_mut(width).zip(self.stream.chunks_exact_mut(width));
        for (row, (share, stream)) in rows.enumerate() {
            if let Some(bias) = self.bias {
                for (share, &bias) in share.iter_mut().zip(bias) {
                    *share += bias;
                }
            }
            if let Some(factors) = self.factors {
                for (share, &factor) in share.iter_mut().zip(&factors[row * width..(row + 1) * width]) {
                    *share *= factor;
                }
            }
            self.unit.add(stream, share, self.direction)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adding_and_taking_off_gives_the_same_bits_back() {
        let unit = Unit::of(DType::STREAM);
        let shares = reformer_tensor::Key::from_seed(3).normal(1000);
        let mut words = vec![0u32; 1000];
        unit.store(&mut words, &reformer_tensor::Key::from_seed(4).normal(1000)).unwrap();
        let before = words.clone();
        unit.add(&mut words, &shares, Direction::Forward).unwrap();
        assert_ne!(words, before);
        unit.add(&mut words, &shares, Direction::Reverse).unwrap();
        assert_eq!(words, before);
    }

    /// Alone a share may take the quick way to an integer, in a row with a large one it takes the other.
    #[test]
    fn both_ways_of_rounding_agree() {
        let unit = Unit::of(DType::STREAM);
        let half = 0.5 * 2f32.powi(-19);
        let mut shares = reformer_tensor::Key::from_seed(5).normal(1000);
        shares.extend([half, -half, 3.0 * half, -3.0 * half, 5.0 * half, 1e-30, -0.0, 7.999_999, -7.999_999]);
        for share in shares {
            let (mut alone, mut beside) = ([9u32], [9u32, 0]);
            unit.add(&mut alone, &[share], Direction::Forward).unwrap();
            unit.add(&mut beside, &[share, 4000.0], Direction::Forward).unwrap();
            let expected = 9 + (f64::from(share) * 2f64.powi(19)).round_ties_even() as i32;
            assert_eq!((alone[0] as i32, beside[0] as i32), (expected, expected), "{share}");
        }
    }

    #[test]
    fn what_does_not_fit_stops_before_anything_is_added() {
        let unit = Unit::of(DType::STREAM);
        for bad in [f32::NAN, f32::INFINITY, 4096.0, -5000.0] {
            let mut words = [7u32, 7];
            let fault = unit.add(&mut words, &[1.0, bad], Direction::Forward).unwrap_err();
            assert!(matches!(fault, Fault::Range { limit: 4096.0, .. }), "{bad}: {fault:?}");
            assert_eq!(words, [7, 7]);
        }
        assert!(unit.add(&mut [0], &[4095.9], Direction::Forward).is_ok());
    }
}
