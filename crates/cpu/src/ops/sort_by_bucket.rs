//! `sort_by_bucket` on the CPU: a stable counting sort within each segment; heads and rounds in parallel.

use crate::environment::{Environment, Fault, Operands};
use rayon::prelude::*;
use reformer_tensor::op::SortByBucket;

pub(super) fn run(op: &SortByBucket, _environment: &Environment, operands: &mut Operands<'_>) -> Result<(), Fault> {
    let [buckets, segments] = &operands.reads[..] else { return Ok(()) };
    let (buckets, segments) = (buckets.u32(), segments.u32());
    let rows = segments.len();
    if let Some(at) = buckets.iter().position(|&bucket| bucket as usize >= op.buckets) {
        return Err(Fault::Index { operand: "buckets", value: buckets[at], at, largest: op.buckets as u32 - 1 });
    }
    let [order, slot] = &mut operands.writes[..] else { return Ok(()) };
    let rounds = buckets.par_chunks(rows.max(1)).zip(order.u32().par_chunks_mut(rows.max(1)));
    rounds.zip(slot.u32().par_chunks_mut(rows.max(1))).for_each(|((buckets, order), slot)| {
        let mut counts = vec![0u32; op.buckets + 1];
        for segment in segment_ranges(segments) {
            sort_segment(&buckets[segment.clone()], segment.start as u32, &mut counts, &mut order[segment]);
        }
        for (place, &token) in order.iter().enumerate() {
            slot[token as usize] = place as u32;
        }
    });
    Ok(())
}

/// The runs of rows of one segment.
pub(super) fn segment_ranges(segments: &[u32]) -> impl Iterator<Item = std::ops::Range<usize>> + '_ {
    let mut start = 0;
    segments.chunk_by(|a, b| a == b).map(move |run| {
        let range = start..start + run.len();
        start = range.end;
        range
    })
}

fn sort_segment(buckets: &[u32], first: u32, counts: &mut [u32], order: &mut [u32]) {
    if buckets.len() < counts.len() {
        // Clearing the counts would cost more than comparing; the library's sort is stable.
        for (index, token) in order.iter_mut().enumerate() {
            *token = first + index as u32;
        }
        order.sort_by_key(|&token| buckets[(token - first) as usize]);
        return;
    }
    counts.fill(0);
    for &bucket in buckets {
        counts[bucket as usize + 1] += 1;
    }
    for bucket in 1..counts.len() {
        counts[bucket] += counts[bucket - 1];
    }
    for (index, &bucket) in buckets.iter().enumerate() {
        order[counts[bucket as usize] as usize] = first + index as u32;
        counts[bucket as usize] += 1;
    }
}
