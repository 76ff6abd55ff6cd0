//! The sums of attention for one query: what decoding and the naive twins use. Term by term the order of the tiles, so the
//! same bits.

use super::gather::Columns;
use super::lanes::prefetch;
use super::softmax::{self, Running};
use crate::math;
use crate::simd::Arithmetic;

/// Keys whose products run side by side, each its own chain.
const CHAINS: usize = 8;
/// Rows of keys and values that are asked for before they are read: a window's, which a second-level cache holds.
const AHEAD: usize = 256;

/// One query's products with rows of `keys`, each a chain ascending in the dimension.
#[inline(always)]
pub(super) fn dots<A: Arithmetic>(query: &[f32], keys: &Columns<'_>, entries: &[u32], logits: &mut Vec<f32>) {
    logits.clear();
    let mut chunks = entries.chunks_exact(CHAINS);
    for chunk in &mut chunks {
        let mut rows = [query; CHAINS];
        for (row, &entry) in rows.iter_mut().zip(chunk) {
            *row = &keys.row(entry as usize)[..query.len()];
        }
        let mut sums = [0.0; CHAINS];
        for d in 0..query.len() {
            for chain in 0..CHAINS {
                sums[chain] = A::multiply_add(query[d], rows[chain][d], sums[chain]);
            }
        }
        logits.extend_from_slice(&sums);
    }
    for &entry in chunks.remainder() {
        let mut sum = 0.0;
        for (&query, &key) in query.iter().zip(keys.row(entry as usize)) {
            sum = A::multiply_add(query, key, sum);
        }
        logits.push(sum);
    }
}

/// One query's round over the rows `entries`, in this order: the weighted sum of values is written, maximum and sum returned. `own` is
/// the row whose logit is replaced.
#[inline(always)]
pub(super) fn round<A: Arithmetic>(
    query: &[f32],
    entries: &[u32],
    own: Option<u32>,
    keys: &Columns<'_>,
    values: &Columns<'_>,
    logits: &mut Vec<f32>,
    weighted: &mut [f32],
) -> Running {
    for &entry in entries.iter().take(AHEAD) {
        prefetch(keys.row(entry as usize));
        prefetch(values.row(entry as usize));
    }
    dots::<A>(query, keys, entries, logits);
    let mut maximum = f32::NEG_INFINITY;
    for (logit, &entry) in logits.iter_mut().zip(entries) {
        if own == Some(entry) {
            *logit = softmax::SELF;
        }
        maximum = softmax::larger(maximum, *logit);
    }
    let shift = softmax::shift(maximum);
    for logit in logits.iter_mut() {
        *logit = math::exp::<A>(*logit - shift);
    }
    weighted.fill(0.0);
    let mut sum = 0.0;
    for (&weight, &entry) in logits.iter().zip(entries) {
        sum += weight;
        for (weighted, &value) in weighted.iter_mut().zip(values.row(entry as usize)) {
            *weighted = A::multiply_add(weight, value, *weighted);
        }
    }
    Running { maximum, sum }
}

/// Adds a round to what came before; `first` says that nothing did.
#[inline(always)]
pub(super) fn add_round<A: Arithmetic>(
    running: &mut Running,
    row: &mut [f32],
    first: bool,
    round: Running,
    weighted: &[f32],
) {
    if first {
        *running = round;
        row.copy_from_slice(weighted);
    } else if let Some(factors) = running.merge::<A>(round) {
        softmax::merge_rows::<A>(row, weighted, factors);
    }
}

/// Makes the weighted sum an average; returns z.
#[inline(always)]
pub(super) fn finish<A: Arithmetic>(running: Running, row: &mut [f32]) -> f32 {
    let (factor, z) = running.finish::<A>();
    for number in row {
        *number *= factor;
    }
    z
}
