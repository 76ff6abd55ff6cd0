//! Dropout masks by counter: a row's factors, 0 or 1/(1 − rate). See `reformer_tensor::op::Dropout` for the contract.

use crate::environment::Level;
use crate::simd::{self, Arithmetic, Kernel};
use reformer_tensor::{Dropout, Key};

/// Masks of one site in one run.
#[derive(Clone, Copy)]
pub(crate) struct Mask {
    key: Key,
    threshold: u32,
    scale: f32,
    /// Whether anything is dropped at all.
    active: bool,
}

impl Mask {
    /// The masks of `dropout` under the run's key (two words).
    pub fn new(dropout: Dropout, key: &[u32]) -> Self {
        let key = Key([key[0], key[1]]).fold_in(dropout.site);
        Self { key, threshold: dropout.threshold(), scale: dropout.scale(), active: dropout.rate > 0.0 }
    }

    /// How many factors some rows have: none where nothing is dropped.
    pub fn numbers(&self, rows: usize, width: usize) -> usize {
        if self.active { rows * width } else { 0 }
    }

    /// The factors of the rows from `first`, as many as `factors` holds; `None` where nothing is dropped.
    pub fn rows<'a>(&self, level: Level, first: usize, width: usize, factors: &'a mut [f32]) -> Option<&'a [f32]> {
        if !self.active {
            return None;
        }
        simd::run(level, MaskRows { mask: *self, first, width, factors: &mut *factors });
        Some(factors)
    }

    /// Multiplies a row of the branch by its factors, for which `factors` has room.
    #[inline(always)]
    pub fn apply(&self, row: usize, factors: &mut [f32], values: &mut [f32]) {
        if self.active {
            self.factors(row, factors);
            for (value, &factor) in values.iter_mut().zip(&*factors) {
                *value *= factor;
            }
        }
    }

    /// The factors of a row of the branch.
    #[inline(always)]
    fn factors(&self, row: usize, out: &mut [f32]) {
        let (threshold, scale) = (self.threshold, self.scale);
        let factor = |word: u32| if word >= threshold { scale } else { 0.0 };
        let (pairs, last) = out.as_chunks_mut::<2>();
        for (counter, pair) in pairs.iter_mut().enumerate() {
            let [first, second] = random_words(self.key, row as u32, counter as u32);
            *pair = [factor(first), factor(second)];
        }
        if let [last] = last {
            *last = factor(random_words(self.key, row as u32, pairs.len() as u32)[0]);
        }
    }
}

/// The factors of some rows.
struct MaskRows<'a> {
    mask: Mask,
    first: usize,
    width: usize,
    factors: &'a mut [f32],
}

impl Kernel for MaskRows<'_> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arithmetic>(self) {
        for (offset, factors) in self.factors.chunks_exact_mut(self.width).enumerate() {
            self.mask.factors(self.first + offset, factors);
        }
    }
}

/// out = values·factors.
pub(crate) struct Multiply<'a> {
    pub values: &'a [f32],
    pub factors: &'a [f32],
    pub out: &'a mut [f32],
}

impl Kernel for Multiply<'_> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arithmetic>(self) {
        for ((out, &value), &factor) in self.out.iter_mut().zip(self.values).zip(self.factors) {
            *out = value * factor;
        }
    }
}

/// The parity constant of Threefry's key schedule.
const PARITY: u32 = 0x1BD1_1BDA;

/// [`Key::bits`], written without a loop: the compiler then computes the counters of a row side by side, twenty times as fast.
#[inline(always)]
fn random_words(key: Key, row: u32, counter: u32) -> [u32; 2] {
    let [k0, k1] = key.0;
    let k2 = PARITY ^ k0 ^ k1;
    let mut x = [row.wrapping_add(k0), counter.wrapping_add(k1)];
    x = inject(four_rounds(x, [13, 15, 26, 6]), k1, k2.wrapping_add(1));
    x = inject(four_rounds(x, [17, 29, 16, 24]), k2, k0.wrapping_add(2));
    x = inject(four_rounds(x, [13, 15, 26, 6]), k0, k1.wrapping_add(3));
    x = inject(four_rounds(x, [17, 29, 16, 24]), k1, k2.wrapping_add(4));
    inject(four_rounds(x, [13, 15, 26, 6]), k2, k0.wrapping_add(5))
}

#[inline(always)]
fn four_rounds(x: [u32; 2], [r0, r1, r2, r3]: [u32; 4]) -> [u32; 2] {
    round(round(round(round(x, r0), r1), r2), r3)
}

#[inline(always)]
fn round([x0, x1]: [u32; 2], rotation: u32) -> [u32; 2] {
    let sum = x0.wrapping_add(x1);
    [sum, x1.rotate_left(rotation) ^ sum]
}

#[inline(always)]
fn inject([x0, x1]: [u32; 2], first: u32, second: u32) -> [u32; 2] {
    [x0.wrapping_add(first), x1.wrapping_add(second)]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The contract of `Dropout`, word by word, at every level.
    #[test]
    fn factors_follow_the_contract() {
        let dropout = Dropout { rate: 0.3, site: 9 };
        let (key, width, first) = ([5, 7], 37, 1000);
        let site = Key(key).fold_in(dropout.site);
        for level in Level::available() {
            let mask = Mask::new(dropout, &key);
            let mut factors = vec![f32::NAN; 3 * width];
            mask.rows(level, first, width, &mut factors);
            for (index, &factor) in factors.iter().enumerate() {
                let (row, column) = (first + index / width, index % width);
                let word = site.bits([row as u32, column as u32 / 2])[column % 2];
                let expected =
                    if f64::from(word) >= 0.3f32 as f64 * 4_294_967_296.0 { 1.0 / (1.0 - 0.3f32) } else { 0.0 };
                assert_eq!(factor, expected, "row {row}, column {column}, {}", level.name());
            }
        }
    }

    #[test]
    fn the_rate_is_kept() {
        let mask = Mask::new(Dropout { rate: 0.1, site: 0 }, &[1, 2]);
        let mut factors = vec![0.0; 100_000];
        mask.rows(Level::detect(), 0, 1000, &mut factors);
        let dropped = factors.iter().filter(|&&factor| factor == 0.0).count() as f64 / factors.len() as f64;
        // Five standard errors of a share of 0.1.
        assert!((dropped - 0.1).abs() < 5.0 * (0.09f64 / 1e5).sqrt(), "dropped {dropped}");
    }
}
