// Layer norm of a stream, or of two streams side by side, into a tile of rows. Its gradient is in layer_norm_gradient.wgsl.
#include "shared/indexing.wgsl"
#include "shared/moments.wgsl"

struct Parameters {
    // The first row in the stream's segment, and how many.
    first_row: u32,
    rows: u32,
    // Of one stream.
    width: u32,
    fraction_bits: u32,
    epsilon: f32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> x: array<u32>;
@group(0) @binding(2) var<storage, read> gamma: array<f32>;
@group(0) @binding(3) var<storage, read> beta: array<f32>;
@group(0) @binding(4) var<storage, read_write> normed: array<f32>;
// Mean and 1/deviation of each row, for the gradient.
@group(0) @binding(5) var<storage, read_write> moments: array<f32>;
@group(0) @binding(6) var<storage, read> other: array<u32>;

/// (x - mean)/deviation, scaled and shifted. Explicit fma: decoding and the forward pass have the same bits.
fn scaled(value: f32, own: Moments, column: u32) -> f32 {
    return fma((value - own.mean) * own.inverse, gamma[column], beta[column]);
}

fn keep_moments(row: u32, own: Moments) {
    moments[2u * row] = own.mean;
    moments[2u * row + 1u] = own.inverse;
}

@compute @workgroup_size(LANES)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let row = id.x;
    if row >= parameters.rows {
        return;
    }
    let width = parameters.width;
    let start = (parameters.first_row + row) * width;
    let own = moments_of_one(start, width, parameters.epsilon);
    for (var i = 0u; i < width; i += 1u) {
        normed[row * width + i] = scaled(one(start + i), own, i);
    }
    keep_moments(row, own);
}

@compute @workgroup_size(LANES)
fn both(@builtin(global_invocation_id) id: vec3<u32>) {
    let row = id.x;
    if row >= parameters.rows {
        return;
    }
    let width = parameters.width;
    let start = (parameters.first_row + row) * width;
    let own = moments_of_both(start, width, parameters.epsilon);
    let out = row * 2u * width;
    for (var i = 0u; i < width; i += 1u) {
        normed[out + i] = scaled(one(start + i), own, i);
        normed[out + width + i] = scaled(two(start + i), own, width + i);
    }
    keep_moments(row, own);
}
