// Gradients of a layer norm's scale and shift: sums over the rows of a window, of one stream or of two side by side. The gradient
// into the stream is in layer_norm_gradient.wgsl. One invocation a column.
#include "shared/indexing.wgsl"
#include "shared/stream.wgsl"

struct Parameters {
    // The first row in the stream's segment, and how many.
    first_row: u32,
    rows: u32,
    // Of one stream.
    width: u32,
    // Rows are summed in blocks of this many, added in ascending order, so that windows of rows change no bit.
    block: u32,
    // The first word of the gradient.
    d_first: u32,
    fraction_bits: u32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> x: array<u32>;
// Mean and 1/deviation of each row.
@group(0) @binding(2) var<storage, read> moments: array<f32>;
@group(0) @binding(3) var<storage, read> d_normed: array<f32>;
@group(0) @binding(4) var<storage, read_write> dgamma: array<f32>;
@group(0) @binding(5) var<storage, read_write> dbeta: array<f32>;
@group(0) @binding(6) var<storage, read> other: array<u32>;

/// n of a stream's word in row `row`.
fn normalised(word: u32, row: u32) -> f32 {
    return (stream_value(word, parameters.fraction_bits) - moments[2u * row]) * moments[2u * row + 1u];
}

@compute @workgroup_size(LANES)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let column = linear(id, groups);
    let width = parameters.width;
    if column >= width {
        return;
    }
    var gamma_total = dgamma[column];
    var beta_total = dbeta[column];
    for (var start = 0u; start < parameters.rows; start += parameters.block) {
        var gamma_sum = 0.0;
        var beta_sum = 0.0;
        let end = min(start + parameters.block, parameters.rows);
        for (var row = start; row < end; row += 1u) {
            let d = d_normed[parameters.d_first + row * width + column];
            gamma_sum += d * normalised(x[(parameters.first_row + row) * width + column], row);
            beta_sum += d;
        }
        gamma_total += gamma_sum;
        beta_total += beta_sum;
    }
    dgamma[column] = gamma_total;
    dbeta[column] = beta_total;
}

@compute @workgroup_size(LANES)
fn both(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let column = linear(id, groups);
    let width = parameters.width;
    if column >= 2u * width {
        return;
    }
    var gamma_total = dgamma[column];
    var beta_total = dbeta[column];
    for (var start = 0u; start < parameters.rows; start += parameters.block) {
        var gamma_sum = 0.0;
        var beta_sum = 0.0;
        let end = min(start + parameters.block, parameters.rows);
        for (var row = start; row < end; row += 1u) {
            let d = d_normed[parameters.d_first + row * 2u * width + column];
            let in_row = (parameters.first_row + row) * width;
            var word: u32;
            if column < width {
                word = x[in_row + column];
            } else {
                word = other[in_row + column - width];
            }
            gamma_sum += d * normalised(word, row);
            beta_sum += d;
        }
        gamma_total += gamma_sum;
        beta_total += beta_sum;
    }
    dgamma[column] = gamma_total;
    dbeta[column] = beta_total;
}
