//! Dropout masks by counter: a row's factors, 0 or 1/(1 − rate). See `reformer_tensor::op::Dropout` for the contract.

use reformer_tensor::{Dropout, Key};

/// Counters that are worked on together; the compiler makes SIMD of them.
const TOGETHER: usize = 16;

/// Masks of one site in one run.
#[derive(Clone, Copy)]
pub(crate) struct Mask {
    key: Key,
    threshold: u32,
    scale: f32,
    /// Whether anything is dropped at all.
    pub active: bool,
}

impl Mask {
    /// The masks of `dropout` under the run's key (two words).
    pub fn new(dropout: Dropout, key: &[u32]) -> Self {
        let key = Key([key[0], key[1]]).fold_in(dropout.site);
        Self { key, threshold: dropout.threshold(), scale: dropout.scale(), active: dropout.rate > 0.0 }
    }

    /// Multiplies a row of the branch by its mask.
    #[inline(always)]
    pub fn apply(&self, row: usize, values: &mut [f32]) {
        if !self.active {
            return;
        }
        let mut start = 0;
        while start < values.len() {
            let mut words = [[0u32; TOGETHER]; 2];
            for (lane, counter) in (0..TOGETHER).zip(start / 2..) {
                let [first, second] = self.key.bits([row as u32, counter as u32]);
                words[0][lane] = first;
                words[1][lane] = second;
            }
            let end = values.len().min(start + 2 * TOGETHER);
            for (index, value) in values[start..end].iter_mut().enumerate() {
                let kept = words[index % 2][index / 2] >= self.threshold;
                *value = if kept { *value * self.scale } else { 0.0 };
            }
            start = end;
        }
    }
}
