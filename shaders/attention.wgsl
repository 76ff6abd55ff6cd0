// `attention`, forward: an invocation a (head, token), keys one after another in slot order, each logit computed twice: for the
// round's maximum and for its sums. Rounds are merged in ascending order. Its sums are those of shared/softmax.wgsl.
#include "shared/indexing.wgsl"
#include "shared/sums.wgsl"
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

@group(0) @binding(0) var<uniform> parameters: Parameters;
/// `[rows, heads·head_width]`; of LSH keys, too.
@group(0) @binding(1) var<storage, read> query: array<f32>;
@group(0) @binding(2) var<storage, read> value: array<f32>;
@group(0) @binding(3) var<storage, read_write> context: array<f32>;
@group(0) @binding(4) var<storage, read_write> z: array<f32>;
// LSH: `[heads, rounds, rows]` of tokens by slot and of intervals by token; `[heads, rows]` of 1/length.
@group(0) @binding(5) var<storage, read> order: array<u32>;
@group(0) @binding(6) var<storage, read> intervals: array<Interval>;
@group(0) @binding(7) var<storage, read> lengths: array<f32>;
// Local and full.
@group(0) @binding(5) var<storage, read> key: array<f32>;
@group(0) @binding(6) var<storage, read> segments: array<u32>;

fn vector_at(head: u32, token: u32) -> u32 {
    return (token * parameters.heads + head) * parameters.head_width;
}

fn shared_logit(head: u32, query_token: u32, key_token: u32) -> f32 {
    if query_token == key_token {
        return SELF_LOGIT;
    }
    let q = vector_at(head, query_token);
    let k = vector_at(head, key_token);
    let scale = lengths[head * parameters.rows + key_token];
    var sum = 0.0;
    for (var d = 0u; d < parameters.head_width; d += 1u) {
        sum = product_step(sum, query[q + d], parameters.query_scale, query[k + d], scale);
    }
    return sum;
}

fn separate_logit(head: u32, query_token: u32, key_token: u32) -> f32 {
    let q = vector_at(head, query_token);
    let k = vector_at(head, key_token);
    var sum = 0.0;
    for (var d = 0u; d < parameters.head_width; d += 1u) {
        sum = product_step(sum, query[q + d], parameters.query_scale, key[k + d], 1.0);
    }
    return sum;
}

fn add_value(head: u32, key_token: u32, weight: f32) {
    let v = vector_at(head, key_token);
    for (var d = 0u; d < parameters.head_width; d += 1u) {
        round_sums[d] = fma(weight, value[v + d], round_sums[d]);
    }
}

fn finish(head: u32, token: u32, running: Running) {
    store_context(vector_at(head, token), running);
    z[head * parameters.rows + token] = log_sum(running);
}

@compute @workgroup_size(LANES)
fn lsh(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let at = linear(id, groups);
    if at >= parameters.heads * parameters.rows {
        return;
    }
    let head = at / parameters.rows;
    let token = at % parameters.rows;
    var running = Running(NO_LOGIT, 0.0);
    clear_sums();
    for (var round = 0u; round < parameters.rounds; round += 1u) {
        let own = interval_at(head, round, token);
        var most = NO_LOGIT;
        var is_new = false;
        for (var slot = own.low; slot <= own.slot; slot += 1u) {
            let key_token = token_in(head, round, slot);
            if !is_taken(head, round, token, key_token) {
                most = max(most, shared_logit(head, token, key_token));
                is_new = true;
            }
        }
        if !is_new {
            continue;
        }
        let factor = rescaling(running, most);
        let maximum = max(running.maximum, most);
        var sum = 0.0;
        for (var slot = own.low; slot <= own.slot; slot += 1u) {
            let key_token = token_in(head, round, slot);
            if !is_taken(head, round, token, key_token) {
                let weight = weight(shared_logit(head, token, key_token), maximum);
                sum += weight;
                add_value(head, key_token, weight);
            }
        }
        merge_sums(factor);
        running = merged(running, most, factor, sum);
    }
    finish(head, token, running);
}

/// Local and full: one round, slots are rows.
@compute @workgroup_size(LANES)
fn in_order(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let at = linear(id, groups);
    if at >= parameters.heads * parameters.rows {
        return;
    }
    let head = at / parameters.rows;
    let token = at % parameters.rows;
    let low = first_in_order(token, segments[token], parameters.window);
    var most = NO_LOGIT;
    for (var key_token = low; key_token <= token; key_token += 1u) {
        most = max(most, separate_logit(head, token, key_token));
    }
    let before = Running(NO_LOGIT, 0.0);
    let factor = rescaling(before, most);
    var sum = 0.0;
    clear_sums();
    for (var key_token = low; key_token <= token; key_token += 1u) {
        let weight = weight(separate_logit(head, token, key_token), most);
        sum += weight;
        add_value(head, key_token, weight);
    }
    merge_sums(factor);
    finish(head, token, merged(before, most, factor, sum));
}
