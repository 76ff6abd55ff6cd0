// From the order of slots back to the order of tokens: contexts merged by rounds, gradients added. Each token is in one slot of a
// round, so nobody writes where another one does. A matrix that is cut into segments takes a launch a segment.
#include "shared/indexing.wgsl"
#include "shared/softmax.wgsl"

struct Parameters {
    heads: u32,
    rows: u32,
    head_width: u32,
    rounds: u32,
    round: u32,
    // The slot of a head's first row of the tile, which may lie before the first slot; rows of a head, those of them that count, and
    // rows in all.
    first_slot: i32,
    stride: u32,
    own_rows: u32,
    tile_rows: u32,
    // The head of the first row.
    first_head: u32,
    // Rows of the target's segment.
    segment_first: u32,
    segment_rows: u32,
    // 1: slots are rows.
    is_in_order: u32,
    scale: f32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
/// `[tile_rows, head_width]`.
@group(0) @binding(1) var<storage, read_write> tile: array<f32>;
/// `[segment_rows, heads·head_width]`.
@group(0) @binding(2) var<storage, read_write> target_rows: array<f32>;
/// `[heads, rounds, rows]`; any buffer where slots are rows.
@group(0) @binding(3) var<storage, read> order: array<u32>;
/// `[tile_rows]`.
@group(0) @binding(4) var<storage, read> factors: array<f32>;
// Of `finish`.
@group(0) @binding(1) var<storage, read> running: array<Running>;
@group(0) @binding(3) var<storage, read_write> z: array<f32>;
// Of `key_gradient`: as `tile`; `[heads, rows]` of 1/length.
@group(0) @binding(2) var<storage, read> unit_keys: array<f32>;
@group(0) @binding(4) var<storage, read> lengths: array<f32>;

/// No token: wherever a segment starts, this row is not in it.
const NOBODY: u32 = 0xffffffffu;

fn head_of(row: u32) -> u32 {
    return parameters.first_head + row / parameters.stride;
}

/// The token of a row of the tile.
fn token_of(row: u32) -> u32 {
    let own = row % parameters.stride;
    let slot = parameters.first_slot + i32(own);
    if own >= parameters.own_rows || slot < 0 || slot >= i32(parameters.rows) {
        return NOBODY;
    }
    if parameters.is_in_order == 1u {
        return u32(slot);
    }
    return order[(head_of(row) * parameters.rounds + parameters.round) * parameters.rows + u32(slot)];
}

/// Where an element of the tile goes in the segment; NOBODY if it goes nowhere.
fn target_of(row: u32, column: u32) -> u32 {
    let token = token_of(row);
    let segment_row = token - parameters.segment_first;
    if token == NOBODY || segment_row >= parameters.segment_rows {
        return NOBODY;
    }
    return (segment_row * parameters.heads + head_of(row)) * parameters.head_width + column;
}

/// A round's contexts onto those so far.
@compute @workgroup_size(LANES)
fn merge(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let at = linear(id, groups);
    if at >= parameters.tile_rows * parameters.head_width {
        return;
    }
    let row = at / parameters.head_width;
    let place = target_of(row, at % parameters.head_width);
    if place == NOBODY {
        return;
    }
    if parameters.round == 0u {
        target_rows[place] = tile[at];
    } else {
        target_rows[place] = merged_value(target_rows[place], factors[row], tile[at]);
    }
}

/// Gradients onto those so far.
@compute @workgroup_size(LANES)
fn add(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let at = linear(id, groups);
    if at >= parameters.tile_rows * parameters.head_width {
        return;
    }
    let place = target_of(at / parameters.head_width, at % parameters.head_width);
    // Where slots are rows, `order` is only there to be bound.
    if place != NOBODY {
        target_rows[place] = fma(parameters.scale, tile[at], target_rows[place]);
    }
}

/// The gradient of a unit key through its length, in place: (dk - k(k·dk))/length.
@compute @workgroup_size(LANES)
fn key_gradient(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let row = linear(id, groups);
    if row >= parameters.tile_rows {
        return;
    }
    let token = token_of(row);
    if token == NOBODY {
        return;
    }
    let start = row * parameters.head_width;
    let scale = lengths[head_of(row) * parameters.rows + token];
    var along = 0.0;
    for (var d = 0u; d < parameters.head_width; d += 1u) {
        along = fma(unit_keys[start + d], tile[start + d], along);
    }
    for (var d = 0u; d < parameters.head_width; d += 1u) {
        tile[start + d] = fma(unit_keys[start + d], -along, tile[start + d]) * scale;
    }
}

/// Contexts divided by their sums of weights, and z, for the rows of a segment.
@compute @workgroup_size(LANES)
fn finish(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let at = linear(id, groups);
    let columns = parameters.heads * parameters.head_width;
    if at >= parameters.segment_rows * columns {
        return;
    }
    let column = at % columns;
    let own = column / parameters.head_width * parameters.rows + parameters.segment_first + at / columns;
    target_rows[at] = target_rows[at] / running[own].sum;
    if column % parameters.head_width == 0u {
        z[own] = log_sum(running[own]);
    }
}
