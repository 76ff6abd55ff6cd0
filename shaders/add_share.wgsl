// A tile of shares onto a stream's rows: bias, dropout, the check of the range, rounding. One invocation an element.
#include "shared/indexing.wgsl"
#include "shared/random.wgsl"
#include "shared/stream.wgsl"

struct Parameters {
    rows: u32,
    width: u32,
    // The first row in the stream's segment.
    stream_row: u32,
    fraction_bits: u32,
    // 1: add; -1: take off.
    direction: i32,
    // The first row of the run, which dropout counts by.
    first_row: u32,
    site: u32,
    threshold: u32,
    scale: f32,
    instruction: u32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> shares: array<f32>;
@group(0) @binding(2) var<storage, read> key: array<u32>;
@group(0) @binding(3) var<storage, read_write> stream: array<u32>;
@group(0) @binding(4) var<storage, read_write> faults: array<atomic<u32>>;
@group(0) @binding(5) var<storage, read> bias: array<f32>;

/// Adds `sum`, undropped, to the stream's element.
fn add(sum: f32, row: u32, column: u32) {
    let words = vec2<u32>(key[0], key[1]);
    let at = parameters.first_row + row;
    let share = sum * dropout_factor(words, parameters.site, at, column, parameters.threshold, parameters.scale);
    let fault = share_fault(share, parameters.fraction_bits);
    if fault != 0u {
        atomicMax(&faults[parameters.instruction], fault);
        return;
    }
    let index = (parameters.stream_row + row) * parameters.width + column;
    stream[index] = stream_add(stream[index], share, parameters.direction, parameters.fraction_bits);
}

@compute @workgroup_size(LANES)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let index = linear(id, groups);
    if index < parameters.rows * parameters.width {
        add(shares[index], index / parameters.width, index % parameters.width);
    }
}

/// The same for shares that lack their bias.
@compute @workgroup_size(LANES)
fn biased(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let index = linear(id, groups);
    if index < parameters.rows * parameters.width {
        let column = index % parameters.width;
        add(shares[index] + bias[column], index / parameters.width, column);
    }
}
