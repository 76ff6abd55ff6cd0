//! `attention_cached`: each token is appended to its row's cache, then attends over the set that the cache holds for it.

use super::attention::{norm, own_rows, softmax};
use crate::array::Array;
use crate::fault::{Fault, index};
use crate::product::dot;
use reformer_tensor::op::{AttentionCached, CacheLayout, CachePattern, NO_ROW, SELF_LOGIT};
use std::collections::BTreeSet;

pub(super) fn run(
    op: &AttentionCached,
    reads: &[&Array],
    updates: &mut [Array],
    writes: &mut [Array],
) -> Result<(), Fault> {
    let projections = if matches!(op.pattern, CachePattern::Lsh { .. }) { 2 } else { 3 };
    let (positions, cache_rows) = (reads[projections].integer(), reads[projections + 1].integer());
    let [keys, values, words] = updates else { unreachable!("the op has three updates") };
    let (rows, width, heads) = (positions.len(), op.heads.width, op.heads.count);
    let (layout, batch) = (op.layout(), keys.shape.dim(0));
    for head in 0..heads {
        let rows_of = |read: usize| own_rows(reads[read], op.heads, head);
        let (q, k, v) = (rows_of(0), rows_of(projections - 2), rows_of(projections - 1));
        for token in 0..rows {
            let start = token * op.heads.columns() + head * width;
            let out = &mut writes[0].real_mut()[start..start + width];
            if cache_rows[token] == NO_ROW {
                out.fill(0.0);
                continue;
            }
            let cache_row = index("cache_rows", cache_rows[token], token, batch)?;
            let position = index("positions", positions[token], token, op.max_positions)?;
            let place = cache_row * heads + head;
            let mut cache = Cache {
                keys: &mut keys.real_mut()[place * layout.capacity * width..][..layout.capacity * width],
                values: &mut values.real_mut()[place * layout.capacity * width..][..layout.capacity * width],
                words: &mut words.integer_mut()[place * layout.words..][..layout.words],
                width,
                layout,
            };
            let (set, own) = match op.pattern {
                CachePattern::Local { window } => cache.plain(position, Some(window)),
                CachePattern::Full => cache.plain(position, None),
                CachePattern::Lsh { rounds, window, buckets } => {
                    let own: Result<Vec<usize>, Fault> = (0..rounds)
                        .map(|round| {
                            let at = (head * rounds + round) * rows + token;
                            index("buckets", reads[projections + 2].integer()[at], at, buckets)
                        })
                        .collect();
                    cache.lists(Lists { rounds, window, buckets }, &own?, position, token)?
                }
            };
            let shared = projections == 2;
            let length = if shared { norm(&k[token]) } else { 1.0 };
            cache.store(own, &k[token], length, &v[token]);
            let scale = if shared { 1.0 } else { 1.0 / (width as f64).sqrt() };
            let logit = |entry: usize| {
                if shared && entry == own {
                    f64::from(SELF_LOGIT)
                } else {
                    dot(&q[token], &cache.keys[entry * width..][..width]) * scale
                }
            };
            let (context, _) = softmax(&set, logit, |entry| &cache.values[entry * width..][..width], width);
            out.copy_from_slice(&context);
        }
    }
    Ok(())
}

/// One (batch row, head) of a cache.
struct Cache<'a> {
    keys: &'a mut [f64],
    values: &'a mut [f64],
    words: &'a mut [u32],
    width: usize,
    layout: CacheLayout,
}

struct Lists {
    rounds: usize,
    window: usize,
    buckets: usize,
}

impl Cache<'_> {
    fn store(&mut self, entry: usize, k: &[f64], length: f64, v: &[f64]) {
        for column in 0..self.width {
            self.keys[entry * self.width + column] = k[column] / length;
            self.values[entry * self.width + column] = v[column];
        }
    }

    /// Entries of the last tokens, and the own one, where entries go by position.
    fn plain(&self, position: usize, window: Option<usize>) -> (BTreeSet<usize>, usize) {
        let first = window.map_or(0, |window| (position + 1).saturating_sub(window));
        ((first..=position).map(|p| p % self.layout.capacity).collect(), position % self.layout.capacity)
    }

    /// Takes an entry for the token, puts it on its lists, and gives the entries of all of these, and the token's.
    fn lists(
        &mut self,
        lists: Lists,
        own_buckets: &[usize],
        position: usize,
        token: usize,
    ) -> Result<(BTreeSet<usize>, usize), Fault> {
        let CacheLayout { capacity, counts, references, free, free_count, .. } = self.layout;
        if position == 0 {
            self.words[counts..counts + lists.rounds * lists.buckets].fill(0);
            self.words[references..references + capacity].fill(0);
            for (at, word) in self.words[free..free + capacity].iter_mut().enumerate() {
                *word = at as u32;
            }
            self.words[free_count] = capacity as u32;
        }
        let left = self.words[free_count] as usize;
        if left == 0 {
            return Err(Fault::Index { operand: "positions", value: position as u32, at: token, largest: 0 });
        }
        let own = index("index", self.words[free + left - 1], token, capacity)?;
        self.words[free_count] = left as u32 - 1;
        let mut set = BTreeSet::new();
        for (round, &bucket) in own_buckets.iter().enumerate() {
            let list = round * lists.buckets + bucket;
            let count = self.words[counts + list] as usize;
            let ring = list * lists.window;
            let place = ring + count % lists.window;
            if count >= lists.window {
                let oldest = index("index", self.words[place], token, capacity)?;
                self.words[references + oldest] -= 1;
                if self.words[references + oldest] == 0 {
                    let top = self.words[free_count] as usize;
                    self.words[free + top] = oldest as u32;
                    self.words[free_count] += 1;
                }
            }
            self.words[place] = own as u32;
            self.words[references + own] += 1;
            self.words[counts + list] += 1;
            let held = (count + 1).min(lists.window);
            set.extend(self.words[ring..ring + held].iter().map(|&entry| entry as usize));
        }
        Ok((set, own))
    }
}
