//! The sets of attention, two ways: from the definition, and from slots as `sort_by_bucket` and `intervals` give them.
//! (That the attention over them is a softmax is a law of `reformer-conformance`, for every backend.)

use reformer_oracle::sets;
use std::collections::BTreeSet;

fn set(members: &[usize]) -> BTreeSet<usize> {
    members.iter().copied().collect()
}

/// Six tokens that a reader can check by hand: two segments, two rounds, a window of two.
#[test]
fn by_hand() {
    let segments = [0, 0, 0, 0, 4, 4];
    let buckets = [
        1, 1, 0, 1, 1, 1, // round 0
        0, 1, 0, 0, 1, 0, // round 1
    ];
    let expected = [set(&[0]), set(&[0, 1]), set(&[0, 2]), set(&[1, 2, 3]), set(&[4]), set(&[4, 5])];
    assert_eq!(sets::lsh(&buckets, &segments, 2), expected);
    // Sorted by (segment, bucket, position).
    let order = [
        2, 0, 1, 3, 4, 5, // round 0
        0, 2, 3, 1, 5, 4, // round 1
    ];
    let slot = [
        1, 2, 0, 3, 4, 5, // round 0
        0, 3, 1, 2, 5, 4, // round 1
    ];
    let low = [
        1, 1, 0, 2, 4, 4, // round 0
        0, 3, 0, 1, 5, 4, // round 1
    ];
    assert_eq!(sets::of_intervals(&order, &slot, &low, 6), expected);
}

#[test]
fn one_bucket_and_a_long_window_are_full_attention() {
    let segments = [0, 0, 0, 3, 3];
    assert_eq!(sets::lsh(&[0; 10], &segments, 5), sets::local(&segments, None));
    assert_eq!(sets::lsh(&[0; 10], &segments, 2), sets::local(&segments, Some(2)));
}

/// What follows a prefix cannot change the prefix's sets.
#[test]
fn sets_are_causal() {
    let segments = [0, 0, 2, 2, 2, 2];
    let buckets = [0, 1, 1, 0, 1, 1];
    let all = sets::lsh(&buckets, &segments, 3);
    for rows in 1..6 {
        assert_eq!(sets::lsh(&buckets[..rows], &segments[..rows], 3), all[..rows]);
    }
}
