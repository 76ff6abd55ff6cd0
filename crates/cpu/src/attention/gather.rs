//! One head's operands, seen by slot: gathering rows of a run of slots into contiguous scratch.

use super::inverse_norm;
use reformer_tensor::Pattern;

/// The operands of one head. Rows of projections start at `column` and are `stride` apart.
#[derive(Clone, Copy)]
pub(crate) struct Head<'a> {
    pub pattern: Pattern,
    pub rows: usize,
    pub width: usize,
    pub stride: usize,
    pub column: usize,
    /// Queries (LSH: queries and keys).
    pub query: &'a [f32],
    /// Keys (LSH: the same as `query`).
    pub key: &'a [f32],
    /// Values.
    pub value: &'a [f32],
    /// LSH: `order`, `slot`, `low` [rounds, rows] of this head.
    pub sorted: Option<Sorted<'a>>,
    /// Local and full: the first row of each row's segment.
    pub segments: &'a [u32],
}

/// The sorted order of one head's rounds, each [rounds, rows].
#[derive(Clone, Copy)]
pub(crate) struct Sorted<'a> {
    pub order: &'a [u32],
    pub slot: &'a [u32],
    pub low: &'a [u32],
}

impl<'a> Head<'a> {
    pub fn rounds(&self) -> usize {
        match self.pattern {
            Pattern::Lsh { rounds, .. } => rounds,
            Pattern::Local { .. } | Pattern::Full => 1,
        }
    }

    /// The token in a slot.
    #[inline(always)]
    pub fn token(&self, round: usize, slot: usize) -> usize {
        match self.sorted {
            Some(sorted) => sorted.order[round * self.rows + slot] as usize,
            None => slot,
        }
    }

    /// The slot of a token.
    #[inline(always)]
    pub fn slot(&self, round: usize, token: usize) -> u32 {
        match self.sorted {
            Some(sorted) => sorted.slot[round * self.rows + token],
            None => token as u32,
        }
    }

    /// The first slot that a token sees.
    #[inline(always)]
    pub fn low(&self, round: usize, token: usize) -> u32 {
        match self.sorted {
            Some(sorted) => sorted.low[round * self.rows + token],
            None => {
                let start = self.segments[token];
                match self.pattern {
                    Pattern::Local { window } => start.max((token as u32 + 1).saturating_sub(window as u32)),
                    Pattern::Full | Pattern::Lsh { .. } => start,
                }
            }
        }
    }

    /// The row of a projection.
    #[inline(always)]
    pub fn row(&self, data: &'a [f32], token: usize) -> &'a [f32] {
        let start = token * self.stride + self.column;
        &data[start..start + self.width]
    }

    /// Copies keys (of unit length, if LSH) and values of `slots` into rows of `width`.
    #[inline(always)]
    pub fn gather(&self, round: usize, slots: std::ops::Range<usize>, keys: &mut [f32], values: &mut [f32]) {
        let shared = self.sorted.is_some();
        let out = keys.chunks_exact_mut(self.width).zip(values.chunks_exact_mut(self.width));
        for (slot, (key, value)) in slots.zip(out) {
            let token = self.token(round, slot);
            key.copy_from_slice(self.row(self.key, token));
            value.copy_from_slice(self.row(self.value, token));
            if shared {
                let inverse = inverse_norm(key);
                for key in key.iter_mut() {
                    *key *= inverse;
                }
            }
        }
    }
}
