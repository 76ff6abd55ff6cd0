//! Cases of `attention`, on buckets that are handed in, not hashed. Sizes and operands are here for its gradient and its cache, too.

use super::sort_by_bucket::{crowded_buckets, segments_input};
use crate::case::Case;
use crate::compare::reals;
use crate::fixture::Fixture;
use crate::tolerance::Tolerance;
use reformer_tensor::op::{AttentionKeys, Intervals, SortByBucket};
use reformer_tensor::{HeadRange, Pattern, Tensor};

/// Sizes of an attention.
#[derive(Clone, Copy)]
pub(super) struct Sizes {
    pub rows: usize,
    pub heads: HeadRange,
    pub pattern: Pattern,
    /// LSH: buckets per round.
    pub buckets: usize,
    /// Of the segments; the last takes what is left.
    pub lengths: &'static [usize],
    /// The deviation of queries and keys: what the logits' size comes from.
    pub sharpness: f32,
}

const HEADS: HeadRange = HeadRange { first: 0, count: 2, width: 16 };

/// Two rounds, a window of 3, eight buckets.
pub(super) const LSH: Sizes = Sizes {
    rows: 61,
    heads: HEADS,
    pattern: Pattern::Lsh { rounds: 2, window: 3 },
    buckets: 8,
    lengths: &[],
    sharpness: 1.0,
};
/// A window of 16.
pub(super) const LOCAL: Sizes = Sizes { pattern: Pattern::Local { window: 16 }, ..LSH };
pub(super) const FULL: Sizes = Sizes { pattern: Pattern::Full, ..LSH };
pub(super) const LENGTHS: &[usize] = &[1, 2, 61, 17];

impl Sizes {
    /// Keys that a query sees at most, and queries that a key is seen by.
    pub fn keys(&self) -> usize {
        let most = match self.pattern {
            Pattern::Lsh { rounds, window } => rounds * window,
            Pattern::Local { window } => window,
            Pattern::Full => self.rows,
        };
        most.min(self.rows)
    }

    /// Roundings of one logit in units of the largest: the product, the key's length (or the scale) and the difference to z.
    pub fn logit_roundings(&self) -> usize {
        2 * self.heads.width + 4
    }
}

/// Operands of an attention, and a bound of its logits.
pub(super) fn operands(fixture: &mut Fixture, sizes: Sizes) -> (AttentionKeys, f64) {
    let columns = sizes.heads.columns();
    let first = fixture.activation(
        if matches!(sizes.pattern, Pattern::Lsh { .. }) { "qk" } else { "q" },
        columns,
        sizes.sharpness,
    );
    match sizes.pattern {
        Pattern::Lsh { rounds, window } => {
            let v = fixture.activation("v", columns, 1.0);
            let bound = longest(fixture, "qk", sizes.heads.width);
            let [order, slot, low] = slots(fixture, sizes, rounds, window);
            (AttentionKeys::Lsh { qk: first, v, order, slot, low }, bound)
        }
        Pattern::Local { .. } | Pattern::Full => {
            let k = fixture.activation("k", columns, sizes.sharpness);
            let v = fixture.activation("v", columns, 1.0);
            let [q_length, k_length] = ["q", "k"].map(|name| longest(fixture, name, sizes.heads.width));
            let segments = segments_input(fixture, sizes.lengths);
            let bound = q_length * k_length / (sizes.heads.width as f64).sqrt();
            (AttentionKeys::Separate { q: first, k, v, segments }, bound)
        }
    }
}

fn slots(fixture: &mut Fixture, sizes: Sizes, rounds: usize, window: usize) -> [Tensor; 3] {
    let buckets = crowded_buckets(fixture, sizes.heads.count, rounds, sizes.buckets);
    let segments = segments_input(fixture, sizes.lengths);
    let (order, slot) = fixture.program.sort_by_bucket(SortByBucket { buckets: sizes.buckets }, buckets, segments);
    let low = fixture.program.intervals(Intervals { window }, buckets, segments, order, slot);
    [order, slot, low]
}

/// The Euclidean length of the longest vector of one head.
pub(super) fn longest(fixture: &Fixture, name: &str, width: usize) -> f64 {
    let numbers = reals(&fixture.inputs[name], 1.0);
    let square = |vector: &[f64]| vector.iter().map(|x| x * x).sum::<f64>();
    numbers.chunks(width).map(square).fold(0.0, f64::max).sqrt()
}

/// Of a context whose logits are within ±`bound`.
pub(super) fn context_tolerance(sizes: Sizes, bound: f64) -> Tolerance {
    let keys = sizes.keys();
    Tolerance::tensor(
        2 * keys + 8,
        format!(
            "logits up to {bound:.1} of {} products each, twice (weight and sum), and two sums over {keys} keys (docs/numerics.md, attention)",
            sizes.heads.width
        ),
    )
    .with_exponents(sizes.logit_roundings(), bound)
}

fn case(sizes: Sizes) -> Case {
    let build = move |fixture: &mut Fixture| {
        let (keys, bound) = operands(fixture, sizes);
        let (context, z) = fixture.program.attention(sizes.pattern, sizes.heads, &keys);
        fixture.output("context", context, context_tolerance(sizes, bound));
        // A lone token's z is its replaced logit, -10^5, exactly; the others' are logits and the logarithm of a sum.
        let seen = sizes.keys();
        let z_tolerance = Tolerance::absolute(
            sizes.logit_roundings() + seen + 4,
            bound.max(1.0),
            format!(
                "logits up to {bound:.1} of {} products each, and a sum over {seen} keys (docs/numerics.md, attention)",
                sizes.heads.width
            ),
        );
        fixture.output("z", z, z_tolerance);
    };
    Case::new(sizes.rows, build).by_row()
}

pub(super) fn lsh_one_row() -> Case {
    case(Sizes { rows: 1, ..LSH })
}

pub(super) fn lsh_two_rows() -> Case {
    case(Sizes { rows: 2, buckets: 1, ..LSH })
}

pub(super) fn lsh_odd() -> Case {
    case(LSH)
}

pub(super) fn lsh_window_one() -> Case {
    case(Sizes { pattern: Pattern::Lsh { rounds: 2, window: 1 }, ..LSH })
}

pub(super) fn lsh_window_longer_than_rows() -> Case {
    case(Sizes { pattern: Pattern::Lsh { rounds: 2, window: 100 }, buckets: 2, ..LSH })
}

pub(super) fn lsh_three_rounds() -> Case {
    case(Sizes { rows: 130, pattern: Pattern::Lsh { rounds: 3, window: 16 }, buckets: 4, ..LSH })
}

/// One bucket: the rounds show the same keys three times, and each counts once.
pub(super) fn lsh_crowded() -> Case {
    case(Sizes { rows: 130, pattern: Pattern::Lsh { rounds: 3, window: 16 }, buckets: 1, ..LSH })
}

/// Far more buckets than rows: most tokens see only themselves.
pub(super) fn lsh_every_token_alone() -> Case {
    case(Sizes { rows: 17, pattern: Pattern::Lsh { rounds: 1, window: 16 }, buckets: 4096, ..LSH })
}

pub(super) fn lsh_segments() -> Case {
    case(Sizes { rows: 130, pattern: Pattern::Lsh { rounds: 2, window: 16 }, lengths: LENGTHS, ..LSH })
}

pub(super) fn lsh_many_rows() -> Case {
    case(Sizes { rows: 1027, pattern: Pattern::Lsh { rounds: 2, window: 64 }, buckets: 16, lengths: &[513, 3], ..LSH })
}

pub(super) fn lsh_wide_heads() -> Case {
    let heads = HeadRange { first: 1, count: 1, width: 64 };
    case(Sizes { rows: 130, heads, pattern: Pattern::Lsh { rounds: 2, window: 16 }, ..LSH })
}

/// Logits to some 30: a running maximum that is not kept shows.
pub(super) fn lsh_sharp() -> Case {
    case(Sizes { rows: 130, pattern: Pattern::Lsh { rounds: 3, window: 16 }, buckets: 4, sharpness: 6.0, ..LSH })
}

pub(super) fn local_one_row() -> Case {
    case(Sizes { rows: 1, ..LOCAL })
}

pub(super) fn local_window_one() -> Case {
    case(Sizes { pattern: Pattern::Local { window: 1 }, ..LOCAL })
}

pub(super) fn local_odd() -> Case {
    case(Sizes { heads: HeadRange { first: 0, count: 3, width: 8 }, ..LOCAL })
}

pub(super) fn local_segments() -> Case {
    case(Sizes { rows: 130, lengths: LENGTHS, ..LOCAL })
}

pub(super) fn local_window_longer_than_rows() -> Case {
    case(Sizes { pattern: Pattern::Local { window: 100 }, ..LOCAL })
}

pub(super) fn local_many_rows() -> Case {
    case(Sizes { rows: 1027, pattern: Pattern::Local { window: 64 }, lengths: &[513, 3], ..LOCAL })
}

pub(super) fn local_sharp() -> Case {
    case(Sizes { rows: 130, sharpness: 3.0, ..LOCAL })
}

pub(super) fn full_one_row() -> Case {
    case(Sizes { rows: 1, ..FULL })
}

pub(super) fn full_odd() -> Case {
    case(FULL)
}

pub(super) fn full_segments() -> Case {
    case(Sizes { rows: 130, lengths: LENGTHS, ..FULL })
}

pub(super) fn full_many_rows() -> Case {
    case(Sizes { rows: 515, heads: HeadRange { first: 0, count: 2, width: 24 }, ..FULL })
}

/// Keys whose squared length is about D·ε: leaving it out shows.
pub(super) fn lsh_small_keys() -> Case {
    case(Sizes { sharpness: 1e-3, ..LSH })
}
