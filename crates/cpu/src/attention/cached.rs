//! `attention_cached`: decoding. Tokens are appended to the cache one after another and attend over what it holds then; heads
//! are independent.

use super::gather::{Columns, inverse_norm, query_scale, whole};
use super::lanes::{self, Kernel, Lanes};
use super::single;
use super::softmax::Running;
use crate::environment::{Environment, Fault};
use rayon::prelude::*;
use reformer_tensor::op::{AttentionCached, CacheLayout, CachePattern, NO_ROW};

/// Multiply-adds that are worth waking other threads for.
const PARALLEL_WORK: usize = 1 << 15;

/// An op's operands.
pub(crate) struct Cached<'a> {
    /// Queries (or shared queries and keys), keys, values: `[rows, columns]`.
    pub query: &'a [f32],
    pub key: &'a [f32],
    pub value: &'a [f32],
    pub positions: &'a [u32],
    pub cache_rows: &'a [u32],
    /// `[heads, rounds, rows]`; empty without LSH.
    pub buckets: &'a [u32],
    /// `[batch, heads, capacity, width]`.
    pub keys: &'a mut [f32],
    pub values: &'a mut [f32],
    /// `[batch, heads, words]`.
    pub index: &'a mut [u32],
    /// `[rows, columns]`.
    pub context: &'a mut [f32],
}

/// One (batch row, head) of the cache.
struct Cache<'s> {
    keys: &'s mut [f32],
    values: &'s mut [f32],
    index: &'s mut [u32],
}

/// One head's work.
struct HeadTokens<'a, 's> {
    op: &'a AttentionCached,
    layout: CacheLayout,
    query: Columns<'a>,
    key: Columns<'a>,
    value: Columns<'a>,
    positions: &'a [u32],
    cache_rows: &'a [u32],
    /// `[rounds, rows]`.
    buckets: &'a [u32],
    /// By batch row.
    caches: Vec<Cache<'s>>,
    /// By token.
    context: Vec<&'s mut [f32]>,
}

/// `attention_cached`.
pub(crate) fn run(op: &AttentionCached, environment: &Environment, operands: Cached<'_>) -> Result<(), Fault> {
    let layout = op.layout();
    let (heads, width, rows) = (op.heads.count, op.heads.width, operands.positions.len());
    let batch = operands.index.len() / (heads * layout.words).max(1);
    let seen = match op.pattern {
        CachePattern::Lsh { rounds, window, buckets } => {
            check("buckets", operands.buckets, buckets as u32)?;
            rounds * window
        }
        CachePattern::Local { window } => window,
        CachePattern::Full => op.max_positions,
    };
    for (at, (&row, &position)) in operands.cache_rows.iter().zip(operands.positions).enumerate() {
        if row != NO_ROW {
            let index = |operand, value, largest| Fault::Index { operand, value, at, largest };
            if row as usize >= batch {
                return Err(index("cache_rows", row, batch as u32 - 1));
            }
            if position as usize >= op.max_positions {
                return Err(index("positions", position, op.max_positions as u32 - 1));
            }
        }
    }
    let columns = |data, head| Columns { data, stride: heads * width, first: head * width, width };
    let mut tokens: Vec<HeadTokens<'_, '_>> = (0..heads)
        .map(|head| HeadTokens {
            op,
            layout,
            query: columns(operands.query, head),
            key: columns(operands.key, head),
            value: columns(operands.value, head),
            positions: operands.positions,
            cache_rows: operands.cache_rows,
            buckets: &operands.buckets[head * (operands.buckets.len() / heads)..][..operands.buckets.len() / heads],
            caches: Vec::with_capacity(batch),
            context: Vec::with_capacity(rows),
        })
        .collect();
    let caches =
        operands.keys.chunks_mut(layout.capacity * width).zip(operands.values.chunks_mut(layout.capacity * width));
    for (at, ((keys, values), index)) in caches.zip(operands.index.chunks_mut(layout.words)).enumerate() {
        tokens[at % heads].caches.push(Cache { keys, values, index });
    }
    for (at, row) in operands.context.chunks_mut(width).enumerate() {
        tokens[at % heads].context.push(row);
    }
    let work = |tokens: HeadTokens<'_, '_>| lanes::run(environment.level, tokens);
    let results: Vec<Result<(), Fault>> = if rows * heads * seen.min(op.max_positions) * width >= PARALLEL_WORK {
        tokens.into_par_iter().map(work).collect()
    } else {
        tokens.into_iter().map(work).collect()
    };
    results.into_iter().collect()
}

fn check(operand: &'static str, values: &[u32], below: u32) -> Result<(), Fault> {
    match values.iter().position(|&value| value >= below) {
        Some(at) => Err(Fault::Index { operand, value: values[at], at, largest: below.saturating_sub(1) }),
        None => Ok(()),
    }
}

/// A number of a cache's index that should name an entry.
fn entry_of(word: u32, layout: &CacheLayout) -> Result<usize, Fault> {
    if (word as usize) < layout.capacity {
        return Ok(word as usize);
    }
    Err(Fault::Index { operand: "index", value: word, at: 0, largest: layout.capacity as u32 - 1 })
}

impl Kernel for HeadTokens<'_, '_> {
    type Output = Result<(), Fault>;

    #[inline(always)]
    fn run<L: Lanes>(mut self, _lanes: L) -> Result<(), Fault> {
        let width = self.op.heads.width;
        let shared = matches!(self.op.pattern, CachePattern::Lsh { .. });
        let scale = query_scale(width, shared);
        let (mut query, mut weighted) = (vec![0.0; width], vec![0.0; width]);
        let (mut logits, mut entries) = (Vec::new(), Vec::new());
        // When an entry was last seen: which token, counted from 1.
        let mut seen = vec![0u32; if shared { self.layout.capacity } else { 0 }];
        for token in 0..self.positions.len() {
            let out = &mut *self.context[token];
            if self.cache_rows[token] == NO_ROW {
                out.fill(0.0);
                continue;
            }
            let cache = &mut self.caches[self.cache_rows[token] as usize];
            let position = self.positions[token] as usize;
            let norm = if shared { inverse_norm::<L::Arithmetic>(self.key.row(token)) } else { 1.0 };
            let mut append = |entry: usize| {
                let key = cache.keys[entry * width..][..width].iter_mut();
                key.zip(self.key.row(token)).for_each(|(to, &from)| *to = from * norm);
                cache.values[entry * width..][..width].copy_from_slice(self.value.row(token));
            };
            query.iter_mut().zip(self.query.row(token)).for_each(|(to, &from)| *to = from * scale);
            let mut running = Running::NONE;
            match self.op.pattern {
                CachePattern::Lsh { rounds, window, buckets } => {
                    let mut lists = Lists { layout: self.layout, window, buckets, words: cache.index };
                    if position == 0 {
                        lists.clear(rounds);
                    }
                    let entry = lists.take_free(position, token)?;
                    for round in 0..rounds {
                        let bucket = self.buckets[round * self.positions.len() + token] as usize;
                        lists.append(round, bucket, entry)?;
                    }
                    append(entry);
                    let cache = [&*cache.keys, &*cache.values].map(|rows| whole(rows, width));
                    for round in 0..rounds {
                        let bucket = self.buckets[round * self.positions.len() + token] as usize;
                        lists.unseen(round, bucket, token as u32 + 1, &mut seen, &mut entries)?;
                        attend::<L>(
                            &query,
                            &entries,
                            Some(entry as u32),
                            &cache,
                            &mut logits,
                            &mut weighted,
                            (&mut running, round == 0, out),
                        );
                    }
                }
                CachePattern::Local { .. } | CachePattern::Full => {
                    let window = if let CachePattern::Local { window } = self.op.pattern { window } else { usize::MAX };
                    append(position % self.layout.capacity);
                    let cache = [&*cache.keys, &*cache.values].map(|rows| whole(rows, width));
                    entries.clear();
                    let first = (position + 1).saturating_sub(window);
                    entries.extend((first..=position).map(|position| (position % self.layout.capacity) as u32));
                    attend::<L>(&query, &entries, None, &cache, &mut logits, &mut weighted, (&mut running, true, out));
                }
            }
            single::finish::<L::Arithmetic>(running, out);
        }
        Ok(())
    }
}

#[inline(always)]
fn attend<L: Lanes>(
    query: &[f32],
    entries: &[u32],
    own: Option<u32>,
    [keys, values]: &[Columns<'_>; 2],
    logits: &mut Vec<f32>,
    weighted: &mut [f32],
    (running, first, out): (&mut Running, bool, &mut [f32]),
) {
    let round = single::round::<L::Arithmetic>(query, entries, own, keys, values, logits, weighted);
    single::add_round::<L::Arithmetic>(running, out, first, round, weighted);
}

/// The lists of LSH's buckets, in the words of an index.
struct Lists<'s> {
    layout: CacheLayout,
    window: usize,
    buckets: usize,
    words: &'s mut [u32],
}

impl Lists<'_> {
    /// No token is remembered; every entry is free, the first on top.
    fn clear(&mut self, rounds: usize) {
        let CacheLayout { capacity, counts, references, free, free_count, .. } = self.layout;
        self.words[counts..counts + rounds * self.buckets].fill(0);
        self.words[references..references + capacity].fill(0);
        for (at, word) in self.words[free..free + capacity].iter_mut().enumerate() {
            *word = (capacity - 1 - at) as u32;
        }
        self.words[free_count] = capacity as u32;
    }

    fn take_free(&mut self, position: usize, token: usize) -> Result<usize, Fault> {
        let CacheLayout { free, free_count, .. } = self.layout;
        let left = self.words[free_count];
        if left == 0 {
            // Entries suffice for every token whose predecessors came one after another, from position 0 on.
            return Err(Fault::Index { operand: "positions", value: position as u32, at: token, largest: 0 });
        }
        self.words[free_count] = left - 1;
        entry_of(self.words[free + entry_of(left - 1, &self.layout)?], &self.layout)
    }

    /// Puts an entry on a list; the one that falls off is freed with the last list that held it.
    fn append(&mut self, round: usize, bucket: usize, entry: usize) -> Result<(), Fault> {
        let CacheLayout { counts, references, free, free_count, .. } = self.layout;
        let list = round * self.buckets + bucket;
        let count = self.words[counts + list] as usize;
        let place = list * self.window + count % self.window;
        if count >= self.window {
            let old = entry_of(self.words[place], &self.layout)?;
            let left = self.words[references + old].wrapping_sub(1);
            self.words[references + old] = left;
            if left == 0 {
                let top = entry_of(self.words[free_count], &self.layout)?;
                self.words[free + top] = old as u32;
                self.words[free_count] = top as u32 + 1;
            }
        }
        self.words[place] = entry as u32;
        self.words[references + entry] += 1;
        self.words[counts + list] = count as u32 + 1;
        Ok(())
    }

    /// The entries of a list that no earlier round has shown to this token, oldest first. `stamp` is the token's.
    fn unseen(
        &self,
        round: usize,
        bucket: usize,
        stamp: u32,
        seen: &mut [u32],
        entries: &mut Vec<u32>,
    ) -> Result<(), Fault> {
        let list = round * self.buckets + bucket;
        let count = self.words[self.layout.counts + list] as usize;
        entries.clear();
        for number in count.saturating_sub(self.window)..count {
            let entry = entry_of(self.words[list * self.window + number % self.window], &self.layout)?;
            if seen[entry] != stamp {
                seen[entry] = stamp;
                entries.push(entry as u32);
            }
        }
        Ok(())
    }
}
