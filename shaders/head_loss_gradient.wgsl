// Rows of a tile that are not scored become zero, whatever stood there: between the products of the head's gradient, and after
// them. The gradient's other kernels are in cross_entropy.wgsl, product.wgsl and layer_norm_gradient.wgsl.
#include "shared/indexing.wgsl"

struct Parameters {
    // The first row among all, and its first word here.
    first: u32,
    start: u32,
    rows: u32,
    columns: u32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> weights: array<f32>;
@group(0) @binding(2) var<storage, read_write> values: array<f32>;

@compute @workgroup_size(LANES)
fn clear_unscored(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let at = linear(id, groups);
    if at >= parameters.rows * parameters.columns {
        return;
    }
    let weight = bitcast<u32>(weights[parameters.first + at / parameters.columns]);
    if (weight & 0x7fffffffu) == 0u {
        values[parameters.start + at] = 0.0;
    }
}
