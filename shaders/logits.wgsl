// Chosen rows of a stream, and the bias of logits that are kept. Norm and product are those of the head's loss: normalize.wgsl,
// product.wgsl.
#include "shared/indexing.wgsl"

struct Parameters {
    // Of `chosen`: the first of the tile, and how many.
    first: u32,
    rows: u32,
    columns: u32,
    // Of the source's segment: its first row among all, and how many.
    segment_first: u32,
    segment_rows: u32,
    // The first row of the tile in the result's segment.
    first_row: u32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> chosen: array<u32>;
@group(0) @binding(2) var<storage, read> stream: array<u32>;
@group(0) @binding(3) var<storage, read_write> gathered: array<u32>;

// Chosen rows that lie in this segment; others are left to its pass.
@compute @workgroup_size(LANES)
fn gather(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let at = linear(id, groups);
    if at >= parameters.rows * parameters.columns {
        return;
    }
    let row = chosen[parameters.first + at / parameters.columns];
    if row >= parameters.segment_first && row - parameters.segment_first < parameters.segment_rows {
        gathered[at] = stream[(row - parameters.segment_first) * parameters.columns + at % parameters.columns];
    }
}

@group(0) @binding(1) var<storage, read> bias: array<f32>;
@group(0) @binding(2) var<storage, read_write> logits: array<f32>;

@compute @workgroup_size(LANES)
fn add_bias(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let at = linear(id, groups);
    if at >= parameters.rows * parameters.columns {
        return;
    }
    let out = parameters.first_row * parameters.columns + at;
    logits[out] = logits[out] + bias[at % parameters.columns];
}
