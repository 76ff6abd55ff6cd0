//! `sort_by_bucket` on the CPU: a stable counting sort of each segment, all heads and rounds side by side.

use crate::attention::check_segments;
use crate::attention::lanes::lines_of;
use crate::environment::{Environment, Fault, Operands};
use crate::scratch;
use crate::tiles::try_each;
use reformer_tensor::op::SortByBucket;

pub(super) fn run(op: &SortByBucket, _environment: &Environment, operands: &mut Operands<'_>) -> Result<(), Fault> {
    let (buckets, segments) = (operands.reads[0].u32(), operands.reads[1].u32());
    check_segments(segments)?;
    let [order, slot] = &mut operands.writes[..] else { unreachable!("sort_by_bucket writes order and slot") };
    let rows = segments.len().max(1);
    let rounds = order.u32().chunks_mut(rows).zip(slot.u32().chunks_mut(rows)).zip(buckets.chunks(rows)).enumerate();
    try_each(rounds.collect(), |(round, ((order, slot), buckets))| {
        sort(buckets, segments, op.buckets, order, slot, round * rows)
    })
}

/// Sorts one round. `at` is where its buckets start, for the fault.
fn sort(
    buckets: &[u32],
    segments: &[u32],
    count: usize,
    order: &mut [u32],
    slot: &mut [u32],
    at: usize,
) -> Result<(), Fault> {
    scratch::with_lines(lines_of(count), |lines| {
        let next = &mut bytemuck::cast_slice_mut(lines)[..count];
        next.fill(0);
        sort_with(next, buckets, segments, order, slot, at)
    })
}

/// [`sort`] with a number per bucket, all of them zero: how many tokens of the segment are in it; then its next slot.
fn sort_with(
    next: &mut [u32],
    buckets: &[u32],
    segments: &[u32],
    order: &mut [u32],
    slot: &mut [u32],
    at: usize,
) -> Result<(), Fault> {
    let count = next.len();
    let mut start = 0;
    for segment in segments.chunk_by(|a, b| a == b) {
        let rows = start..start + segment.len();
        for row in rows.clone() {
            let bucket = buckets[row];
            let Some(tokens) = next.get_mut(bucket as usize) else {
                let largest = count.saturating_sub(1) as u32;
                return Err(Fault::Index { operand: "buckets", value: bucket, at: at + row, largest });
            };
            *tokens += 1;
        }
        let sparse = segment.len() * 4 < count;
        if sparse {
            // Few tokens, many buckets: comparing tokens is cheaper than walking through all counts.
            let order = &mut order[rows.clone()];
            for (order, row) in order.iter_mut().zip(rows.clone()) {
                *order = row as u32;
                next[buckets[row] as usize] = 0;
            }
            order.sort_by_key(|&row| buckets[row as usize]);
            for (slot_number, &row) in rows.clone().zip(order.iter()) {
                slot[row as usize] = slot_number as u32;
            }
        } else {
            let mut first = start as u32;
            for tokens in &mut *next {
                first += std::mem::replace(tokens, first);
            }
            for row in rows {
                let next = &mut next[buckets[row] as usize];
                slot[row] = *next;
                order[*next as usize] = row as u32;
                *next += 1;
            }
            next.fill(0);
        }
        start += segment.len();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorts_stably_within_segments_however_many_buckets() {
        let segments: Vec<u32> = [vec![0; 7], vec![7; 1], vec![8; 40]].concat();
        for count in [1usize, 3, 1000] {
            let buckets: Vec<u32> = (0..48u32).map(|row| row.wrapping_mul(2_654_435_761) % count as u32).collect();
            let (mut order, mut slot) = (vec![u32::MAX; 48], vec![u32::MAX; 48]);
            sort(&buckets, &segments, count, &mut order, &mut slot, 0).expect("all buckets exist");
            let mut expected: Vec<u32> = (0..48).collect();
            expected.sort_by_key(|&row| (segments[row as usize], buckets[row as usize], row));
            assert_eq!(order, expected, "{count} buckets");
            for (at, &row) in order.iter().enumerate() {
                assert_eq!(slot[row as usize] as usize, at);
            }
        }
    }

    #[test]
    fn names_a_bucket_that_does_not_exist() {
        let fault = sort(&[0, 1, 4], &[0, 0, 0], 4, &mut [0; 3], &mut [0; 3], 30);
        assert_eq!(fault, Err(Fault::Index { operand: "buckets", value: 4, at: 32, largest: 3 }));
    }
}
