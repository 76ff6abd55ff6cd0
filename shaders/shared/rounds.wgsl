// Which keys LSH attention's queries see over the rounds. The including file declares the tables `intervals` and `order`,
// `[heads, rounds, rows]` by token and by slot, and parameters `rounds` and `rows`.
#include "shared/sets.wgsl"

fn interval_at(head: u32, round: u32, token: u32) -> Interval {
    return intervals[(head * parameters.rounds + round) * parameters.rows + token];
}

fn token_in(head: u32, round: u32, slot: u32) -> u32 {
    return order[(head * parameters.rounds + round) * parameters.rows + slot];
}

/// Whether a round before this one shows the key to the query.
fn is_taken(head: u32, round: u32, query_token: u32, key_token: u32) -> bool {
    for (var earlier = 0u; earlier < round; earlier += 1u) {
        if sees(interval_at(head, earlier, query_token), interval_at(head, earlier, key_token).slot) {
            return true;
        }
    }
    return false;
}
