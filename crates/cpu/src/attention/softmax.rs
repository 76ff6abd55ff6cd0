//! The softmax: masks, the exact maximum, exponentials, and how rounds are merged. The arithmetic here is the only one; tiles
//! of 16 queries and single queries use the same functions.

use super::lanes::{LANES, Lanes, Line};
use crate::math;
use crate::simd::Arithmetic;
use reformer_tensor::op::SELF_LOGIT;

/// What 16 queries see in one round: slots from `low` to `low + span`. A lane without a query sees nothing.
#[derive(Clone, Copy)]
pub(super) struct Seen {
    pub low: [u32; LANES],
    pub span: [u32; LANES],
}

impl Seen {
    /// No slot has the number `u32::MAX`: rows are counted in u32.
    pub const NOTHING: Seen = Seen { low: [u32::MAX; LANES], span: [0; LANES] };
}

/// Whether a query that sees `low` to `low + span` sees `slot`: one comparison, since slots below `low` wrap around.
#[inline(always)]
pub(super) fn sees(slot: u32, low: u32, span: u32) -> bool {
    slot.wrapping_sub(low) <= span
}

/// Takes away the keys outside of the round's interval. The first line belongs to slot `first`.
#[inline(always)]
pub(super) fn mask_unseen<L: Lanes>(lanes: L, logits: &mut [Line], first: usize, seen: &Seen) {
    let (low, span) = (lanes.words(&seen.low), lanes.words(&seen.span));
    let nothing = lanes.splat(f32::NEG_INFINITY);
    for (key, line) in logits.iter_mut().enumerate() {
        let kept = lanes.choose((first + key) as u32, low, span, lanes.load(line), nothing);
        lanes.store(kept, line);
    }
}

/// Takes away the keys that an earlier round has shown: `slots` are the keys' slots in that round.
#[inline(always)]
pub(super) fn mask_seen<L: Lanes>(lanes: L, logits: &mut [Line], slots: &[u32], seen: &Seen) {
    let (low, span) = (lanes.words(&seen.low), lanes.words(&seen.span));
    let nothing = lanes.splat(f32::NEG_INFINITY);
    for (line, &slot) in logits.iter_mut().zip(slots) {
        let kept = lanes.choose(slot, low, span, nothing, lanes.load(line));
        lanes.store(kept, line);
    }
}

/// Replaces the logits of the queries with themselves. The first line belongs to slot `first`, lane 0 to slot `query`.
#[inline(always)]
pub(super) fn replace_self(logits: &mut [Line], first: usize, query: usize, value: f32) {
    for lane in 0..LANES {
        let slot = query + lane;
        if slot >= first && slot - first < logits.len() {
            logits[slot - first].0[lane] = value;
        }
    }
}

/// The logit of a token with itself where queries and keys are shared.
pub(super) const SELF: f32 = SELF_LOGIT;

/// Raises the maxima to those of these logits.
#[inline(always)]
pub(super) fn raise(logits: &[Line], maxima: &mut Line) {
    let mut highest = maxima.0;
    for line in logits {
        for lane in 0..LANES {
            highest[lane] = larger(highest[lane], line.0[lane]);
        }
    }
    maxima.0 = highest;
}

/// The larger of two; `a` if either is NaN (a NaN reaches the result through its exponential).
#[inline(always)]
pub(super) fn larger(a: f32, b: f32) -> f32 {
    if b > a { b } else { a }
}

/// What is subtracted before the exponential: the maximum, or zero where nothing is seen, so that no ∞ - ∞ arises.
#[inline(always)]
pub(super) fn shift(maximum: f32) -> f32 {
    if maximum == f32::NEG_INFINITY { 0.0 } else { maximum }
}

/// Turns logits into exp(logit - maximum) and adds them to the sums, in the order of the keys.
#[inline(always)]
pub(super) fn exponentials<A: Arithmetic>(logits: &mut [Line], maxima: &Line, sums: &mut Line) {
    let mut shifts = [0.0; LANES];
    for lane in 0..LANES {
        shifts[lane] = shift(maxima.0[lane]);
    }
    let mut total = sums.0;
    for line in logits {
        for lane in 0..LANES {
            let weight = math::exp::<A>(line.0[lane] - shifts[lane]);
            line.0[lane] = weight;
            total[lane] += weight;
        }
    }
    sums.0 = total;
}

/// A query's state after some rounds: the maximum of its logits and Σ exp(logit - maximum). The weighted sum of values that
/// belongs to it is kept beside it.
#[derive(Clone, Copy)]
pub(super) struct Running {
    pub maximum: f32,
    pub sum: f32,
}

impl Running {
    /// Before the first round.
    pub const NONE: Running = Running { maximum: f32::NEG_INFINITY, sum: 0.0 };

    /// Adds a round. `None` if the round showed nothing new; otherwise the factors of the old and of the round's weighted sum,
    /// to be used as `multiply_add(old_factor, old, round_factor · new)`.
    #[inline(always)]
    pub fn merge<A: Arithmetic>(&mut self, round: Running) -> Option<(f32, f32)> {
        if round.sum == 0.0 {
            return None;
        }
        if self.sum == 0.0 {
            *self = round;
            return Some((0.0, 1.0));
        }
        let maximum = larger(self.maximum, round.maximum);
        let old = math::exp::<A>(self.maximum - maximum);
        let new = math::exp::<A>(round.maximum - maximum);
        self.sum = A::multiply_add(old, self.sum, new * round.sum);
        self.maximum = maximum;
        Some((old, new))
    }

    /// The factor that makes the weighted sum an average, and z.
    #[inline(always)]
    pub fn finish<A: Arithmetic>(self) -> (f32, f32) {
        (1.0 / self.sum, self.maximum + math::ln::<A>(self.sum))
    }
}

/// Adds a round's weighted sum to the one before it.
#[inline(always)]
pub(super) fn merge_rows<A: Arithmetic>(old: &mut [f32], round: &[f32], factors: (f32, f32)) {
    for (old, &round) in old.iter_mut().zip(round) {
        *old = A::multiply_add(factors.0, *old, factors.1 * round);
    }
}
