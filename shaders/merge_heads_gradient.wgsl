// delta of a window's rows: d_context·context, head by head. The rest of `merge_heads_gradient` is products. One invocation a
// row of a head.
#include "shared/indexing.wgsl"

struct Parameters {
    // Rows of the window, and heads.
    rows: u32,
    heads: u32,
    head_width: u32,
    // The first row in the segment of context and d_context.
    segment_row: u32,
    // The first row of the run, and all its rows: delta is not cut.
    first_row: u32,
    all_rows: u32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> context: array<f32>;
@group(0) @binding(2) var<storage, read> d_context: array<f32>;
@group(0) @binding(3) var<storage, read_write> delta: array<f32>;

@compute @workgroup_size(LANES)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let index = linear(id, groups);
    if index >= parameters.rows * parameters.heads {
        return;
    }
    let row = index % parameters.rows;
    let head = index / parameters.rows;
    let width = parameters.head_width;
    let start = ((parameters.segment_row + row) * parameters.heads + head) * width;
    var sum = 0.0;
    for (var i = start; i < start + width; i += 1u) {
        sum += d_context[i] * context[i];
    }
    delta[head * parameters.all_rows + parameters.first_row + row] = sum;
}
