//! `sort_by_bucket`: passes of a stable radix sort, buckets' digits before segments'. Scratch is a copy of `order` and counts of
//! half a word a token, whatever the number of buckets.

use crate::recorder::Recorder;
use reformer_shaders::entries::sort_by_bucket;
use reformer_tensor::BackendError;
use reformer_tensor::op::SortByBucket;

/// Bits and values of a digit; the same numbers as in the shader.
const DIGIT_BITS: u32 = 5;
const DIGITS: usize = 1 << DIGIT_BITS;
/// Tokens of a block at least: twice as many as digits, so that counts are half a word a token.
const BLOCK: usize = 2 * DIGITS;
/// Blocks of a list at most: one workgroup scans a list's counts.
const BLOCKS: usize = 4096;

pub(super) fn record(op: &SortByBucket, recorder: &mut Recorder<'_>) -> Result<(), BackendError> {
    let (order, slot) = (recorder.write(0), recorder.write(1));
    let (lists, rows) = (order.shape.dim(0) * order.shape.dim(1), order.shape.dim(2));
    let block = BLOCK.max(rows.div_ceil(BLOCKS));
    let blocks = rows.div_ceil(block);
    let counts = recorder.scratch("sort counts", lists * DIGITS * blocks);
    let other = recorder.scratch("sort order", lists * rows);
    let (buckets, segments) = (recorder.whole(recorder.read(0))?, recorder.whole(recorder.read(1))?);
    let (order, slot) = (recorder.whole(order)?, recorder.whole(slot)?);
    let passes = passes(op.buckets, rows);
    for (index, &(by_segment, shift)) in passes.iter().enumerate() {
        let left = passes.len() - 1 - index;
        // The last pass ends in `order`.
        let (source, sorted) = if left.is_multiple_of(2) { (other, order) } else { (order, other) };
        let parameters = sort_by_bucket::Parameters {
            lists: lists as u32,
            rows: rows as u32,
            block: block as u32,
            blocks: blocks as u32,
            shift,
            by_segment: u32::from(by_segment),
            is_first: u32::from(index == 0),
            is_last: u32::from(left == 0),
        };
        let keys = [counts, buckets, segments, source];
        recorder.dispatch_elements(&sort_by_bucket::COUNT, parameters, &keys, lists * blocks);
        recorder.dispatch(&sort_by_bucket::SCAN, parameters, &[counts], [lists as u32, 1, 1]);
        let places = [counts, buckets, segments, source, sorted, slot];
        recorder.dispatch_elements(&sort_by_bucket::PLACE, parameters, &places, lists * blocks);
    }
    Ok(())
}

/// (by segment, lowest bit) of each pass: at least one, which writes the results.
fn passes(buckets: usize, rows: usize) -> Vec<(bool, u32)> {
    let digits =
        |values: usize| (0..usize::BITS - values.saturating_sub(1).leading_zeros()).step_by(DIGIT_BITS as usize);
    let mut passes: Vec<_> = digits(buckets).map(|shift| (false, shift)).collect();
    passes.extend(digits(rows).map(|shift| (true, shift)));
    if passes.is_empty() {
        passes.push((false, 0));
    }
    passes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bit_is_in_a_pass() {
        assert_eq!(passes(1, 1), [(false, 0)]);
        assert_eq!(passes(2, 1), [(false, 0)]);
        assert_eq!(passes(32, 33), [(false, 0), (true, 0), (true, 5)]);
        assert_eq!(passes(16_384, 1 << 20).len(), 3 + 4, "14 bits of buckets, 20 of rows");
    }
}
