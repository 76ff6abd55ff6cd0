// `attention_cached`, the simple kernel: an invocation a (cache row, head) walks its tokens in order, puts each into the cache and
// sums over what the cache then holds, as attention.wgsl does over slots: same keys, same order, same sums. The fast one is
// attention_cached_group.wgsl.
#include "shared/indexing.wgsl"
#include "shared/sums.wgsl"
#include "shared/cache.wgsl"

/// At least the head's width.
const HEAD_WIDTH: u32 = 64; // one of 8, 16, 32, 64, 128, 256

fn add_value(cache: Cache, entry: u32, weight: f32) {
    let v = entry_at(cache, entry);
    let strips = parameters.head_width - parameters.head_width % STRIP;
    for (var first = 0u; first < strips; first += STRIP) {
        for (var i = 0u; i < STRIP; i += 1u) { // unrolled
            let d = first + i;
            round_sums[d] = fma(weight, values[v + d], round_sums[d]);
        }
    }
    for (var d = strips; d < parameters.head_width; d += 1u) {
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
        let own = put_in_lists(cache, head, token);
        if own == NO_ENTRY {
            continue;
        }
        let start = vector_at(head, token);
        store_unit_key(entry_at(cache, own), start);
        attend_lists(cache, head, token, own);
    }
}

/// Stores the key with unit length, and the value.
fn store_unit_key(entry: u32, start: u32) {
    let scale = unit_scale(start);
    for (var d = 0u; d < parameters.head_width; d += 1u) {
        keys[entry + d] = query[start + d] * scale;
        values[entry + d] = value[start + d];
    }
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
