// Membership of attention's sets (docs/attention.md, membership is one comparison). Needs no binding.

/// Where a token is in a round: the first slot that it sees, and its own.
struct Interval {
    low: u32,
    slot: u32,
}

/// Whether a query sees a key's slot. Wraps around on purpose: a slot before `low` is far.
fn sees(query: Interval, key_slot: u32) -> bool {
    return key_slot - query.low <= query.slot - query.low;
}

/// The first row that a token sees where tokens are in order of position.
fn first_in_order(row: u32, segment: u32, window: u32) -> u32 {
    return max(segment, row + 1u - min(window, row + 1u));
}
