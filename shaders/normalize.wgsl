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

var<workgroup> kept: array<Moments, LANES>;

/// (x - mean)/deviation, scaled and shifted. Explicit fma: decoding and the forward pass have the same bits.
fn scaled(value: f32, own: Moments, column: u32) -> f32 {
    return fma((value - own.mean) * own.inverse, gamma[column], beta[column]);
}

/// Keeps a row's moments for the gradient and, where lanes share rows, for the other lanes.
fn keep_moments(rows: Rows, own: Moments) {
    if rows.lane < rows.count {
        moments[2u * (rows.first + rows.lane)] = own.mean;
        moments[2u * (rows.first + rows.lane) + 1u] = own.inverse;
    }
    if STAGED == 1u {
        kept[rows.lane] = own;
        workgroupBarrier();
    }
}

/// Moments of a row that this lane writes to.
fn moments_in(row: u32, own: Moments) -> Moments {
    if STAGED == 1u {
        return kept[row];
    }
    return own;
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let rows = rows_of(group.x, lane);
    let width = parameters.width;
    let own = moments_of_one(rows, parameters.epsilon);
    keep_moments(rows, own);
    let part = own_part(rows);
    for (var row = part.first_row; row < part.end_row; row += 1u) {
        let its = moments_in(row, own);
        for (var i = part.first_column; i < width; i += part.step) {
            normed[(rows.first + row) * width + i] = scaled(one(rows.start + row * width + i), its, i);
        }
    }
}

@compute @workgroup_size(LANES)
fn both(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let rows = rows_of(group.x, lane);
    let width = parameters.width;
    let own = moments_of_both(rows, parameters.epsilon);
    keep_moments(rows, own);
    let part = own_part(rows);
    for (var row = part.first_row; row < part.end_row; row += 1u) {
        let its = moments_in(row, own);
        let start = rows.start + row * width;
        let out = (rows.first + row) * 2u * width;
        for (var i = part.first_column; i < width; i += part.step) {
            normed[out + i] = scaled(one(start + i), its, i);
            normed[out + width + i] = scaled(two(start + i), its, width + i);
        }
    }
}
