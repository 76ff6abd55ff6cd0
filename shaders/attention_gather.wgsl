// Attention's vectors in the order of slots: a window of chunks of every head, one chunk after another, so that logits are plain
// products. Slots that are not there are zeros. A matrix that is cut into segments is gathered by a launch a segment.
#include "shared/indexing.wgsl"

struct Parameters {
    heads: u32,
    rows: u32,
    head_width: u32,
    rounds: u32,
    round: u32,
    // The slot of a head's first gathered row, which may lie before the first slot; and gathered rows of a head.
    first_slot: i32,
    own_rows: u32,
    // The head of the first gathered row, and rows in all.
    first_head: u32,
    all_rows: u32,
    // Rows of the source's segment.
    segment_first: u32,
    segment_rows: u32,
    // 1: this launch writes the zeros, too.
    fill: u32,
    scale: f32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
/// `[segment_rows, heads·head_width]`.
@group(0) @binding(1) var<storage, read> source: array<f32>;
/// `[heads, own_rows, head_width]`.
@group(0) @binding(2) var<storage, read_write> gathered: array<f32>;
/// `[heads, rounds, rows]`.
@group(0) @binding(3) var<storage, read> order: array<u32>;
/// `[heads, rows]`.
@group(0) @binding(4) var<storage, read> lengths: array<f32>;

/// A gathered element: its head, its slot (less than 0 or past the end where there is none), its column.
struct Element {
    head: u32,
    slot: i32,
    column: u32,
}

fn element(at: u32) -> Element {
    let row = at / parameters.head_width;
    let slot = parameters.first_slot + i32(row % parameters.own_rows);
    return Element(parameters.first_head + row / parameters.own_rows, slot, at % parameters.head_width);
}

fn is_there(own: Element) -> bool {
    return own.slot >= 0 && own.slot < i32(parameters.rows);
}

fn token_of(own: Element) -> u32 {
    return order[(own.head * parameters.rounds + parameters.round) * parameters.rows + u32(own.slot)];
}

fn copy(at: u32, own: Element, token: u32, scale: f32) {
    let row = token - parameters.segment_first;
    // Wraps around for tokens before the segment.
    if row < parameters.segment_rows {
        let column = own.head * parameters.head_width + own.column;
        gathered[at] = source[row * (parameters.heads * parameters.head_width) + column] * scale;
    }
}

fn is_element(at: u32) -> bool {
    return at < parameters.all_rows * parameters.head_width;
}

@compute @workgroup_size(LANES)
fn in_order(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let at = linear(id, groups);
    if !is_element(at) {
        return;
    }
    let own = element(at);
    if is_there(own) {
        copy(at, own, u32(own.slot), parameters.scale);
    } else if parameters.fill == 1u {
        gathered[at] = 0.0;
    }
}

@compute @workgroup_size(LANES)
fn sorted(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let at = linear(id, groups);
    if !is_element(at) {
        return;
    }
    let own = element(at);
    if is_there(own) {
        copy(at, own, token_of(own), parameters.scale);
    } else if parameters.fill == 1u {
        gathered[at] = 0.0;
    }
}

/// Keys of LSH attention, which have unit length.
@compute @workgroup_size(LANES)
fn unit(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let at = linear(id, groups);
    if !is_element(at) {
        return;
    }
    let own = element(at);
    if is_there(own) {
        let token = token_of(own);
        copy(at, own, token, lengths[own.head * parameters.rows + token]);
    } else if parameters.fill == 1u {
        gathered[at] = 0.0;
    }
}
