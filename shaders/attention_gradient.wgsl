// `attention_gradient`: from z and delta, an invocation a (head, query) for dq and one a (head, key) for dk and dv, pairs in slot
// order and rounds in ascending order, so that nobody adds to what another one sums.
#include "shared/indexing.wgsl"
#include "shared/softmax.wgsl"
#include "shared/rounds.wgsl"

/// At least the head's width.
const HEAD_WIDTH: u32 = 64; // one of 8, 16, 32, 64, 128, 256

struct Parameters {
    heads: u32,
    rows: u32,
    head_width: u32,
    rounds: u32,
    // Keys that are seen at most where tokens are in order of position.
    window: u32,
    query_scale: f32,
}

/// What a (head, row) has beside its vectors.
struct Facts {
    z: f32,
    delta: f32,
    // LSH: 1/length of the key.
    inverse_length: f32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
/// `[rows, heads·head_width]`; of LSH keys, too.
@group(0) @binding(1) var<storage, read> query: array<f32>;
@group(0) @binding(2) var<storage, read> value: array<f32>;
@group(0) @binding(3) var<storage, read> d_context: array<f32>;
@group(0) @binding(4) var<storage, read> facts: array<Facts>;
// LSH: `[heads, rounds, rows]` of tokens by slot and of intervals by token.
@group(0) @binding(5) var<storage, read> order: array<u32>;
@group(0) @binding(6) var<storage, read> intervals: array<Interval>;
/// dq, which the pass by key makes dqk.
@group(0) @binding(7) var<storage, read_write> dqk: array<f32>;
@group(0) @binding(8) var<storage, read_write> shared_dv: array<f32>;
// Local and full.
@group(0) @binding(5) var<storage, read> key: array<f32>;
@group(0) @binding(6) var<storage, read> segments: array<u32>;
/// dq of the pass by query, dk of the pass by key.
@group(0) @binding(7) var<storage, read_write> d_own: array<f32>;
@group(0) @binding(8) var<storage, read_write> dv: array<f32>;

/// dq of a query, or dk of a key.
var<private> vector_sums: array<f32, HEAD_WIDTH>;
/// dv of a key.
var<private> value_sums: array<f32, HEAD_WIDTH>;

fn vector_at(head: u32, token: u32) -> u32 {
    return (token * parameters.heads + head) * parameters.head_width;
}

fn facts_of(head: u32, token: u32) -> Facts {
    return facts[head * parameters.rows + token];
}

/// p = exp(logit - z).
fn shared_weight(head: u32, query_token: u32, key_token: u32) -> f32 {
    let z = facts_of(head, query_token).z;
    if query_token == key_token {
        return weight(SELF_LOGIT, z);
    }
    let q = vector_at(head, query_token);
    let k = vector_at(head, key_token);
    let scale = facts_of(head, key_token).inverse_length;
    var sum = 0.0;
    for (var d = 0u; d < parameters.head_width; d += 1u) {
        sum = product_step(sum, query[q + d], parameters.query_scale, query[k + d], scale);
    }
    return weight(sum, z);
}

fn separate_weight(head: u32, query_token: u32, key_token: u32) -> f32 {
    let q = vector_at(head, query_token);
    let k = vector_at(head, key_token);
    var sum = 0.0;
    for (var d = 0u; d < parameters.head_width; d += 1u) {
        sum = product_step(sum, query[q + d], parameters.query_scale, key[k + d], 1.0);
    }
    return weight(sum, facts_of(head, query_token).z);
}

/// dS = p·(do·v - delta).
fn logit_gradient(head: u32, query_token: u32, key_token: u32, p: f32) -> f32 {
    let q = vector_at(head, query_token);
    let k = vector_at(head, key_token);
    var sum = 0.0;
    for (var d = 0u; d < parameters.head_width; d += 1u) {
        sum = fma(d_context[q + d], value[k + d], sum);
    }
    return p * (sum - facts_of(head, query_token).delta);
}

fn clear_sums() {
    for (var d = 0u; d < parameters.head_width; d += 1u) {
        vector_sums[d] = 0.0;
        value_sums[d] = 0.0;
    }
}

/// Adds `factor` times a vector of `query` to the sums.
fn add_query(head: u32, token: u32, factor: f32) {
    let x = vector_at(head, token);
    for (var d = 0u; d < parameters.head_width; d += 1u) {
        vector_sums[d] = fma(factor, query[x + d], vector_sums[d]);
    }
}

fn add_key(head: u32, token: u32, factor: f32) {
    let x = vector_at(head, token);
    for (var d = 0u; d < parameters.head_width; d += 1u) {
        vector_sums[d] = fma(factor, key[x + d], vector_sums[d]);
    }
}

fn add_d_context(head: u32, token: u32, factor: f32) {
    let x = vector_at(head, token);
    for (var d = 0u; d < parameters.head_width; d += 1u) {
        value_sums[d] = fma(factor, d_context[x + d], value_sums[d]);
    }
}

@compute @workgroup_size(LANES)
fn lsh_by_query(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let at = linear(id, groups);
    if at >= parameters.heads * parameters.rows {
        return;
    }
    let head = at / parameters.rows;
    let token = at % parameters.rows;
    clear_sums();
    for (var round = 0u; round < parameters.rounds; round += 1u) {
        let own = interval_at(head, round, token);
        // The last slot is the token's own, whose logit is a constant.
        for (var slot = own.low; slot < own.slot; slot += 1u) {
            let key_token = token_in(head, round, slot);
            if is_taken(head, round, token, key_token) {
                continue;
            }
            let p = shared_weight(head, token, key_token);
            let ds = logit_gradient(head, token, key_token, p);
            add_query(head, key_token, ds * facts_of(head, key_token).inverse_length);
        }
    }
    let out = vector_at(head, token);
    for (var d = 0u; d < parameters.head_width; d += 1u) {
        dqk[out + d] = vector_sums[d];
    }
}

@compute @workgroup_size(LANES)
fn lsh_by_key(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let at = linear(id, groups);
    if at >= parameters.heads * parameters.rows {
        return;
    }
    let head = at / parameters.rows;
    let token = at % parameters.rows;
    clear_sums();
    for (var round = 0u; round < parameters.rounds; round += 1u) {
        let own = interval_at(head, round, token).slot;
        // Those who see a slot are those in the slots from it on, up to the first who doesn't.
        for (var slot = own; slot < parameters.rows; slot += 1u) {
            let query_token = token_in(head, round, slot);
            if interval_at(head, round, query_token).low > own {
                break;
            }
            if is_taken(head, round, query_token, token) {
                continue;
            }
            let p = shared_weight(head, query_token, token);
            add_d_context(head, query_token, p);
            if query_token != token {
                add_query(head, query_token, logit_gradient(head, query_token, token, p));
            }
        }
    }
    // Through the key's length: (dk - k(k·dk))/length.
    let out = vector_at(head, token);
    let scale = facts_of(head, token).inverse_length;
    var along = 0.0;
    for (var d = 0u; d < parameters.head_width; d += 1u) {
        along = fma(query[out + d] * scale, vector_sums[d], along);
    }
    for (var d = 0u; d < parameters.head_width; d += 1u) {
        dqk[out + d] = fma(fma(query[out + d] * scale, -along, vector_sums[d]), scale, dqk[out + d]);
        shared_dv[out + d] = value_sums[d];
    }
}

@compute @workgroup_size(LANES)
fn in_order_by_query(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let at = linear(id, groups);
    if at >= parameters.heads * parameters.rows {
        return;
    }
    let head = at / parameters.rows;
    let token = at % parameters.rows;
    clear_sums();
    for (var row = first_in_order(token, segments[token], parameters.window); row <= token; row += 1u) {
        let p = separate_weight(head, token, row);
        add_key(head, row, logit_gradient(head, token, row, p));
    }
    let out = vector_at(head, token);
    for (var d = 0u; d < parameters.head_width; d += 1u) {
        d_own[out + d] = vector_sums[d] * parameters.query_scale;
    }
}

@compute @workgroup_size(LANES)
fn in_order_by_key(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let at = linear(id, groups);
    if at >= parameters.heads * parameters.rows {
        return;
    }
    let head = at / parameters.rows;
    let token = at % parameters.rows;
    clear_sums();
    for (var row = token; row < parameters.rows; row += 1u) {
        if first_in_order(row, segments[row], parameters.window) > token {
            break;
        }
        let p = separate_weight(head, row, token);
        add_d_context(head, row, p);
        add_query(head, row, logit_gradient(head, row, token, p));
    }
    let out = vector_at(head, token);
    for (var d = 0u; d < parameters.head_width; d += 1u) {
        d_own[out + d] = vector_sums[d] * parameters.query_scale;
        dv[out + d] = value_sums[d];
    }
}
