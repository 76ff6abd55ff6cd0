// Layer norm of a stream, or of two streams side by side, into a tile of rows. Its gradient is in layer_norm_gradient.wgsl.
#include "shared/stream.wgsl"

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

fn one(index: u32) -> f32 {
    return stream_value(x[index], parameters.fraction_bits);
}

fn two(index: u32) -> f32 {
    return stream_value(other[index], parameters.fraction_bits);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let row = id.x;
    if row >= parameters.rows {
        return;
    }
    let width = parameters.width;
    let start = (parameters.first_row + row) * width;
    var sum = 0.0;
    for (var i = 0u; i < width; i += 1u) {
        sum += one(start + i);
    }
    let mean = sum / f32(width);
    var squares = 0.0;
    for (var i = 0u; i < width; i += 1u) {
        let difference = one(start + i) - mean;
        squares += difference * difference;
    }
    let inverse = 1.0 / sqrt(squares / f32(width) + parameters.epsilon);
    for (var i = 0u; i < width; i += 1u) {
        normed[row * width + i] = (one(start + i) - mean) * inverse * gamma[i] + beta[i];
    }
    moments[2u * row] = mean;
    moments[2u * row + 1u] = inverse;
}

@compute @workgroup_size(64)
fn both(@builtin(global_invocation_id) id: vec3<u32>) {
    let row = id.x;
    if row >= parameters.rows {
        return;
    }
    let width = parameters.width;
    let start = (parameters.first_row + row) * width;
    var sum = 0.0;
    for (var i = 0u; i < width; i += 1u) {
        sum += one(start + i);
    }
    for (var i = 0u; i < width; i += 1u) {
        sum += two(start + i);
    }
    let mean = sum / f32(2u * width);
    var squares = 0.0;
    for (var i = 0u; i < width; i += 1u) {
        let difference = one(start + i) - mean;
        squares += difference * difference;
    }
    for (var i = 0u; i < width; i += 1u) {
        let difference = two(start + i) - mean;
        squares += difference * difference;
    }
    let inverse = 1.0 / sqrt(squares / f32(2u * width) + parameters.epsilon);
    let out = row * 2u * width;
    for (var i = 0u; i < width; i += 1u) {
        normed[out + i] = (one(start + i) - mean) * inverse * gamma[i] + beta[i];
        normed[out + width + i] = (two(start + i) - mean) * inverse * gamma[width + i] + beta[width + i];
    }
    moments[2u * row] = mean;
    moments[2u * row + 1u] = inverse;
}
