//! Cases of `intervals`: integers, so exact. `order` and `slot` are made by `sort_by_bucket` in the same program.

use super::sort_by_bucket::{crowded_buckets, segments_input};
use crate::case::Case;
use crate::fixture::{Expectation, Fixture};
use reformer_tensor::op::{Intervals, SortByBucket};

fn case(rows: usize, [heads, rounds, buckets]: [usize; 3], window: usize, lengths: &'static [usize]) -> Case {
    Case::new(rows, move |fixture: &mut Fixture| {
        let words = crowded_buckets(fixture, heads, rounds, buckets);
        let segments = segments_input(fixture, lengths);
        let (order, slot) = fixture.program.sort_by_bucket(SortByBucket { buckets }, words, segments);
        let low = fixture.program.intervals(Intervals { window }, words, segments, order, slot);
        fixture.output("low", low, Expectation::Exact);
    })
}

pub(super) fn one_row() -> Case {
    case(1, [1, 1, 4], 3, &[])
}

pub(super) fn window_one() -> Case {
    case(61, [2, 2, 8], 1, &[])
}

pub(super) fn window_three() -> Case {
    case(61, [2, 2, 8], 3, &[])
}

pub(super) fn window_longer_than_rows() -> Case {
    case(61, [2, 2, 4], 100, &[])
}

pub(super) fn segments() -> Case {
    case(130, [2, 3, 6], 16, &[1, 2, 61, 17])
}

pub(super) fn many_rows() -> Case {
    case(4099, [1, 2, 64], 64, &[1000, 3, 1025])
}
