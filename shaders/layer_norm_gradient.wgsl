// The gradient of a layer norm into its stream, or into two streams side by side, and the moments that it needs. Gradients of
// scale and shift are in norm_sums.wgsl. One invocation a row.
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
    // The first word of the gradient that comes in, and the first row of that which goes out.
    d_first: u32,
    dx_row: u32,
    // 1: add onto dx.
    accumulate: u32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> x: array<u32>;
// Mean and 1/deviation of each row.
@group(0) @binding(2) var<storage, read_write> moments: array<f32>;
@group(0) @binding(3) var<storage, read> gamma: array<f32>;
@group(0) @binding(4) var<storage, read> d_normed: array<f32>;
@group(0) @binding(5) var<storage, read_write> dx: array<f32>;
@group(0) @binding(6) var<storage, read> other: array<u32>;
@group(0) @binding(7) var<storage, read_write> other_dx: array<f32>;

/// Mean and 1/deviation of a stream's rows, as in normalize.wgsl.
@compute @workgroup_size(LANES)
fn row_moments(@builtin(global_invocation_id) id: vec3<u32>) {
    let row = id.x;
    if row >= parameters.rows {
        return;
    }
    let width = parameters.width;
    let own = moments_of_one((parameters.first_row + row) * width, width, parameters.epsilon);
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
    let d_start = parameters.d_first + row * width;
    let mean = moments[2u * row];
    let inverse = moments[2u * row + 1u];
    var sum = 0.0;
    var along = 0.0;
    for (var i = 0u; i < width; i += 1u) {
        let g = d_normed[d_start + i] * gamma[i];
        sum += g;
        along += g * ((one(start + i) - mean) * inverse);
    }
    sum /= f32(width);
    along /= f32(width);
    let out = (parameters.dx_row + row) * width;
    for (var i = 0u; i < width; i += 1u) {
        let n = (one(start + i) - mean) * inverse;
        let gradient = (d_normed[d_start + i] * gamma[i] - sum - n * along) * inverse;
        if parameters.accumulate == 1u {
            dx[out + i] += gradient;
        } else {
            dx[out + i] = gradient;
        }
    }
}

@compute @workgroup_size(LANES)
fn both(@builtin(global_invocation_id) id: vec3<u32>) {
    let row = id.x;
    if row >= parameters.rows {
        return;
    }
    let width = parameters.width;
    let start = (parameters.first_row + row) * width;
    let d_start = parameters.d_first + row * 2u * width;
    let mean = moments[2u * row];
    let inverse = moments[2u * row + 1u];
    var sum = 0.0;
    var along = 0.0;
    for (var i = 0u; i < width; i += 1u) {
        let g = d_normed[d_start + i] * gamma[i];
        sum += g;
        along += g * ((one(start + i) - mean) * inverse);
    }
    for (var i = 0u; i < width; i += 1u) {
        let g = d_normed[d_start + width + i] * gamma[width + i];
        sum += g;
        along += g * ((two(start + i) - mean) * inverse);
    }
    sum /= f32(2u * width);
    along /= f32(2u * width);
    let out = (parameters.dx_row + row) * width;
    for (var i = 0u; i < width; i += 1u) {
        let n = (one(start + i) - mean) * inverse;
        let other_n = (two(start + i) - mean) * inverse;
        let gradient = (d_normed[d_start + i] * gamma[i] - sum - n * along) * inverse;
        let other_gradient = (d_normed[d_start + width + i] * gamma[width + i] - sum - other_n * along) * inverse;
        if parameters.accumulate == 1u {
            dx[out + i] += gradient;
            other_dx[out + i] += other_gradient;
        } else {
            dx[out + i] = gradient;
            other_dx[out + i] = other_gradient;
        }
    }
}
