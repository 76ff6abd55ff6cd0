//! Cases of `sort_by_bucket`: integers, so exact.

use crate::case::Case;
use crate::fixture::{self, Expectation, Fixture};
use reformer_tensor::op::SortByBucket;
use reformer_tensor::{Tensor, shape};

/// Buckets `[heads, rounds, rows]`, each row's from itself alone: half of the tokens are in the first three, the rest anywhere,
/// so that crowded buckets stand beside empty ones.
pub(crate) fn crowded_buckets(fixture: &mut Fixture, heads: usize, rounds: usize, buckets: usize) -> Tensor {
    let rows = fixture.rows;
    let mut data = Vec::new();
    for list in 0..heads * rounds {
        let crowded = fixture.choices(&format!("crowded {list}"), rows, 2);
        let few = fixture.choices(&format!("few {list}"), rows, buckets.min(3));
        let any = fixture.choices(&format!("any {list}"), rows, buckets);
        data.extend((0..rows).map(|row| if crowded[row] == 1 { few[row] } else { any[row] }));
    }
    fixture.integers("buckets", shape![heads, rounds, rows], data)
}

/// The first row of each row's segment.
pub(crate) fn segments_input(fixture: &mut Fixture, lengths: &[usize]) -> Tensor {
    let data = fixture::segments(fixture.rows, lengths);
    fixture.integers("segments", shape![fixture.rows], data)
}

fn case(rows: usize, heads: usize, rounds: usize, buckets: usize, lengths: &'static [usize]) -> Case {
    Case::new(rows, move |fixture: &mut Fixture| {
        let words = crowded_buckets(fixture, heads, rounds, buckets);
        let segments = segments_input(fixture, lengths);
        let (order, slot) = fixture.program.sort_by_bucket(SortByBucket { buckets }, words, segments);
        fixture.output("order", order, Expectation::Exact);
        fixture.output("slot", slot, Expectation::Exact);
    })
}

pub(super) fn one_row() -> Case {
    case(1, 1, 1, 4, &[])
}

pub(super) fn all_in_one() -> Case {
    case(61, 2, 2, 1, &[])
}

pub(super) fn odd() -> Case {
    case(61, 3, 2, 8, &[])
}

pub(super) fn segments() -> Case {
    case(130, 2, 3, 6, &[1, 2, 61, 17])
}

pub(super) fn many_rows() -> Case {
    case(4099, 1, 2, 64, &[1000, 3, 1025])
}

/// More buckets than rows.
pub(super) fn large() -> Case {
    case(513, 1, 1, 4096, &[300])
}
