// What attention needs of every (head, row) beside its vectors, in one table of scratch: 1/length of its key, z and delta.
#include "shared/indexing.wgsl"
#include "shared/softmax.wgsl"

struct Parameters {
    heads: u32,
    rows: u32,
    head_width: u32,
    // Added to the sum of squares.
    epsilon: f32,
    // Words of an entry of `facts`, and the first word that is written.
    stride: u32,
    offset: u32,
    // Rows of the segment of `qk`.
    first_row: u32,
    segment_rows: u32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read_write> facts: array<f32>;
@group(0) @binding(2) var<storage, read> qk: array<f32>;
@group(0) @binding(2) var<storage, read> z: array<f32>;
@group(0) @binding(3) var<storage, read> delta: array<f32>;

/// 1/√(Σqk² + D·ε).
@compute @workgroup_size(LANES)
fn lengths(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let own = linear(id, groups);
    if own >= parameters.heads * parameters.segment_rows {
        return;
    }
    let head = own / parameters.segment_rows;
    let row = own % parameters.segment_rows;
    let at = head * parameters.rows + parameters.first_row + row;
    let start = (row * parameters.heads + head) * parameters.head_width;
    var squares = 0.0;
    for (var d = 0u; d < parameters.head_width; d += 1u) {
        squares = fma(qk[start + d], qk[start + d], squares);
    }
    facts[at * parameters.stride + parameters.offset] = inverse_length(squares, parameters.epsilon);
}

/// z and delta, one after the other.
@compute @workgroup_size(LANES)
fn upstream(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let at = linear(id, groups);
    if at < parameters.heads * parameters.rows {
        facts[at * parameters.stride + parameters.offset] = z[at];
        facts[at * parameters.stride + parameters.offset + 1u] = delta[at];
    }
}
