//! `sort_by_bucket`: a stable sort of the tokens of each head and round by (segment, bucket).

use crate::{DType, Program, Tensor};

/// Tokens in order of (segment, bucket, position): segments are contiguous, so a segment keeps its place in the row and is
/// sorted within. `order[head, round, s]` is the token in slot s, `slot` its inverse.
///
/// Reads: `buckets` `[heads, rounds, rows]` u32, below `buckets`; `segments` `[rows]` u32: the row at which the token's segment starts.
/// Writes: `order`, `slot` `[heads, rounds, rows]` u32.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct SortByBucket {
    /// Buckets per round.
    pub buckets: usize,
}

impl Program {
    /// Records [`SortByBucket`]; returns (`order`, `slot`).
    pub fn sort_by_bucket(&mut self, op: SortByBucket, buckets: Tensor, segments: Tensor) -> (Tensor, Tensor) {
        let dims = buckets.shape;
        self.check_u32(
            "sort_by_bucket",
            "buckets",
            buckets,
            &[dims.dim(0), dims.dim(1), dims.dim(2)],
            "They are [heads, rounds, rows]",
        );
        self.check_u32("sort_by_bucket", "segments", segments, &[dims.dim(2)], "There is one a row");
        let results =
            self.push(op.into(), &[buckets, segments], &[], &[("order", dims, DType::U32), ("slot", dims, DType::U32)]);
        (results[0], results[1])
    }
}
