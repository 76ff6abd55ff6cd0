// From logits to weights, and from their gradients to those of logits, in place, for chunks of queries in the order of slots. A
// chunk's table is `[keys, queries]`: neighbouring invocations have neighbouring queries. What a query does not see becomes 0.
// The arithmetic of a row is that of attention.wgsl, in the same order.
#include "shared/indexing.wgsl"
#include "shared/softmax.wgsl"
#include "shared/rounds.wgsl"

struct Parameters {
    // The head of the first chunk.
    first_head: u32,
    rows: u32,
    rounds: u32,
    round: u32,
    // Keys that are seen at most where tokens are in order of position.
    window: u32,
    // The first slot of queries; queries of a chunk; chunks of keys before a chunk of queries; chunks of queries of a head; chunks from
    // one head to the next; chunks in all, some of which lie between heads.
    first_slot: u32,
    chunk: u32,
    before: u32,
    own_chunks: u32,
    stride: u32,
    chunks: u32,
    // Keys of the table that this launch takes, where one launch takes not all: the first, and the one after the last.
    key_first: u32,
    key_end: u32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
/// `[chunks, (before + 1)·chunk, chunk]`: logits, then weights.
@group(0) @binding(1) var<storage, read_write> scores: array<f32>;
// Forward.
/// `[heads, rows]`.
@group(0) @binding(2) var<storage, read_write> running: array<Running>;
/// `[chunks, chunk]`: what the sums so far are multiplied by.
@group(0) @binding(3) var<storage, read_write> factors: array<f32>;
// Backward.
/// `[heads, rows]` of z and delta.
@group(0) @binding(2) var<storage, read> upstream: array<vec2<f32>>;
/// As `scores`: do·v, then the gradients of logits.
@group(0) @binding(3) var<storage, read_write> d_scores: array<f32>;
// LSH: `[heads, rounds, rows]` of intervals by token and of tokens by slot.
@group(0) @binding(4) var<storage, read> intervals: array<Interval>;
@group(0) @binding(5) var<storage, read> order: array<u32>;
// Local and full.
@group(0) @binding(4) var<storage, read> segments: array<u32>;

/// A query: where it is in the table and in its run.
struct Query {
    // Whether there is such a query: chunks between heads and slots past the end have none.
    is_there: bool,
    head: u32,
    slot: u32,
    // Of key 0 in `scores`; keys are a chunk of words apart.
    column: u32,
    // The slot of key 0, which may lie before the first slot.
    first_key: i32,
}

fn query_of(at: u32) -> Query {
    let chunk = at / parameters.chunk;
    let own = chunk % parameters.stride;
    let start = parameters.first_slot + own * parameters.chunk;
    let slot = start + at % parameters.chunk;
    let keys = (parameters.before + 1u) * parameters.chunk;
    let is_there = own < parameters.own_chunks && slot < parameters.rows;
    let column = chunk * keys * parameters.chunk + at % parameters.chunk;
    let first_key = i32(start) - i32(parameters.before * parameters.chunk);
    return Query(is_there, parameters.first_head + chunk / parameters.stride, slot, column, first_key);
}

/// Keys of the table, from `first` to `end`, that a query's interval shows it.
struct Seen {
    first: u32,
    end: u32,
}

fn seen(query: Query, low: u32) -> Seen {
    return Seen(u32(i32(low) - query.first_key), u32(i32(query.slot) - query.first_key) + 1u);
}

fn clear_keys(query: Query, first: u32, end: u32) {
    for (var key = first; key < end; key += 1u) {
        scores[query.column + key * parameters.chunk] = 0.0;
    }
}

/// The weights of the keys that row `at` of the table sees, where logits are not NO_LOGIT, beside what came before.
fn weigh(at: u32, query: Query, token: u32, keys_seen: Seen, most: f32) {
    let row = query.head * parameters.rows + token;
    var before = Running(NO_LOGIT, 0.0);
    if parameters.round > 0u {
        before = running[row];
    }
    let factor = rescaling(before, most);
    let maximum = max(before.maximum, most);
    var sum = 0.0;
    for (var key = keys_seen.first; key < keys_seen.end; key += 1u) {
        let place = query.column + key * parameters.chunk;
        if scores[place] == NO_LOGIT {
            scores[place] = 0.0;
        } else {
            let own = weight(scores[place], maximum);
            sum += own;
            scores[place] = own;
        }
    }
    running[row] = merged(before, most, factor, sum);
    factors[at] = factor;
}

@compute @workgroup_size(LANES)
fn lsh(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let at = linear(id, groups);
    if at >= parameters.chunks * parameters.chunk {
        return;
    }
    let query = query_of(at);
    let keys = (parameters.before + 1u) * parameters.chunk;
    if !query.is_there {
        clear_keys(query, 0u, keys);
        return;
    }
    let token = token_in(query.head, parameters.round, query.slot);
    let keys_seen = seen(query, interval_at(query.head, parameters.round, token).low);
    var most = NO_LOGIT;
    for (var key = keys_seen.first; key < keys_seen.end; key += 1u) {
        let key_token = token_in(query.head, parameters.round, u32(query.first_key + i32(key)));
        let place = query.column + key * parameters.chunk;
        if is_taken(query.head, parameters.round, token, key_token) {
            scores[place] = NO_LOGIT;
        } else {
            if key_token == token {
                scores[place] = SELF_LOGIT;
            }
            most = max(most, scores[place]);
        }
    }
    clear_keys(query, 0u, keys_seen.first);
    clear_keys(query, keys_seen.end, keys);
    if most == NO_LOGIT {
        // Nothing new: the sums stay as they are.
        clear_keys(query, keys_seen.first, keys_seen.end);
        factors[at] = 1.0;
        return;
    }
    weigh(at, query, token, keys_seen, most);
}

@compute @workgroup_size(LANES)
fn in_order(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let at = linear(id, groups);
    if at >= parameters.chunks * parameters.chunk {
        return;
    }
    let query = query_of(at);
    let keys = (parameters.before + 1u) * parameters.chunk;
    if !query.is_there {
        clear_keys(query, 0u, keys);
        return;
    }
    let low = first_in_order(query.slot, segments[query.slot], parameters.window);
    let keys_seen = seen(query, low);
    var most = NO_LOGIT;
    for (var key = keys_seen.first; key < keys_seen.end; key += 1u) {
        most = max(most, scores[query.column + key * parameters.chunk]);
    }
    clear_keys(query, 0u, keys_seen.first);
    clear_keys(query, keys_seen.end, keys);
    weigh(at, query, query.slot, keys_seen, most);
}

/// What a query sees of this launch's keys.
fn part_of(keys_seen: Seen) -> Seen {
    let first = clamp(keys_seen.first, parameters.key_first, parameters.key_end);
    return Seen(first, clamp(keys_seen.end, first, parameters.key_end));
}

/// Where a table is too long for one launch, `in_order` is two passes over parts of its keys: the largest logit, then weights.
@compute @workgroup_size(LANES)
fn in_order_largest(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let at = linear(id, groups);
    if at >= parameters.chunks * parameters.chunk {
        return;
    }
    let query = query_of(at);
    if !query.is_there {
        return;
    }
    let low = first_in_order(query.slot, segments[query.slot], parameters.window);
    let part = part_of(seen(query, low));
    let row = query.head * parameters.rows + query.slot;
    var most = NO_LOGIT;
    if parameters.key_first > 0u {
        most = running[row].maximum;
    }
    for (var key = part.first; key < part.end; key += 1u) {
        most = max(most, scores[query.column + key * parameters.chunk]);
    }
    running[row] = Running(most, 0.0);
    // There is one round: nothing was summed before.
    factors[at] = 0.0;
}

@compute @workgroup_size(LANES)
fn in_order_weights(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let at = linear(id, groups);
    if at >= parameters.chunks * parameters.chunk {
        return;
    }
    let query = query_of(at);
    if !query.is_there {
        clear_keys(query, parameters.key_first, parameters.key_end);
        return;
    }
    let low = first_in_order(query.slot, segments[query.slot], parameters.window);
    let part = part_of(seen(query, low));
    clear_keys(query, parameters.key_first, part.first);
    clear_keys(query, part.end, parameters.key_end);
    let row = query.head * parameters.rows + query.slot;
    let before = running[row];
    var sum = before.sum;
    for (var key = part.first; key < part.end; key += 1u) {
        let place = query.column + key * parameters.chunk;
        let own = weight(scores[place], before.maximum);
        sum += own;
        scores[place] = own;
    }
    running[row].sum = sum;
    factors[at] = 0.0;
}

/// p and dS = p·(do·v - delta) of a pair.
fn set_gradient(place: u32, own: vec2<f32>) {
    let p = weight(scores[place], own.x);
    scores[place] = p;
    d_scores[place] = p * (d_scores[place] - own.y);
}

fn clear_gradients(query: Query, first: u32, end: u32) {
    for (var key = first; key < end; key += 1u) {
        let place = query.column + key * parameters.chunk;
        scores[place] = 0.0;
        d_scores[place] = 0.0;
    }
}

@compute @workgroup_size(LANES)
fn lsh_gradient(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let at = linear(id, groups);
    if at >= parameters.chunks * parameters.chunk {
        return;
    }
    let query = query_of(at);
    let keys = (parameters.before + 1u) * parameters.chunk;
    if !query.is_there {
        clear_gradients(query, 0u, keys);
        return;
    }
    let token = token_in(query.head, parameters.round, query.slot);
    let above = upstream[query.head * parameters.rows + token];
    let keys_seen = seen(query, interval_at(query.head, parameters.round, token).low);
    clear_gradients(query, 0u, keys_seen.first);
    clear_gradients(query, keys_seen.end, keys);
    for (var key = keys_seen.first; key < keys_seen.end; key += 1u) {
        let key_token = token_in(query.head, parameters.round, u32(query.first_key + i32(key)));
        let place = query.column + key * parameters.chunk;
        if is_taken(query.head, parameters.round, token, key_token) {
            scores[place] = 0.0;
            d_scores[place] = 0.0;
        } else if key_token == token {
            // The own logit is a constant: it has a weight and no gradient.
            scores[place] = weight(SELF_LOGIT, above.x);
            d_scores[place] = 0.0;
        } else {
            set_gradient(place, above);
        }
    }
}

@compute @workgroup_size(LANES)
fn in_order_gradient(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let at = linear(id, groups);
    if at >= parameters.chunks * parameters.chunk {
        return;
    }
    let query = query_of(at);
    if !query.is_there {
        clear_gradients(query, parameters.key_first, parameters.key_end);
        return;
    }
    let above = upstream[query.head * parameters.rows + query.slot];
    let low = first_in_order(query.slot, segments[query.slot], parameters.window);
    let part = part_of(seen(query, low));
    clear_gradients(query, parameters.key_first, part.first);
    clear_gradients(query, part.end, parameters.key_end);
    for (var key = part.first; key < part.end; key += 1u) {
        let place = query.column + key * parameters.chunk;
        set_gradient(place, above);
    }
}
