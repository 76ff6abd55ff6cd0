// Decoding caches as `CacheLayout` lays them out, and the operands of the kernels of `attention_cached`: entries of a (cache row,
// head), the lists of LSH over them, and logits. How a token attends is in the including files.
#include "shared/softmax.wgsl"

/// What a loop takes at a time of columns or of a list's places: an eighth of the iterations, in the same order.
const STRIP: u32 = 8u;
/// No entry of a cache.
const NO_ENTRY: u32 = 0xffffffffu;

struct Parameters {
    // Tokens of this launch: the first, and how many; and of the whole run.
    first_row: u32,
    count: u32,
    rows: u32,
    batch: u32,
    heads: u32,
    head_width: u32,
    rounds: u32,
    window: u32,
    buckets: u32,
    // Entries of a (cache row, head).
    capacity: u32,
    // LSH: words of its index, and where the parts after `lists` start.
    words: u32,
    counts: u32,
    references: u32,
    free: u32,
    free_count: u32,
    query_scale: f32,
    // Added to a key's squared length.
    epsilon: f32,
}

/// A token's place in the caches.
struct Step {
    cache_row: u32,
    position: u32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
/// `[rows, heads·head_width]`; of LSH keys, too.
@group(0) @binding(1) var<storage, read> query: array<f32>;
@group(0) @binding(2) var<storage, read> value: array<f32>;
@group(0) @binding(3) var<storage, read> steps: array<Step>;
@group(0) @binding(4) var<storage, read_write> keys: array<f32>;
@group(0) @binding(5) var<storage, read_write> values: array<f32>;
@group(0) @binding(6) var<storage, read_write> context: array<f32>;
// LSH: `[heads, rounds, rows]`, and the caches' lists.
@group(0) @binding(7) var<storage, read> buckets: array<u32>;
@group(0) @binding(8) var<storage, read_write> index: array<u32>;
// Local and full.
@group(0) @binding(7) var<storage, read> key: array<f32>;

/// One (cache row, head): where its entries and its index start.
struct Cache {
    entries: u32,
    index: u32,
}

fn vector_at(head: u32, token: u32) -> u32 {
    return (token * parameters.heads + head) * parameters.head_width;
}

fn entry_at(cache: Cache, entry: u32) -> u32 {
    return (cache.entries + entry) * parameters.head_width;
}

fn logit(query_start: u32, cache: Cache, entry: u32) -> f32 {
    let k = entry_at(cache, entry);
    let strips = parameters.head_width - parameters.head_width % STRIP;
    var sum = 0.0;
    for (var first = 0u; first < strips; first += STRIP) {
        for (var i = 0u; i < STRIP; i += 1u) { // unrolled
            let d = first + i;
            sum = product_step(sum, query[query_start + d], parameters.query_scale, keys[k + d], 1.0);
        }
    }
    for (var d = strips; d < parameters.head_width; d += 1u) {
        sum = product_step(sum, query[query_start + d], parameters.query_scale, keys[k + d], 1.0);
    }
    return sum;
}

/// The same where queries are keys, and the token's own entry has a logit of its own.
fn shared_logit(query_start: u32, cache: Cache, entry: u32, own: u32) -> f32 {
    if entry == own {
        return SELF_LOGIT;
    }
    return logit(query_start, cache, entry);
}

/// The scale that gives the key that starts there unit length.
fn unit_scale(start: u32) -> f32 {
    var squares = 0.0;
    for (var d = 0u; d < parameters.head_width; d += 1u) {
        squares = fma(query[start + d], query[start + d], squares);
    }
    return inverse_length(squares, parameters.epsilon);
}

/// The token's list in a round.
fn list_of(head: u32, round: u32, token: u32) -> u32 {
    let bucket = buckets[(head * parameters.rounds + round) * parameters.rows + token];
    return round * parameters.buckets + bucket;
}

/// Puts an entry at the end of a list; its oldest entry leaves a full one, and is free where no other list holds it.
fn append(cache: Cache, list: u32, entry: u32) {
    let count_at = cache.index + parameters.counts + list;
    let count = index[count_at];
    let place = cache.index + list * parameters.window + count % parameters.window;
    if count >= parameters.window {
        let oldest = index[place];
        let references = cache.index + parameters.references + oldest;
        index[references] -= 1u;
        if index[references] == 0u {
            let top = index[cache.index + parameters.free_count];
            index[cache.index + parameters.free + top] = oldest;
            index[cache.index + parameters.free_count] = top + 1u;
        }
    }
    index[place] = entry;
    index[cache.index + parameters.references + entry] += 1u;
    index[count_at] = count + 1u;
}

/// Entries of a list.
fn held(cache: Cache, list: u32) -> u32 {
    return min(index[cache.index + parameters.counts + list], parameters.window);
}

/// Entry `number` of a list, the oldest first.
fn entry_in(cache: Cache, list: u32, number: u32) -> u32 {
    let count = index[cache.index + parameters.counts + list];
    let append_number = count - min(count, parameters.window) + number;
    return index[cache.index + list * parameters.window + append_number % parameters.window];
}

/// Takes a free entry for the token and puts it at the end of the token's lists.
fn put_in_lists(cache: Cache, head: u32, token: u32) -> u32 {
    let left = index[cache.index + parameters.free_count];
    if left == 0u {
        // More positions than the cache has room for: inputs are checked before they come here.
        return NO_ENTRY;
    }
    let own = index[cache.index + parameters.free + left - 1u];
    index[cache.index + parameters.free_count] = left - 1u;
    for (var round = 0u; round < parameters.rounds; round += 1u) {
        append(cache, list_of(head, round, token), own);
    }
    return own;
}

/// Whether a round before this one shows the entry to the token. A list's order doesn't matter here.
fn is_taken(cache: Cache, head: u32, round: u32, token: u32, entry: u32) -> bool {
    for (var earlier = 0u; earlier < round; earlier += 1u) {
        let list = list_of(head, earlier, token);
        let entries = held(cache, list);
        let first = cache.index + list * parameters.window;
        for (var place = 0u; place < entries; place += STRIP) {
            var is_there = false;
            for (var i = 0u; i < STRIP; i += 1u) { // unrolled
                // Past the end of the list its last place stands in.
                is_there = is_there || index[first + min(place + i, entries - 1u)] == entry;
            }
            if is_there {
                return true;
            }
        }
    }
    return false;
}
