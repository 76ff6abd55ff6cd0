//! `intervals`: the first slot that each token sees; the last is its own slot (causal).

use crate::{DType, Program, Tensor};

/// low`[i]` = max(first slot of i's group, slot`[i]` − window + 1), where a group is a run of slots of one segment and bucket.
///
/// Reads: `buckets` `[heads, rounds, rows]` u32, `segments` `[rows]` u32, `order`, `slot` `[heads, rounds, rows]` u32.
/// Writes: `low` `[heads, rounds, rows]` u32, by token (not by slot).
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Intervals {
    /// Tokens seen per round, the query's own included.
    pub window: usize,
}

impl Program {
    /// Records [`Intervals`].
    pub fn intervals(
        &mut self,
        op: Intervals,
        buckets: Tensor,
        segments: Tensor,
        order: Tensor,
        slot: Tensor,
    ) -> Tensor {
        let dims = buckets.shape;
        for (name, tensor) in [("buckets", buckets), ("order", order), ("slot", slot)] {
            self.check_u32(
                "intervals",
                name,
                tensor,
                &[dims.dim(0), dims.dim(1), dims.dim(2)],
                "They are [heads, rounds, rows]",
            );
        }
        self.check_u32("intervals", "segments", segments, &[dims.dim(2)], "There is one a row");
        self.check_field("intervals", op.window > 0, || "window 0: a token sees at least itself".to_owned());
        self.push(op.into(), &[buckets, segments, order, slot], &[], &[("low", dims, DType::U32)])[0]
    }
}
