//! `attention_cached`: attention of new tokens over a decoding cache, which it fills; the same sums as `attention`, in the same order.

use super::{CachePattern, HeadRange, Pattern, pairs};
use crate::{DType, Program, Tensor, shape};

/// For each token in ascending order, skipping those whose cache row is [`super::NO_ROW`]: if its position is 0, clear its row of the
/// cache; append its key and value; attend over what the cache then holds. Tokens of one cache row have positions 0, 1, 2, …
/// over time. Bit for bit what [`super::Attention`] computes for the token in one full forward pass (on one backend).
///
/// Reads, LSH: `qk`, `v` `[rows, columns]`, `positions` `[rows]` u32, `cache_rows` `[rows]` u32, `buckets` `[heads, rounds, rows]` u32.
/// Reads, local and full: `q`, `k`, `v` `[rows, columns]`, `positions`, `cache_rows`.
/// Updates: `keys`, `values` `[batch, heads, capacity, head_width]` f32 and `index` `[batch, heads, words]` u32; see [`CacheLayout`].
/// Writes: `context` `[rows, columns]`; zero where the cache row is [`super::NO_ROW`].
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct AttentionCached {
    /// What the cache keeps.
    pub pattern: CachePattern,
    /// All of the layer's heads.
    pub heads: HeadRange,
    /// The most positions that a segment has.
    pub max_positions: usize,
}

/// How a cache of one (batch row, head) is laid out. The key of LSH is stored with unit length.
///
/// Local: entry `position % window`. Full: entry `position`. `index` is one unused word.
/// LSH: entries are taken from a free list and given back when no list refers to them any more, so memory is bounded by
/// rounds·buckets·window whatever the context's length. `index` holds, one after another:
/// `lists` `[rounds, buckets, window]` entry numbers, a ring (append number a goes to a % window);
/// `counts` `[rounds, buckets]` of tokens ever appended; `references` `[capacity]` lists that hold the entry;
/// `free` `[capacity]` a stack of free entries; `free_count` one word: how many are on it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CacheLayout {
    /// Entries of keys and values.
    pub capacity: usize,
    /// Words of `index`.
    pub words: usize,
    /// LSH: where `counts` starts in `index`.
    pub counts: usize,
    /// LSH: where `references` starts.
    pub references: usize,
    /// LSH: where `free` starts.
    pub free: usize,
    /// LSH: where `free_count` is.
    pub free_count: usize,
}

impl AttentionCached {
    /// The cache's layout.
    pub fn layout(&self) -> CacheLayout {
        let plain = |capacity| CacheLayout { capacity, words: 1, counts: 0, references: 0, free: 0, free_count: 0 };
        match self.pattern {
            CachePattern::Local { window } => plain(window.min(self.max_positions)),
            CachePattern::Full => plain(self.max_positions),
            CachePattern::Lsh { rounds, window, buckets } => {
                // A token is stored before the oldest of its lists are forgotten: hence one more than the lists hold.
                let capacity = self.max_positions.min(rounds * buckets * window + 1);
                let counts = rounds * buckets * window;
                let references = counts + rounds * buckets;
                let free = references + capacity;
                CacheLayout {
                    capacity,
                    words: free + capacity + 1,
                    counts,
                    references,
                    free,
                    free_count: free + capacity,
                }
            }
        }
    }

    pub(super) fn flops(&self, rows: usize) -> u64 {
        let pattern = match self.pattern {
            CachePattern::Lsh { rounds, window, .. } => Pattern::Lsh { rounds, window },
            CachePattern::Local { window } => Pattern::Local { window },
            CachePattern::Full => Pattern::Full,
        };
        4 * pairs(pattern, rows) * self.heads.columns() as u64
    }
}

impl Program {
    /// Records [`AttentionCached`]. `queries` are (qk, v) or (q, k, v); `cache` is (keys, values, index). Returns `context`.
    pub fn attention_cached(
        &mut self,
        op: AttentionCached,
        queries: &[Tensor],
        positions: Tensor,
        cache_rows: Tensor,
        buckets: Option<Tensor>,
        cache: [Tensor; 3],
    ) -> Tensor {
        const OP: &str = "attention_cached";
        let rows = positions.shape.dim(0);
        let expected = if matches!(op.pattern, CachePattern::Lsh { .. }) { 2 } else { 3 };
        self.check_field(OP, queries.len() == expected, || {
            format!("{} projections, {:?} has {expected}", queries.len(), op.pattern)
        });
        for query in queries {
            self.check_f32(
                OP,
                "projection",
                *query,
                &[rows, op.heads.columns()],
                "Activations of heads are [rows, heads·head_width]",
            );
        }
        self.check_u32(OP, "positions", positions, &[rows], "There is one a row");
        self.check_u32(OP, "cache_rows", cache_rows, &[rows], "There is one a row");
        let mut reads = queries.to_vec();
        reads.extend([positions, cache_rows]);
        match (op.pattern, buckets) {
            (CachePattern::Lsh { rounds, .. }, Some(buckets)) => {
                self.check_u32(
                    OP,
                    "buckets",
                    buckets,
                    &[op.heads.count, rounds, rows],
                    "They are [heads, rounds, rows]",
                );
                reads.push(buckets);
            }
            (CachePattern::Local { .. } | CachePattern::Full, None) => {}
            (pattern, _) => self.check_field(OP, false, || {
                format!("buckets are for LSH, and LSH needs them; the pattern is {pattern:?}")
            }),
        }
        let layout = op.layout();
        let batch = cache[0].shape.dim(0);
        let entries = [batch, op.heads.count, layout.capacity, op.heads.width];
        self.check_f32(OP, "keys", cache[0], &entries, "See CacheLayout");
        self.check_f32(OP, "values", cache[1], &entries, "See CacheLayout");
        self.check_u32(OP, "index", cache[2], &[batch, op.heads.count, layout.words], "See CacheLayout");
        let context = ("context", shape![rows, op.heads.columns()], DType::F32);
        self.push(op.into(), &reads, &cache, &[context])[3]
    }
}
