//! Bringing rows together: one head's view of its operands, unit keys, keys and queries in the order of slots.

use super::lanes::{LANES, Lanes, Line, prefetch, transpose};
use super::softmax::Seen;
use crate::simd::Arithmetic;
use reformer_tensor::op::KEY_EPSILON;
use std::ops::Range;

/// One head's columns of an activation `[rows, heads · width]`.
#[derive(Clone, Copy)]
pub(super) struct Columns<'a> {
    pub data: &'a [f32],
    pub stride: usize,
    pub first: usize,
    pub width: usize,
}

impl<'a> Columns<'a> {
    #[inline(always)]
    pub fn row(&self, row: usize) -> &'a [f32] {
        &self.data[row * self.stride + self.first..][..self.width]
    }
}

/// Rows of one head, one after another.
pub(super) fn whole(data: &[f32], width: usize) -> Columns<'_> {
    Columns { data, stride: width, first: 0, width }
}

/// One head's operands.
#[derive(Clone, Copy)]
pub(super) struct Head<'a> {
    pub query: Columns<'a>,
    pub key: Columns<'a>,
    pub value: Columns<'a>,
    /// Queries and keys are shared: keys get unit length and a token's own logit is replaced.
    pub shared: bool,
}

impl Head<'_> {
    /// Lines of a gathered row.
    #[inline(always)]
    pub fn per_row(&self) -> usize {
        self.query.width.div_ceil(LANES)
    }

    /// The factor of queries.
    #[inline(always)]
    pub fn scale(&self) -> f32 {
        query_scale(self.query.width, self.shared)
    }
}

/// Queries are divided by √width, unless their keys have unit length.
#[inline(always)]
pub(super) fn query_scale(width: usize, shared: bool) -> f32 {
    if shared { 1.0 } else { 1.0 / (width as f32).sqrt() }
}

/// One round of one head: where its tokens stand. Without an order every token stands in its own place.
#[derive(Clone, Copy)]
pub(super) struct Round<'a> {
    /// Token of each slot, slot of each token.
    pub sorted: Option<(&'a [u32], &'a [u32])>,
    /// First slot that each token sees; the last is its own.
    pub low: &'a [u32],
}

impl Round<'_> {
    #[inline(always)]
    pub fn token(&self, slot: usize) -> usize {
        self.sorted.map_or(slot, |(order, _)| order[slot] as usize)
    }

    #[inline(always)]
    pub fn slot(&self, token: usize) -> usize {
        self.sorted.map_or(token, |(_, slot)| slot[token] as usize)
    }

    /// First slot that the token in a slot sees.
    #[inline(always)]
    pub fn low_of_slot(&self, slot: usize) -> usize {
        self.low[self.token(slot)] as usize
    }
}

/// Σ a·b in one fixed order: 16 partial sums, then in halves.
#[inline(always)]
pub(super) fn inner<A: Arithmetic>(a: &[f32], b: &[f32]) -> f32 {
    let mut parts = [0.0f32; LANES];
    for (a, b) in a.chunks(LANES).zip(b.chunks(LANES)) {
        for (part, (&a, &b)) in parts.iter_mut().zip(a.iter().zip(b)) {
            *part = A::multiply_add(a, b, *part);
        }
    }
    let mut half = LANES / 2;
    while half > 0 {
        for lane in 0..half {
            parts[lane] += parts[lane + half];
        }
        half /= 2;
    }
    parts[0]
}

/// 1/ν: what makes a shared row a key of unit length.
#[inline(always)]
pub(super) fn inverse_norm<A: Arithmetic>(row: &[f32]) -> f32 {
    1.0 / (inner::<A>(row, row) + row.len() as f32 * KEY_EPSILON).sqrt()
}

/// Copies a row with a factor; what is left of the last line becomes zero.
#[inline(always)]
pub(super) fn copy_row(row: &[f32], factor: f32, lines: &mut [Line]) {
    let numbers: &mut [f32] = bytemuck::cast_slice_mut(lines);
    let (numbers, rest) = numbers.split_at_mut(row.len());
    for (to, &from) in numbers.iter_mut().zip(row) {
        *to = from * factor;
    }
    rest.fill(0.0);
}

/// The keys and values of a run of slots, one after another in memory.
pub(super) struct Keys<'s> {
    /// `per_row` lines a slot.
    pub keys: &'s mut [Line],
    pub values: &'s mut [Line],
    /// Slots of the keys in each earlier round, `capacity` a round.
    pub earlier: &'s mut [u32],
    pub capacity: usize,
    /// The slots that are here.
    pub slots: Range<usize>,
}

/// What [`Keys`] are gathered from.
pub(super) struct Source<'a> {
    pub head: Head<'a>,
    /// The rounds up to the current one, which is the last.
    pub rounds: &'a [Round<'a>],
    /// Inverse norms of the rows from `base` on, where queries and keys are shared.
    pub norms: &'a [f32],
    pub base: usize,
}

impl<'a> Source<'a> {
    #[inline(always)]
    pub fn round(&self) -> Round<'a> {
        self.rounds[self.rounds.len() - 1]
    }

    /// Asks for the keys and values of slots that come next.
    #[inline(always)]
    pub fn prefetch(&self, slots: Range<usize>) {
        if self.head.shared {
            for slot in slots {
                let token = self.round().token(slot);
                prefetch(self.head.key.row(token));
                prefetch(self.head.value.row(token));
            }
        }
    }

    #[inline(always)]
    pub fn key_factor(&self, token: usize) -> f32 {
        if self.head.shared { self.norms[token - self.base] } else { 1.0 }
    }
}

impl Keys<'_> {
    /// Makes sure that the slots are here. At most `capacity`.
    #[inline(always)]
    pub fn hold(&mut self, source: &Source<'_>, wanted: Range<usize>) {
        let per_row = source.head.per_row();
        if wanted.start < self.slots.start || wanted.start > self.slots.end {
            self.slots = wanted.start..wanted.start;
        }
        if wanted.end - self.slots.start > self.capacity {
            let kept = wanted.start - self.slots.start..self.slots.end - self.slots.start;
            self.keys.copy_within(kept.start * per_row..kept.end * per_row, 0);
            self.values.copy_within(kept.start * per_row..kept.end * per_row, 0);
            for round in self.earlier.chunks_exact_mut(self.capacity) {
                round.copy_within(kept.clone(), 0);
            }
            self.slots.start = wanted.start;
        }
        let round = source.round();
        for slot in self.slots.end..wanted.end {
            let (at, token) = (slot - self.slots.start, round.token(slot));
            let lines = at * per_row..(at + 1) * per_row;
            copy_row(source.head.key.row(token), source.key_factor(token), &mut self.keys[lines.clone()]);
            copy_row(source.head.value.row(token), 1.0, &mut self.values[lines]);
            for (earlier, round) in self.earlier.chunks_exact_mut(self.capacity).zip(source.rounds) {
                earlier[at] = round.slot(token) as u32;
            }
        }
        self.slots.end = self.slots.end.max(wanted.end);
    }
}

/// Sixteen queries in consecutive slots.
#[derive(Clone, Copy)]
pub(super) struct Group {
    pub first: usize,
    pub count: usize,
    /// The lowest slot that one of them sees.
    pub low: usize,
    /// The lowest slot that all of them see if they see that of the first query; behind it where lanes have no query.
    all: usize,
}

impl Group {
    /// The slots behind it.
    #[inline(always)]
    pub fn end(&self) -> usize {
        self.first + self.count
    }

    /// The queries from slot `first` on, at most 16 and none from `end` on; `seen` gets what they see in each round.
    #[inline(always)]
    pub fn new(source: &Source<'_>, first: usize, end: usize, seen: &mut [Seen]) -> Group {
        let count = (end - first).min(LANES);
        let current = source.round();
        let mut low = first;
        for (seen, round) in seen.iter_mut().zip(source.rounds) {
            *seen = Seen::NOTHING;
            for lane in 0..count {
                let token = current.token(first + lane);
                seen.low[lane] = round.low[token];
                seen.span[lane] = (round.slot(token) as u32).wrapping_sub(round.low[token]);
            }
        }
        let lows = &seen[source.rounds.len() - 1].low;
        for lane in 0..count {
            low = low.min(lows[lane] as usize);
        }
        let mut all = if count == LANES { 0 } else { usize::MAX };
        for lane in 0..count {
            all = all.max(lows[lane] as usize);
        }
        Group { first, count, low, all }
    }

    /// Of `count` keys from slot `first` on: where those that all queries see begin, and where they end.
    #[inline(always)]
    pub fn seen_by_some(&self, first: usize, count: usize) -> (usize, usize) {
        let end = (self.first + 1).saturating_sub(first).min(count);
        (self.all.saturating_sub(first).min(end), end)
    }

    /// The group's rows of an activation, and the same as columns. Lanes without a query hold zeros.
    #[inline(always)]
    pub fn gather<L: Lanes>(
        &self,
        lanes: L,
        round: &Round<'_>,
        activation: &Columns<'_>,
        factor: f32,
        rows: &mut [Line],
        columns: &mut [Line],
    ) {
        let per_row = rows.len() / LANES;
        for (lane, row) in rows.chunks_exact_mut(per_row).enumerate() {
            if lane < self.count {
                copy_row(activation.row(round.token(self.first + lane)), factor, row);
            } else {
                row.fill(Line::ZERO);
            }
        }
        transpose(lanes, rows, columns);
    }
}
