//! Attention on the CPU. The law (docs/attention.md): a row's forward bits depend on nothing but the row and its own keys in
//! order. Per round the exact maximum of the new logits, then sums over keys in ascending slot order, masked keys adding zero;
//! rounds merged in ascending order. Every number is one chain of multiply-adds in a fixed order, so neither tiles nor pieces
//! nor threads nor decoding from a cache change a bit; the same holds for the gradients, except that they see rows as wholes.
//!
//! Sixteen queries in consecutive slots stand side by side in the lanes of a vector, keys go down: `products.rs` and
//! `softmax.rs` hold all arithmetic, `forward.rs` and `backward.rs` the order of work, `pieces.rs` what is done at once,
//! `single.rs` the same sums for one query (decoding, naive twins).

mod backward;
mod cached;
mod drive;
mod footprint;
mod forward;
mod gather;
pub(crate) mod lanes;
mod naive;
mod pieces;
mod products;
mod single;
mod softmax;
#[cfg(test)]
mod tests;

pub(crate) use cached::{Cached, run as cached};
pub(crate) use drive::{Upstream, backward, forward};
pub(crate) use footprint::{buffers, list_bytes};
pub(crate) use naive::{backward as naive_backward, forward as naive_forward};
pub(crate) use pieces::check_segments;
pub(crate) use products::dots as dots_of_rows;

use crate::buffer::View;
use crate::environment::Fault;
use crate::scratch;
use gather::{Columns, Head, Round};
use lanes::LANES;
use reformer_tensor::op::{HeadRange, Pattern};

/// Groups of lanes whose keys are bounded apart in the product with the values.
const QUARTERS: usize = 4;

/// Rows are asked for this many rows before they are read.
const AHEAD: usize = 16;

/// How much of the work is in the caches at once. It changes no bit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tiling {
    /// Keys that are gathered at once. Where a block's queries see no more, each logit is computed once.
    pub keys: usize,
    /// Keys whose logits with all queries of a block are kept from the pass that looks for the maxima, where queries see more keys
    /// than are gathered at once; the logits of further keys are computed twice. Zero where all are gathered at once.
    pub kept: usize,
    /// Queries that share them; a multiple of 16.
    pub queries: usize,
    /// Rows that are worked on by one thread, about.
    pub piece: usize,
}

/// [`Tiling::kept`] at most: 4 MiB a thread. Writing and reading a logit again takes a fraction of the time of its product.
const MOST_KEPT: usize = 8192;

impl Tiling {
    /// Keys, values and logits of a tile of width 64 take 320 KiB, a piece's results 256: together they fit a second-level cache.
    fn new(pattern: Pattern, rows: usize) -> Self {
        let tiling = Self { keys: 512, kept: 0, queries: 128, piece: 1024 };
        let seen = match pattern {
            Pattern::Lsh { window, .. } | Pattern::Local { window } => window.min(rows),
            Pattern::Full => rows,
        };
        let block = seen + tiling.queries.min(rows);
        if block <= tiling.keys { tiling } else { Self { kept: block.min(MOST_KEPT), ..tiling } }
    }

    fn groups(self) -> usize {
        self.queries.div_ceil(LANES)
    }

    /// Lines for logits: a group's of one tile, and those of all groups that are kept.
    fn logits(self) -> usize {
        self.keys + self.groups() * self.kept
    }
}

/// The operands that `attention` and `attention_gradient` share, checked.
pub(crate) struct Problem<'a> {
    rows: usize,
    heads: HeadRange,
    rounds: usize,
    query: &'a [f32],
    key: &'a [f32],
    value: &'a [f32],
    /// `order` and `slot`, `[heads, rounds, rows]`, where tokens are sorted.
    sorted: Option<(&'a [u32], &'a [u32])>,
    /// `[heads, rounds, rows]`, or `[rows]` for all heads where tokens are not sorted.
    low: &'a [u32],
    pub tiling: Tiling,
}

impl<'a> Problem<'a> {
    /// Calls `work` with the problem of an op's first operands: `qk`, `v`, `order`, `slot`, `low`, or `q`, `k`, `v`, `segments`.
    pub fn with(
        pattern: Pattern,
        heads: HeadRange,
        reads: &[View<'_>],
        work: impl FnOnce(&Problem<'_>),
    ) -> Result<(), Fault> {
        let rows = reads[0].shape.dim(0);
        let tiling = Tiling::new(pattern, rows);
        match pattern {
            Pattern::Lsh { rounds, .. } => {
                let (query, value) = (reads[0].f32(), reads[1].f32());
                let sorted = Some((reads[2].u32(), reads[3].u32()));
                let problem =
                    Problem { rows, heads, rounds, query, key: query, value, sorted, low: reads[4].u32(), tiling };
                pieces::check_order(&problem)?;
                work(&problem);
            }
            Pattern::Local { .. } | Pattern::Full => {
                let window = if let Pattern::Local { window } = pattern { window } else { rows };
                let segments = reads[3].u32();
                check_segments(segments)?;
                let (query, key, value) = (reads[0].f32(), reads[1].f32(), reads[2].f32());
                scratch::with_lines(lanes::lines_of(rows), |lines| {
                    let low = &mut bytemuck::cast_slice_mut(lines)[..rows];
                    first_seen(segments, window, low);
                    work(&Problem { rows, heads, rounds: 1, query, key, value, sorted: None, low, tiling });
                });
            }
        }
        Ok(())
    }

    fn columns(&self, data: &'a [f32], head: usize) -> Columns<'a> {
        Columns { data, stride: self.heads.columns(), first: head * self.heads.width, width: self.heads.width }
    }

    fn head(&self, head: usize) -> Head<'a> {
        Head {
            query: self.columns(self.query, head),
            key: self.columns(self.key, head),
            value: self.columns(self.value, head),
            shared: self.sorted.is_some(),
        }
    }

    fn rounds(&self, head: usize) -> Vec<Round<'_>> {
        let round = |round: usize| {
            let at = if self.sorted.is_some() { (head * self.rounds + round) * self.rows } else { 0 };
            let part = at..at + self.rows;
            Round {
                sorted: self.sorted.map(|(order, slot)| (&order[part.clone()], &slot[part.clone()])),
                low: &self.low[part],
            }
        };
        (0..self.rounds).map(round).collect()
    }
}

/// The first row that each row sees, where tokens are not sorted.
fn first_seen(segments: &[u32], window: usize, low: &mut [u32]) {
    for (row, (low, &start)) in low.iter_mut().zip(segments).enumerate() {
        *low = start.max((row + 1).saturating_sub(window) as u32);
    }
}
