//! `sort_by_bucket`: tokens in order of (segment, bucket, position).

use crate::array::Array;
use crate::fault::{Fault, index};
use reformer_tensor::op::SortByBucket;

pub(super) fn run(op: &SortByBucket, reads: &[&Array], writes: &mut [Array]) -> Result<(), Fault> {
    let (buckets, segments) = (reads[0].integer(), reads[1].integer());
    let rows = segments.len();
    for (at, &bucket) in buckets.iter().enumerate() {
        index("buckets", bucket, at, op.buckets)?;
    }
    for first in (0..buckets.len()).step_by(rows.max(1)) {
        let mut tokens: Vec<usize> = (0..rows).collect();
        tokens.sort_by_key(|&token| (segments[token], buckets[first + token], token));
        for (slot, token) in tokens.into_iter().enumerate() {
            writes[0].integer_mut()[first + slot] = token as u32;
            writes[1].integer_mut()[first + token] = slot as u32;
        }
    }
    Ok(())
}
