//! `attention_cached` on the CPU: tokens in order, heads in parallel; each product and sum in the order of the tiled kernel.

use crate::attention::{Running, finite, inverse_norm, query_scale};
use crate::environment::{Environment, Fault, Operands};
use crate::math;
use crate::simd::{self, Arithmetic, Kernel};
use rayon::prelude::*;
use reformer_tensor::op::{AttentionCached, CacheLayout, NO_ROW, SELF_LOGIT};
use reformer_tensor::{CachePattern, Pattern};

pub(super) fn run(op: &AttentionCached, environment: &Environment, operands: &mut Operands<'_>) -> Result<(), Fault> {
    let shared = matches!(op.pattern, CachePattern::Lsh { .. });
    let reads = &operands.reads;
    let (query, key, value) = if shared { (0, 0, 1) } else { (0, 1, 2) };
    let [positions, cache_rows] = [value + 1, value + 2].map(|index| reads[index].u32());
    let buckets = if shared { reads[value + 3].u32() } else { &[] };
    let batch = operands.updates[0].shape.dim(0);
    check(op, batch, positions, cache_rows)?;
    let (heads, width, columns, rows) = (op.heads.count, op.heads.width, op.heads.columns(), positions.len());
    let layout = op.layout();
    let [keys, values, index] = &mut operands.updates[..] else { return Ok(()) };
    // A head's caches of all conversations are apart in memory: one task a head takes its own of each.
    let mut own: Vec<Vec<Cache<'_>>> = (0..heads).map(|_| Vec::new()).collect();
    let entries = layout.capacity * width;
    let caches =
        keys.f32().chunks_mut(entries).zip(values.f32().chunks_mut(entries)).zip(index.u32().chunks_mut(layout.words));
    for (at, ((keys, values), index)) in caches.enumerate() {
        own[at % heads].push(Cache { keys, values, index });
    }
    let mut contexts = vec![0.0f32; heads * rows * width];
    own.into_par_iter().zip(contexts.par_chunks_mut((rows * width).max(1))).enumerate().for_each(
        |(head, (caches, context))| {
            let [query, key, value] = [query, key, value].map(|read| reads[read].f32());
            let kernel =
                HeadTokens { op, layout, head, query, key, value, positions, cache_rows, buckets, caches, context };
            simd::run(environment.level, kernel);
        },
    );
    let out = operands.writes[0].f32();
    for (head, context) in contexts.chunks_exact((rows * width).max(1)).enumerate() {
        for (row, context) in context.chunks_exact(width).enumerate() {
            out[row * columns + head * width..][..width].copy_from_slice(context);
        }
    }
    Ok(())
}

fn check(op: &AttentionCached, batch: usize, positions: &[u32], cache_rows: &[u32]) -> Result<(), Fault> {
    for (at, (&position, &row)) in positions.iter().zip(cache_rows).enumerate() {
        if row == NO_ROW {
            continue;
        }
        if row as usize >= batch {
            return Err(Fault::Index { operand: "cache_rows", value: row, at, largest: batch as u32 - 1 });
        }
        if position as usize >= op.max_positions {
            return Err(Fault::Index {
                operand: "positions",
                value: position,
                at,
                largest: op.max_positions as u32 - 1,
            });
        }
    }
    Ok(())
}

/// The cache of one conversation and head.
struct Cache<'a> {
    keys: &'a mut [f32],
    values: &'a mut [f32],
    index: &'a mut [u32],
}

struct HeadTokens<'a> {
    op: &'a AttentionCached,
    layout: CacheLayout,
    head: usize,
    query: &'a [f32],
    key: &'a [f32],
    value: &'a [f32],
    positions: &'a [u32],
    cache_rows: &'a [u32],
    /// [heads, rounds, rows].
    buckets: &'a [u32],
    caches: Vec<Cache<'a>>,
    context: &'a mut [f32],
}

impl Kernel for HeadTokens<'_> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arithmetic>(mut self) {
        let (width, columns, rows) = (self.op.heads.width, self.op.heads.columns(), self.positions.len());
        let mut scaled = vec![0.0; width];
        let mut seen = vec![false; self.layout.capacity];
        let mut round = Round { entries: Vec::new(), logits: Vec::new(), context: vec![0.0; width] };
        for row in 0..rows {
            if self.cache_rows[row] == NO_ROW {
                continue;
            }
            let start = row * columns + self.head * width;
            let own = start..start + width;
            let (key, value, position) =
                (&self.key[own.clone()], &self.value[own.clone()], self.positions[row] as usize);
            let cache = &mut self.caches[self.cache_rows[row] as usize];
            let context = &mut self.context[row * width..(row + 1) * width];
            match self.op.pattern {
                CachePattern::Lsh { rounds, window, buckets } => {
                    let bucket = |round: usize| self.buckets[(self.head * rounds + round) * rows + row] as usize;
                    let sizes = LshSizes { layout: self.layout, rounds, window, buckets };
                    if position == 0 {
                        sizes.clear(cache);
                    }
                    let entry = sizes.append(cache, key, value, &bucket);
                    seen.fill(false);
                    let mut running = Running::EMPTY;
                    for number in 0..rounds {
                        round.entries.clear();
                        sizes.list(cache, number, bucket(number), |entry| {
                            if !std::mem::replace(&mut seen[entry], true) {
                                round.entries.push(entry);
                            }
                        });
                        round.attend::<A>(cache, &self.query[own.clone()], width, Some(entry));
                        running = round.merge::<A>(number, running, context);
                    }
                    finish(running, context);
                }
                CachePattern::Local { .. } | CachePattern::Full => {
                    let window = self.layout.capacity;
                    let entry = position % window;
                    cache.keys[entry * width..(entry + 1) * width].copy_from_slice(key);
                    cache.values[entry * width..(entry + 1) * width].copy_from_slice(value);
                    let scale = query_scale(Pattern::Full, width);
                    for (scaled, &query) in scaled.iter_mut().zip(&self.query[own]) {
                        *scaled = query * scale;
                    }
                    round.entries.clear();
                    round
                        .entries
                        .extend(((position + 1).saturating_sub(window)..=position).map(|position| position % window));
                    round.attend::<A>(cache, &scaled, width, None);
                    let running = round.merge::<A>(0, Running::EMPTY, context);
                    finish(running, context);
                }
            }
        }
    }
}

#[inline(always)]
fn finish(running: Running, context: &mut [f32]) {
    let inverse = 1.0 / running.sum;
    for value in context.iter_mut() {
        *value *= inverse;
    }
}

/// One round of one query.
struct Round {
    /// Entries that are new to the query, in ascending order of position.
    entries: Vec<usize>,
    logits: Vec<f32>,
    context: Vec<f32>,
}

/// Chains that are worked on together, to hide the latency of each.
const TOGETHER: usize = 8;

impl Round {
    /// Logits of the entries; `own` is the query's own entry in LSH.
    #[inline(always)]
    fn attend<A: Arithmetic>(&mut self, cache: &Cache<'_>, query: &[f32], width: usize, own: Option<usize>) {
        self.logits.clear();
        for entries in self.entries.chunks(TOGETHER) {
            let mut sums = [0.0f32; TOGETHER];
            for (d, &query) in query.iter().enumerate() {
                for (sum, &entry) in sums.iter_mut().zip(entries) {
                    *sum = A::multiply_add(query, cache.keys[entry * width + d], *sum);
                }
            }
            self.logits.extend(&sums[..entries.len()]);
        }
        for (logit, &entry) in self.logits.iter_mut().zip(&self.entries) {
            if Some(entry) == own {
                *logit = SELF_LOGIT;
            }
        }
        let mut most = f32::NEG_INFINITY;
        for &logit in &self.logits {
            most = if logit > most { logit } else { most };
        }
        self.context.fill(0.0);
        let mut sum = 0.0;
        for (logit, &entry) in self.logits.iter().zip(&self.entries) {
            let weight = math::exp::<A>(logit - finite(most));
            sum += weight;
            for (context, &value) in self.context.iter_mut().zip(&cache.values[entry * width..(entry + 1) * width]) {
                *context = A::multiply_add(weight, value, *context);
            }
        }
        self.logits.clear();
        self.logits.extend([most, sum]);
    }

    /// Merges the round's result onto the running one, as the tiled kernel does.
    #[inline(always)]
    fn merge<A: Arithmetic>(&self, number: usize, before: Running, context: &mut [f32]) -> Running {
        let new = Running { most: self.logits[0], sum: self.logits[1] };
        if number == 0 {
            context.copy_from_slice(&self.context);
            return new;
        }
        let (merged, own, other) = before.merge::<A>(new);
        for (context, &value) in context.iter_mut().zip(&self.context) {
            *context = A::multiply_add(*context, own, value * other);
        }
        merged
    }
}

/// The bookkeeping of an LSH cache; see `CacheLayout` for what is where.
struct LshSizes {
    layout: CacheLayout,
    rounds: usize,
    window: usize,
    buckets: usize,
}

impl LshSizes {
    fn clear(&self, cache: &mut Cache<'_>) {
        let CacheLayout { capacity, counts, references, free, free_count, .. } = self.layout;
        cache.index[counts..references].fill(0);
        cache.index[references..references + capacity].fill(0);
        for entry in 0..capacity {
            // The stack hands out low entries first.
            cache.index[free + entry] = (capacity - 1 - entry) as u32;
        }
        cache.index[free_count] = capacity as u32;
    }

    /// Stores a token and appends it to its bucket's list of every round; returns its entry.
    #[inline(always)]
    fn append(&self, cache: &mut Cache<'_>, qk: &[f32], value: &[f32], bucket: &impl Fn(usize) -> usize) -> usize {
        let CacheLayout { counts, references, free, free_count, .. } = self.layout;
        let width = qk.len();
        let left = cache.index[free_count] as usize - 1;
        cache.index[free_count] = left as u32;
        let entry = cache.index[free + left] as usize;
        let inverse = inverse_norm(qk);
        for (key, &qk) in cache.keys[entry * width..(entry + 1) * width].iter_mut().zip(qk) {
            *key = qk * inverse;
        }
        cache.values[entry * width..(entry + 1) * width].copy_from_slice(value);
        cache.index[references + entry] = self.rounds as u32;
        for round in 0..self.rounds {
            let list = round * self.buckets + bucket(round);
            let count = cache.index[counts + list] as usize;
            let place = list * self.window + count % self.window;
            if count >= self.window {
                let old = cache.index[place] as usize;
                cache.index[references + old] -= 1;
                if cache.index[references + old] == 0 {
                    let left = cache.index[free_count] as usize;
                    cache.index[free + left] = old as u32;
                    cache.index[free_count] = left as u32 + 1;
                }
            }
            cache.index[place] = entry as u32;
            cache.index[counts + list] = count as u32 + 1;
        }
        entry
    }

    /// The entries of a list, oldest first.
    #[inline(always)]
    fn list(&self, cache: &Cache<'_>, round: usize, bucket: usize, mut visit: impl FnMut(usize)) {
        let list = round * self.buckets + bucket;
        let count = cache.index[self.layout.counts + list] as usize;
        for number in count.saturating_sub(self.window)..count {
            visit(cache.index[list * self.window + number % self.window] as usize);
        }
    }
}
