//! The sets of keys that attention is defined over (`docs/attention.md`, the set), in two ways: from the definition, which
//! knows neither slots nor sorting, and from sorted slots as the op `attention` gets them. Both must give the same sets.

use std::collections::BTreeSet;

/// S(i) of each token, from its buckets: the union over rounds of the last `window` tokens of its own bucket and segment,
/// itself included. `buckets` holds `rounds` rows of one bucket a token; `segments` the row at which each token's segment starts.
pub fn lsh(buckets: &[u32], segments: &[u32], window: usize) -> Vec<BTreeSet<usize>> {
    let rows = segments.len();
    let mut sets = vec![BTreeSet::new(); rows];
    for round in buckets.chunks_exact(rows.max(1)) {
        for (token, set) in sets.iter_mut().enumerate() {
            let same = |&other: &usize| round[other] == round[token] && segments[other] == segments[token];
            set.extend((0..=token).rev().filter(same).take(window));
        }
    }
    sets
}

/// S(i) of each token of local attention: the last `window` tokens of its segment, itself included; all of them for full attention.
pub fn local(segments: &[u32], window: Option<usize>) -> Vec<BTreeSet<usize>> {
    let same = |token: usize| (0..=token).rev().filter(move |&other| segments[other] == segments[token]);
    (0..segments.len()).map(|token| same(token).take(window.unwrap_or(usize::MAX)).collect()).collect()
}

/// S(i) of each token, from one head's `order`, `slot` and `low`, each of `rounds` rows of one number a token:
/// ⋃_r { order_r(s) : low_r(i) ≤ s ≤ slot_r(i) }. Slots without a token are left out.
pub fn of_intervals(order: &[u32], slot: &[u32], low: &[u32], rows: usize) -> Vec<BTreeSet<usize>> {
    let mut sets = vec![BTreeSet::new(); rows];
    for first in (0..order.len()).step_by(rows.max(1)) {
        for (token, set) in sets.iter_mut().enumerate() {
            let seen = low[first + token] as usize..=slot[first + token] as usize;
            set.extend(seen.filter(|&slot| slot < rows).map(|slot| order[first + slot] as usize));
        }
    }
    sets
}
