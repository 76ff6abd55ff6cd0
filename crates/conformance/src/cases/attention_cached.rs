//! Cases of `attention_cached`. Contexts are compared as in `attention`; caches by what they mean, since which entry holds
//! which token is a backend's own choice: counts, the keys and values of every list, references, and the free entries.

use super::attention::longest;
use crate::case::Case;
use crate::compare::{reals, within};
use crate::fixture::{Expectation, Fixture, Results};
use crate::harness::{Way, execute};
use crate::tolerance::Tolerance;
use reformer_oracle::Oracle;
use reformer_tensor::op::{AttentionCached, CacheLayout, NO_ROW};
use reformer_tensor::{CachePattern, DType, HeadRange, HostTensor, shape};
use std::collections::BTreeSet;

/// Which cache row and position each token has.
#[derive(Clone, Copy, PartialEq)]
enum Walk {
    /// One cache, from this position on; what comes before was cached by an earlier run.
    From(usize),
    /// Two caches in turn; every seventh token is padding.
    Two,
    /// One cache; a new segment starts at this token.
    Restart(usize),
    /// Padding only.
    Nobody,
}

impl Walk {
    fn caches(self) -> usize {
        if self == Walk::Two { 3 } else { 1 }
    }

    /// (cache row, position) of each token.
    fn tokens(self, rows: usize) -> Vec<(u32, u32)> {
        let mut next = [0u32; 2];
        let place = |row: usize| match self {
            Walk::From(first) => (0, (first + row) as u32),
            Walk::Restart(at) => (0, if row < at { row } else { row - at } as u32),
            Walk::Nobody => (NO_ROW, 0),
            Walk::Two if row % 7 == 3 => (NO_ROW, 0),
            // Cache row 1 is never touched.
            Walk::Two => {
                let turn = row % 2;
                next[turn] += 1;
                (2 * turn as u32, next[turn] - 1)
            }
        };
        (0..rows).map(place).collect()
    }
}

#[derive(Clone, Copy)]
struct Sizes {
    rows: usize,
    heads: HeadRange,
    pattern: CachePattern,
    max_positions: usize,
    walk: Walk,
    /// The deviation of queries and keys.
    sharpness: f32,
}

const HEADS: HeadRange = HeadRange { first: 0, count: 2, width: 16 };
const LSH: Sizes = Sizes {
    rows: 61,
    heads: HEADS,
    pattern: CachePattern::Lsh { rounds: 2, window: 3, buckets: 4 },
    max_positions: 300,
    walk: Walk::From(0),
    sharpness: 1.0,
};
const LOCAL: Sizes = Sizes { pattern: CachePattern::Local { window: 16 }, ..LSH };
const FULL: Sizes = Sizes { pattern: CachePattern::Full, ..LSH };

impl Sizes {
    fn op(self) -> AttentionCached {
        AttentionCached { pattern: self.pattern, heads: self.heads, max_positions: self.max_positions }
    }

    fn shapes(self) -> [(&'static str, reformer_tensor::Shape); 3] {
        let (caches, layout) = (self.walk.caches(), self.op().layout());
        let entries = shape![caches, self.heads.count, layout.capacity, self.heads.width];
        [("keys", entries), ("values", entries), ("index", shape![caches, self.heads.count, layout.words])]
    }

    fn is_lsh(self) -> bool {
        matches!(self.pattern, CachePattern::Lsh { .. })
    }
}

/// Records the op over `cache`; the context is an output.
fn record(fixture: &mut Fixture, sizes: Sizes, cache: [HostTensor; 3], expect: impl Fn(&Fixture) -> Expectation) {
    let (rows, columns) = (fixture.rows, sizes.heads.columns());
    let names: &[&str] = if sizes.is_lsh() { &["qk", "v"] } else { &["q", "k", "v"] };
    let queries: Vec<_> = names
        .iter()
        .map(|name| fixture.activation(name, columns, if *name == "v" { 1.0 } else { sizes.sharpness }))
        .collect();
    let tokens = sizes.walk.tokens(rows);
    let positions = fixture.integers("positions", shape![rows], tokens.iter().map(|token| token.1).collect());
    let cache_rows = fixture.integers("cache_rows", shape![rows], tokens.iter().map(|token| token.0).collect());
    let buckets = match sizes.pattern {
        CachePattern::Lsh { rounds, buckets, .. } => {
            Some(super::sort_by_bucket::crowded_buckets(fixture, sizes.heads.count, rounds, buckets))
        }
        CachePattern::Local { .. } | CachePattern::Full => None,
    };
    let cache = sizes.shapes().map(|(name, _)| name).into_iter().zip(cache);
    let cache: Vec<_> = cache
        .map(|(name, tensor)| {
            let dtype = if name == "index" { DType::U32 } else { DType::F32 };
            fixture.updated(name, dtype, Expectation::Judged);
            fixture.state(name, tensor, dtype)
        })
        .collect();
    let cache = [cache[0], cache[1], cache[2]];
    let context = fixture.program.attention_cached(sizes.op(), &queries, positions, cache_rows, buckets, cache);
    let expectation = expect(fixture);
    fixture.output("context", context, expectation);
}

fn case(sizes: Sizes) -> Case {
    let build = move |fixture: &mut Fixture| {
        let before = cache_before(sizes);
        record(fixture, sizes, before.clone(), |fixture| tolerance(fixture, sizes).into());
        let judge = Caches { sizes, rows: fixture.rows, before };
        fixture.judges.push(Box::new(move |got, oracle| judge.judge(got, oracle)));
    };
    Case::new(sizes.rows, build).by_row()
}

fn tolerance(fixture: &Fixture, sizes: Sizes) -> Tolerance {
    let width = sizes.heads.width;
    let (bound, seen) = match sizes.pattern {
        CachePattern::Lsh { rounds, window, .. } => (longest(fixture, "qk", width), rounds * window),
        CachePattern::Local { window } => (separate_bound(fixture, width), window),
        CachePattern::Full => (separate_bound(fixture, width), sizes.max_positions),
    };
    Tolerance::tensor(
        2 * seen + 8,
        format!(
            "as attention: logits up to {bound:.1} of {width} products each, sums over {seen} keys (docs/numerics.md, attention)"
        ),
    )
    .with_exponents(2 * width + 4, bound)
}

/// Keys of earlier runs are of the same distribution: twice what this run's give.
fn separate_bound(fixture: &Fixture, width: usize) -> f64 {
    2.0 * longest(fixture, "q", width) * longest(fixture, "k", width) / (width as f64).sqrt()
}

/// An empty cache, or what the oracle leaves after the positions before this run.
fn cache_before(sizes: Sizes) -> [HostTensor; 3] {
    // What a cleared cache holds does not matter, so it holds nonsense.
    let empty = sizes.shapes().map(|(name, shape)| match name {
        "index" => HostTensor::u32(shape, vec![0; shape.elements()]),
        _ => HostTensor::f32(shape, vec![9.0; shape.elements()]),
    });
    let Walk::From(first @ 1..) = sizes.walk else { return empty };
    let mut earlier = Fixture::new(71, first);
    record(&mut earlier, Sizes { walk: Walk::From(0), ..sizes }, empty, |_| Expectation::Judged);
    let results = execute(&Oracle::new(), &earlier, Way::CHECKED).expect("the oracle runs every case");
    sizes.shapes().map(|(name, shape)| match name {
        "index" => results[name].clone(),
        _ => HostTensor::f32(shape, reals(&results[name], 1.0).into_iter().map(|x| x as f32).collect()),
    })
}

/// Compares caches by what they mean.
struct Caches {
    sizes: Sizes,
    rows: usize,
    before: [HostTensor; 3],
}

impl Caches {
    fn judge(&self, got: &Results, oracle: &Results) -> Result<usize, String> {
        let op = self.sizes.op();
        let (layout, heads, width) = (op.layout(), self.sizes.heads.count, self.sizes.heads.width);
        for cache_row in 0..self.sizes.walk.caches() {
            let tokens = self.sizes.walk.tokens(self.rows);
            let last = tokens.iter().rev().find(|token| token.0 == cache_row as u32).map(|token| token.1 as usize);
            for head in 0..heads {
                let name = format!("cache row {cache_row}, head {head}");
                let place = cache_row * heads + head;
                let cut = |results: &Results| Cache::cut(results, layout, place, width);
                let (got, oracle) = (cut(got), cut(oracle));
                match (last, self.sizes.pattern) {
                    (None, _) => {
                        let names = self.sizes.shapes().map(|(name, _)| name.to_owned());
                        let before = names.into_iter().zip(self.before.iter().cloned()).collect();
                        let before = cut(&before);
                        if got != before {
                            return Err(format!("  {name}: changed, though no token belongs to it"));
                        }
                    }
                    (Some(_), CachePattern::Lsh { rounds, window, buckets }) => {
                        lists(&name, &got, &oracle, layout, [rounds, window, buckets])?;
                    }
                    (Some(last), CachePattern::Local { .. } | CachePattern::Full) => {
                        let held = (last + 1).min(layout.capacity);
                        let entries: Vec<usize> = (last + 1 - held..=last).map(|p| p % layout.capacity).collect();
                        same_entries(&name, &got, &entries, &oracle, &entries)?;
                    }
                }
            }
        }
        Ok(0)
    }
}

/// One (cache row, head).
#[derive(PartialEq)]
struct Cache {
    keys: Vec<f64>,
    values: Vec<f64>,
    words: Vec<u32>,
    width: usize,
}

impl Cache {
    fn cut(results: &Results, layout: CacheLayout, place: usize, width: usize) -> Self {
        let part = |name: &str| {
            let length = layout.capacity * width;
            reals(&results[name], 1.0)[place * length..(place + 1) * length].to_vec()
        };
        let words = results["index"].as_u32().unwrap_or_default();
        let words = words[place * layout.words..(place + 1) * layout.words].to_vec();
        Self { keys: part("keys"), values: part("values"), words, width }
    }

    fn rows(&self, entries: &[usize]) -> HostTensor {
        let row = |numbers: &[f64], entry: usize| numbers[entry * self.width..(entry + 1) * self.width].to_vec();
        let data =
            entries.iter().flat_map(|&entry| [row(&self.keys, entry), row(&self.values, entry)].concat()).collect();
        HostTensor::f64(shape![entries.len(), 2, self.width], data)
    }
}

fn same_entries(
    name: &str,
    got: &Cache,
    got_entries: &[usize],
    oracle: &Cache,
    oracle_entries: &[usize],
) -> Result<(), String> {
    let tolerance = Tolerance::row(
        got.width + 4,
        format!(
            "a key's length is a sum of {} squares; values are copies (docs/numerics.md, attention_cached)",
            got.width
        ),
    );
    let what = format!("{name}: [entry, key or value, column]");
    within(&what, &got.rows(got_entries), &oracle.rows(oracle_entries), 1.0, &tolerance).map(|_| ())
}

/// Every list holds the same tokens; references count them; free entries are those that no list holds.
fn lists(
    name: &str,
    got: &Cache,
    oracle: &Cache,
    layout: CacheLayout,
    [rounds, window, buckets]: [usize; 3],
) -> Result<(), String> {
    let mut references = vec![0u32; layout.capacity];
    for list in 0..rounds * buckets {
        let count = got.words[layout.counts + list];
        if count != oracle.words[layout.counts + list] {
            return Err(format!(
                "  {name}, round {}, bucket {}: {count} tokens were appended, oracle {}",
                list / buckets,
                list % buckets,
                oracle.words[layout.counts + list]
            ));
        }
        let count = count as usize;
        let held = |cache: &Cache| -> Vec<usize> {
            let numbers = count.saturating_sub(window)..count;
            numbers.map(|number| cache.words[list * window + number % window] as usize).collect()
        };
        let (ours, theirs) = (held(got), held(oracle));
        if let Some(entry) = ours.iter().find(|&&entry| entry >= layout.capacity) {
            return Err(format!("  {name}, list {list}: holds entry {entry} of {}", layout.capacity));
        }
        ours.iter().for_each(|&entry| references[entry] += 1);
        let name = format!("{name}, round {}, bucket {}", list / buckets, list % buckets);
        same_entries(&name, got, &ours, oracle, &theirs)?;
    }
    let free_count = got.words[layout.free_count] as usize;
    if free_count > layout.capacity {
        return Err(format!("  {name}: {free_count} free entries of {}", layout.capacity));
    }
    let free: BTreeSet<usize> =
        got.words[layout.free..layout.free + free_count].iter().map(|&entry| entry as usize).collect();
    for (entry, &held_by) in references.iter().enumerate() {
        let said = got.words[layout.references + entry];
        if said != held_by || free.contains(&entry) != (held_by == 0) {
            return Err(format!(
                "  {name}: entry {entry} is held by {held_by} lists, its count says {said}, and it is {}free",
                if free.contains(&entry) { "" } else { "not " }
            ));
        }
    }
    Ok(())
}

pub(super) fn lsh_from_empty() -> Case {
    case(LSH)
}

pub(super) fn lsh_past_the_window() -> Case {
    case(Sizes { rows: 17, walk: Walk::From(130), ..LSH })
}

pub(super) fn lsh_three_rounds() -> Case {
    case(Sizes { rows: 130, pattern: CachePattern::Lsh { rounds: 3, window: 16, buckets: 6 }, ..LSH })
}

pub(super) fn lsh_two_caches() -> Case {
    case(Sizes { rows: 130, walk: Walk::Two, ..LSH })
}

pub(super) fn lsh_restart() -> Case {
    case(Sizes { rows: 61, walk: Walk::Restart(40), ..LSH })
}

/// Fewer positions than the lists could hold.
pub(super) fn lsh_bounded_by_positions() -> Case {
    case(Sizes { rows: 17, max_positions: 17, pattern: CachePattern::Lsh { rounds: 2, window: 16, buckets: 8 }, ..LSH })
}

pub(super) fn local_from_empty() -> Case {
    case(LOCAL)
}

pub(super) fn local_past_the_window() -> Case {
    case(Sizes { rows: 3, walk: Walk::From(130), ..LOCAL })
}

pub(super) fn local_two_caches() -> Case {
    case(Sizes { rows: 61, walk: Walk::Two, ..LOCAL })
}

pub(super) fn full_from_empty() -> Case {
    case(FULL)
}

pub(super) fn full_restart() -> Case {
    case(Sizes { walk: Walk::Restart(40), ..FULL })
}

pub(super) fn nobody() -> Case {
    case(Sizes { rows: 3, walk: Walk::Nobody, ..LSH })
}

/// Keys whose squared length is about D·ε: leaving it out shows.
pub(super) fn lsh_small_keys() -> Case {
    case(Sizes { sharpness: 1e-3, ..LSH })
}

const ONE_HEAD: HeadRange = HeadRange { first: 0, count: 1, width: 16 };

/// More keys in a list than a workgroup holds at once, and most of them in lists of both rounds.
pub(super) fn lsh_long_lists() -> Case {
    let pattern = CachePattern::Lsh { rounds: 2, window: 260, buckets: 2 };
    case(Sizes { rows: 2, walk: Walk::From(620), max_positions: 700, pattern, heads: ONE_HEAD, ..LSH })
}

pub(super) fn full_long() -> Case {
    case(Sizes { rows: 2, walk: Walk::From(600), max_positions: 700, heads: ONE_HEAD, ..FULL })
}

/// More channels than a workgroup has lanes.
pub(super) fn wide_heads() -> Case {
    case(Sizes { heads: HeadRange { first: 0, count: 2, width: 136 }, ..LSH })
}
