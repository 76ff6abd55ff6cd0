// mask·dy of a window of rows into a tile: the gradient behind a branch's dropout. Shares are masked in add_share.wgsl.
#include "shared/indexing.wgsl"
#include "shared/random.wgsl"

struct Parameters {
    rows: u32,
    width: u32,
    // The first row in the gradient's segment.
    segment_row: u32,
    // The first row of the run, which dropout counts by.
    first_row: u32,
    site: u32,
    threshold: u32,
    scale: f32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read> key: array<u32>;
@group(0) @binding(3) var<storage, read_write> masked: array<f32>;

@compute @workgroup_size(LANES)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let index = linear(id, groups);
    if index >= parameters.rows * parameters.width {
        return;
    }
    let row = parameters.first_row + index / parameters.width;
    let column = index % parameters.width;
    let words = vec2<u32>(key[0], key[1]);
    let factor = dropout_factor(words, parameters.site, row, column, parameters.threshold, parameters.scale);
    masked[index] = dy[parameters.segment_row * parameters.width + index] * factor;
}
