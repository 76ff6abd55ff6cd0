// `attention_cached`: an invocation a (cache row, head) walks its tokens in order, puts each into the cache and sums over what the
// cache then holds, as attention.wgsl does over slots: same keys, same order, same sums. The cache is laid out as `CacheLayout` says.
#include "shared/indexing.wgsl"
#include "shared/sums.wgsl"

/// At least the head's width.
const HEAD_WIDTH: u32 = 64; // one of 8, 16, 32, 64, 128, 256

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
    var sum = 0.0;
    for (var d = 0u; d < parameters.head_width; d += 1u) {
        sum = product_step(sum, query[query_start + d], parameters.query_scale, keys[k + d], 1.0);
    }
    return sum;
}

fn add_value(cache: Cache, entry: u32, weight: f32) {
    let v = entry_at(cache, entry);
    for (var d = 0u; d < parameters.head_width; d += 1u) {
        round_sums[d] = fma(weight, values[v + d], round_sums[d]);
    }
}

fn clear(cache: Cache) {
    for (var list = 0u; list < parameters.rounds * parameters.buckets; list += 1u) {
        index[cache.index + parameters.counts + list] = 0u;
    }
    for (var entry = 0u; entry < parameters.capacity; entry += 1u) {
        index[cache.index + parameters.references + entry] = 0u;
        index[cache.index + parameters.free + entry] = entry;
    }
    index[cache.index + parameters.free_count] = parameters.capacity;
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

/// Whether a round before this one shows the entry to the token.
fn is_taken(cache: Cache, head: u32, round: u32, token: u32, entry: u32) -> bool {
    for (var earlier = 0u; earlier < round; earlier += 1u) {
        let list = list_of(head, earlier, token);
        for (var number = 0u; number < held(cache, list); number += 1u) {
            if entry_in(cache, list, number) == entry {
                return true;
            }
        }
    }
    return false;
}

@compute @workgroup_size(LANES)
fn lsh(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let at = linear(id, groups);
    if at >= parameters.batch * parameters.heads {
        return;
    }
    let cache_row = at / parameters.heads;
    let head = at % parameters.heads;
    let cache = Cache(at * parameters.capacity, at * parameters.words);
    for (var token = parameters.first_row; token < parameters.first_row + parameters.count; token += 1u) {
        let step = steps[token];
        if step.cache_row != cache_row {
            continue;
        }
        if step.position == 0u {
            clear(cache);
        }
        let left = index[cache.index + parameters.free_count];
        if left == 0u {
            // More positions than the cache has room for: inputs are checked before they come here.
            continue;
        }
        let own = index[cache.index + parameters.free + left - 1u];
        index[cache.index + parameters.free_count] = left - 1u;
        for (var round = 0u; round < parameters.rounds; round += 1u) {
            append(cache, list_of(head, round, token), own);
        }
        let start = vector_at(head, token);
        store_unit_key(entry_at(cache, own), start);
        attend_lists(cache, head, token, own);
    }
}

/// Stores the key with unit length, and the value.
fn store_unit_key(entry: u32, start: u32) {
    var squares = 0.0;
    for (var d = 0u; d < parameters.head_width; d += 1u) {
        squares = fma(query[start + d], query[start + d], squares);
    }
    let scale = inverse_length(squares, parameters.epsilon);
    for (var d = 0u; d < parameters.head_width; d += 1u) {
        keys[entry + d] = query[start + d] * scale;
        values[entry + d] = value[start + d];
    }
}

fn shared_logit(start: u32, cache: Cache, entry: u32, own: u32) -> f32 {
    if entry == own {
        return SELF_LOGIT;
    }
    return logit(start, cache, entry);
}

fn attend_lists(cache: Cache, head: u32, token: u32, own: u32) {
    let start = vector_at(head, token);
    var running = Running(NO_LOGIT, 0.0);
    clear_sums();
    for (var round = 0u; round < parameters.rounds; round += 1u) {
        let list = list_of(head, round, token);
        let entries = held(cache, list);
        var most = NO_LOGIT;
        var is_new = false;
        for (var number = 0u; number < entries; number += 1u) {
            let entry = entry_in(cache, list, number);
            if !is_taken(cache, head, round, token, entry) {
                most = max(most, shared_logit(start, cache, entry, own));
                is_new = true;
            }
        }
        if !is_new {
            continue;
        }
        let factor = rescaling(running, most);
        let maximum = max(running.maximum, most);
        var sum = 0.0;
        for (var number = 0u; number < entries; number += 1u) {
            let entry = entry_in(cache, list, number);
            if !is_taken(cache, head, round, token, entry) {
                let weight = weight(shared_logit(start, cache, entry, own), maximum);
                sum += weight;
                add_value(cache, entry, weight);
            }
        }
        merge_sums(factor);
        running = merged(running, most, factor, sum);
    }
    store_context(start, running);
}

/// Local and full: entries go by position.
@compute @workgroup_size(LANES)
fn in_order(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let at = linear(id, groups);
    if at >= parameters.batch * parameters.heads {
        return;
    }
    let cache_row = at / parameters.heads;
    let head = at % parameters.heads;
    let cache = Cache(at * parameters.capacity, 0u);
    for (var token = parameters.first_row; token < parameters.first_row + parameters.count; token += 1u) {
        let step = steps[token];
        if step.cache_row != cache_row {
            continue;
        }
        let start = vector_at(head, token);
        let own = entry_at(cache, step.position % parameters.capacity);
        for (var d = 0u; d < parameters.head_width; d += 1u) {
            keys[own + d] = key[start + d];
            values[own + d] = value[start + d];
        }
        let first = step.position + 1u - min(parameters.window, step.position + 1u);
        var most = NO_LOGIT;
        for (var position = first; position <= step.position; position += 1u) {
            most = max(most, logit(start, cache, position % parameters.capacity));
        }
        let before = Running(NO_LOGIT, 0.0);
        let factor = rescaling(before, most);
        var sum = 0.0;
        clear_sums();
        for (var position = first; position <= step.position; position += 1u) {
            let entry = position % parameters.capacity;
            let weight = weight(logit(start, cache, entry), most);
            sum += weight;
            add_value(cache, entry, weight);
        }
        merge_sums(factor);
        store_context(start, merged(before, most, factor, sum));
    }
}
