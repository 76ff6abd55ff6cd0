// `attention_cached`, the fast kernel: a workgroup a (cache row, head), whose lanes share a token's keys for logits and weights, and
// its channels for sums of values. A logit, a weight and a channel's sum are one lane's, in the order of attention_cached.wgsl, the
// simple kernel: the same bits.
#include "shared/indexing.wgsl"
#include "shared/cache.wgsl"
#include "shared/group.wgsl"

/// Lanes that share a (cache row, head).
const GROUP: u32 = LANES;
/// At least a head's width.
const MOST_CHANNELS: u32 = 256u;
/// Keys whose logits are kept; those of longer lists are made twice.
const KEYS: u32 = 256u;
/// Below every logit: a lane that has seen none. `NO_LOGIT` is what a lane has that saw NaN where a maximum drops it.
const NOTHING: f32 = -3.4e38;

/// A tile of keys: where their entries start, `NO_ENTRY` for those that a round before has shown; their logits, then weights.
var<workgroup> places: array<u32, KEYS>;
var<workgroup> weights: array<f32, KEYS>;
/// Sums of values by channel: of all rounds so far, and of this one.
var<workgroup> sums: array<f32, MOST_CHANNELS>;
var<workgroup> round_sums: array<f32, MOST_CHANNELS>;
/// What one lane has read for all.
var<workgroup> announced: u32;

/// Keys of a tile of a list of `held` that starts at key `start`.
fn tile_keys(held: u32, start: u32) -> u32 {
    return min(KEYS, held - start);
}

fn clear_sums(lane: u32) {
    for (var d = lane; d < parameters.head_width; d += LANES) {
        sums[d] = 0.0;
        round_sums[d] = 0.0;
    }
}

/// Turns the tile's logits into weights, adds the values onto the round's sums, and returns the sum of weights with the tile's added.
fn add_tile(lane: u32, count: u32, maximum: f32, sum_before: f32) -> f32 {
    for (var i = lane; i < count; i += LANES) {
        // This lane wrote both, or marked that there is no logit.
        if places[i] != NO_ENTRY {
            weights[i] = weight(weights[i], maximum);
        }
    }
    workgroupBarrier();
    var sum = 0.0;
    for (var first = 0u; first < parameters.head_width; first += LANES) {
        // A lane without a channel takes another's values for nothing: every lane needs the weights' sum.
        let is_own = first + lane < parameters.head_width;
        let channel = select(0u, first + lane, is_own);
        var own = 0.0;
        if is_own {
            own = round_sums[channel];
        }
        sum = sum_before;
        for (var start = 0u; start < count; start += STRIP) {
            for (var j = 0u; j < STRIP; j += 1u) { // unrolled
                let i = start + j;
                // A tile has no key past its end, though there is room for one.
                if i < count && places[i] != NO_ENTRY {
                    let weight = weights[i];
                    sum += weight;
                    own = fma(weight, values[places[i] + channel], own);
                }
            }
        }
        if is_own {
            round_sums[channel] = own;
        }
    }
    // Before the next tile is written.
    workgroupBarrier();
    return sum;
}

/// This round's sums onto those so far; the next round starts from nothing.
fn merge_sums(lane: u32, factor: f32) {
    for (var d = lane; d < parameters.head_width; d += LANES) {
        sums[d] = merged_value(sums[d], factor, round_sums[d]);
        round_sums[d] = 0.0;
    }
}

fn store_context(lane: u32, out: u32, running: Running) {
    for (var d = lane; d < parameters.head_width; d += LANES) {
        context[out + d] = sums[d] / running.sum;
    }
}

/// All lists empty, all entries free.
fn clear(lane: u32, cache: Cache) {
    for (var list = lane; list < parameters.rounds * parameters.buckets; list += LANES) {
        index[cache.index + parameters.counts + list] = 0u;
    }
    for (var entry = lane; entry < parameters.capacity; entry += LANES) {
        index[cache.index + parameters.references + entry] = 0u;
        index[cache.index + parameters.free + entry] = entry;
    }
    if lane == 0u {
        index[cache.index + parameters.free_count] = parameters.capacity;
    }
}

/// A token of LSH attention on its way through the rounds.
struct Token {
    cache: Cache,
    head: u32,
    number: u32,
    // Its vectors' first word, and its entry.
    start: u32,
    own: u32,
}

/// Places and logits of a tile of a round's list, into this lane's keys; the largest of them.
fn list_logits(lane: u32, token: Token, round: u32, list: u32, start: u32, count: u32) -> f32 {
    var most = NOTHING;
    for (var i = lane; i < count; i += LANES) {
        let entry = entry_in(token.cache, list, start + i);
        var place = NO_ENTRY;
        if !is_taken(token.cache, token.head, round, token.number, entry) {
            place = entry_at(token.cache, entry);
            weights[i] = shared_logit(token.start, token.cache, entry, token.own);
            most = max(most, max(NO_LOGIT, weights[i]));
        }
        places[i] = place;
    }
    return most;
}

fn attend_lists(lane: u32, token: Token) {
    var running = Running(NO_LOGIT, 0.0);
    clear_sums(lane);
    for (var round = 0u; round < parameters.rounds; round += 1u) {
        let list = list_of(token.head, round, token.number);
        if lane == 0u {
            announced = held(token.cache, list);
        }
        let entries = workgroupUniformLoad(&announced);
        var own_most = NOTHING;
        for (var start = 0u; start < entries; start += KEYS) {
            own_most = max(own_most, list_logits(lane, token, round, list, start, tile_keys(entries, start)));
        }
        let most = largest_of_all(lane, own_most);
        if most == NOTHING {
            continue;
        }
        let factor = rescaling(running, most);
        let maximum = max(running.maximum, most);
        var sum = 0.0;
        for (var start = 0u; start < entries; start += KEYS) {
            let count = tile_keys(entries, start);
            if entries > KEYS {
                _ = list_logits(lane, token, round, list, start, count);
            }
            sum = add_tile(lane, count, maximum, sum);
        }
        merge_sums(lane, factor);
        running = merged(running, most, factor, sum);
    }
    store_context(lane, token.start, running);
}

@compute @workgroup_size(LANES)
fn lsh(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let at = group.x + group.y * groups.x;
    if at >= parameters.batch * parameters.heads {
        return;
    }
    let cache_row = at / parameters.heads;
    let head = at % parameters.heads;
    let cache = Cache(at * parameters.capacity, at * parameters.words);
    for (var number = parameters.first_row; number < parameters.first_row + parameters.count; number += 1u) {
        let step = steps[number];
        if step.cache_row != cache_row {
            continue;
        }
        if step.position == 0u {
            clear(lane, cache);
            storageBarrier();
        }
        if lane == 0u {
            announced = put_in_lists(cache, head, number);
        }
        let own = workgroupUniformLoad(&announced);
        if own == NO_ENTRY {
            continue;
        }
        let start = vector_at(head, number);
        let entry = entry_at(cache, own);
        let scale = unit_scale(start);
        for (var d = lane; d < parameters.head_width; d += LANES) {
            keys[entry + d] = query[start + d] * scale;
            values[entry + d] = value[start + d];
        }
        storageBarrier();
        attend_lists(lane, Token(cache, head, number, start, own));
        // Before the next token's lists and entry are written.
        storageBarrier();
    }
}

/// Places and logits of a tile of consecutive positions, into this lane's keys; the largest of them.
fn position_logits(lane: u32, cache: Cache, query_start: u32, first: u32, count: u32) -> f32 {
    var most = NO_LOGIT;
    for (var i = lane; i < count; i += LANES) {
        let entry = (first + i) % parameters.capacity;
        places[i] = entry_at(cache, entry);
        weights[i] = logit(query_start, cache, entry);
        most = max(most, weights[i]);
    }
    return most;
}

/// Local and full: entries go by position.
@compute @workgroup_size(LANES)
fn in_order(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let at = group.x + group.y * groups.x;
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
        for (var d = lane; d < parameters.head_width; d += LANES) {
            keys[own + d] = key[start + d];
            values[own + d] = value[start + d];
        }
        storageBarrier();
        clear_sums(lane);
        let entries = min(parameters.window, step.position + 1u);
        let first = step.position + 1u - entries;
        var own_most = NO_LOGIT;
        for (var tile = 0u; tile < entries; tile += KEYS) {
            own_most = max(own_most, position_logits(lane, cache, start, first + tile, tile_keys(entries, tile)));
        }
        let most = largest_of_all(lane, own_most);
        let before = Running(NO_LOGIT, 0.0);
        let factor = rescaling(before, most);
        var sum = 0.0;
        for (var tile = 0u; tile < entries; tile += KEYS) {
            let count = tile_keys(entries, tile);
            if entries > KEYS {
                _ = position_logits(lane, cache, start, first + tile, count);
            }
            sum = add_tile(lane, count, most, sum);
        }
        merge_sums(lane, factor);
        store_context(lane, start, merged(before, most, factor, sum));
        // Before the next token's entry is written.
        storageBarrier();
    }
}
