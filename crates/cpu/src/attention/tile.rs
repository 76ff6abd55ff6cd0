//! The arithmetic of one tile: [`LANES`] queries against a run of keys, lanes being queries. No gathering, no operands.

use super::LANES;
use super::gather::Head;
use crate::simd::Arithmetic;
use reformer_tensor::op::SELF_LOGIT;

/// One number a query.
pub(crate) type Lanes = [f32; LANES];
/// Keys (or dimensions) that are worked on together: their sums stay in registers.
const TOGETHER: usize = 8;

/// The queries of a tile: tokens, intervals, and what earlier rounds have shown.
pub(crate) struct Queries {
    /// How many lanes are in use.
    pub count: usize,
    /// The first query's slot; lane l is slot `first + l`.
    pub first: usize,
    /// Tokens.
    pub tokens: [usize; LANES],
    /// First slot seen; `u32::MAX` in unused lanes, so that they see nothing.
    pub low: [u32; LANES],
    /// First slot that any lane sees.
    pub begin: usize,
}

impl Queries {
    #[inline(always)]
    pub fn new(head: &Head<'_>, round: usize, first: usize, end: usize) -> Self {
        let count = LANES.min(end - first);
        let mut queries = Self { count, first, tokens: [0; LANES], low: [u32::MAX; LANES], begin: first };
        for lane in 0..count {
            let token = head.token(round, first + lane);
            queries.tokens[lane] = token;
            queries.low[lane] = head.low(round, token);
            queries.begin = queries.begin.min(queries.low[lane] as usize);
        }
        queries
    }

    /// One past the last slot that any lane sees.
    #[inline(always)]
    pub fn end(&self) -> usize {
        self.first + self.count
    }
}

/// out[d]`[lane]` = scale · row of lane at d. Unused lanes hold zeros.
#[inline(always)]
pub(crate) fn transpose<'a>(
    queries: &Queries,
    width: usize,
    scale: f32,
    row: impl Fn(usize) -> &'a [f32],
    out: &mut [Lanes],
) {
    for lane in 0..LANES {
        if lane < queries.count {
            let row = row(queries.tokens[lane]);
            for d in 0..width {
                out[d][lane] = row[d] * scale;
            }
        } else {
            for out in &mut out[..width] {
                out[lane] = 0.0;
            }
        }
    }
}

/// out[j]`[lane]` = Σ_d left[d]`[lane]`·rows[j]`[d]`, ascending in d, one chain a pair.
#[inline(always)]
pub(crate) fn dots<A: Arithmetic>(left: &[Lanes], rows: &[f32], width: usize, out: &mut [Lanes]) {
    let left = &left[..width];
    let whole = out.len() - out.len() % TOGETHER;
    for (block, out) in out[..whole].chunks_exact_mut(TOGETHER).enumerate() {
        let rows = &rows[block * TOGETHER * width..(block + 1) * TOGETHER * width];
        let mut sums = [[0.0f32; LANES]; TOGETHER];
        for d in 0..width {
            let left = left[d];
            for j in 0..TOGETHER {
                let factor = rows[j * width + d];
                for lane in 0..LANES {
                    sums[j][lane] = A::multiply_add(left[lane], factor, sums[j][lane]);
                }
            }
        }
        out.copy_from_slice(&sums);
    }
    for (j, out) in out.iter_mut().enumerate().skip(whole) {
        let row = &rows[j * width..(j + 1) * width];
        let mut sum = [0.0f32; LANES];
        for d in 0..width {
            for lane in 0..LANES {
                sum[lane] = A::multiply_add(left[d][lane], row[d], sum[lane]);
            }
        }
        *out = sum;
    }
}

/// out[d]`[lane]` = Σ_j weights[j]`[lane]`·rows[j]`[d]`, ascending in j.
#[inline(always)]
pub(crate) fn weighted<A: Arithmetic>(weights: &[Lanes], rows: &[f32], width: usize, out: &mut [Lanes]) {
    let whole = width - width % TOGETHER;
    for start in (0..whole).step_by(TOGETHER) {
        let mut sums = [[0.0f32; LANES]; TOGETHER];
        for (j, weights) in weights.iter().enumerate() {
            let row = &rows[j * width + start..j * width + start + TOGETHER];
            for d in 0..TOGETHER {
                for lane in 0..LANES {
                    sums[d][lane] = A::multiply_add(weights[lane], row[d], sums[d][lane]);
                }
            }
        }
        out[start..start + TOGETHER].copy_from_slice(&sums);
    }
    for d in whole..width {
        let mut sum = [0.0f32; LANES];
        for (j, weights) in weights.iter().enumerate() {
            for lane in 0..LANES {
                sum[lane] = A::multiply_add(weights[lane], rows[j * width + d], sum[lane]);
            }
        }
        out[d] = sum;
    }
}

/// sums[j]`[d]` += Σ_lane weights[j]`[lane]`·rows[lane]`[d]`, ascending in lane; `rows` `[LANES, width]`, unused lanes zero.
#[inline(always)]
pub(crate) fn scatter<A: Arithmetic>(weights: &[Lanes], rows: &[f32], width: usize, sums: &mut [f32]) {
    let whole = width - width % LANES;
    for (j, weights) in weights.iter().enumerate() {
        let sums = &mut sums[j * width..(j + 1) * width];
        for start in (0..whole).step_by(LANES) {
            let mut sum = [0.0f32; LANES];
            sum.copy_from_slice(&sums[start..start + LANES]);
            for lane in 0..LANES {
                let row = &rows[lane * width + start..lane * width + start + LANES];
                for d in 0..LANES {
                    sum[d] = A::multiply_add(weights[lane], row[d], sum[d]);
                }
            }
            sums[start..start + LANES].copy_from_slice(&sum);
        }
        for d in whole..width {
            for lane in 0..LANES {
                sums[d] = A::multiply_add(weights[lane], rows[lane * width + d], sums[d]);
            }
        }
    }
}

/// Masks logits: −∞ where a pair is outside the query's interval, or where an earlier round has shown it; LSH's own token gets
/// [`SELF_LOGIT`]. `logits[j]` is the key in slot `begin + j`.
#[inline(always)]
pub(crate) fn mask(head: &Head<'_>, round: usize, queries: &Queries, logits: &mut [Lanes]) {
    let begin = queries.begin;
    let shared = head.sorted.is_some();
    for (j, logits) in logits.iter_mut().enumerate() {
        let slot = (begin + j) as u32;
        for lane in 0..LANES {
            let own = (queries.first + lane) as u32;
            let seen = (queries.low[lane] <= slot) & (slot <= own);
            let logit = if shared & (slot == own) { SELF_LOGIT } else { logits[lane] };
            logits[lane] = if seen { logit } else { f32::NEG_INFINITY };
        }
    }
    for earlier in 0..round {
        let mut low = [0u32; LANES];
        let mut span = [0u32; LANES];
        for lane in 0..queries.count {
            low[lane] = head.low(earlier, queries.tokens[lane]);
            span[lane] = head.slot(earlier, queries.tokens[lane]) - low[lane];
        }
        for (j, logits) in logits.iter_mut().enumerate() {
            let slot = head.slot(earlier, head.token(round, begin + j));
            for lane in 0..LANES {
                let known = slot.wrapping_sub(low[lane]) <= span[lane];
                logits[lane] = if known { f32::NEG_INFINITY } else { logits[lane] };
            }
        }
    }
}
