// One parameter's step of AdamW (Loshchilov and Hutter 2019, algorithm 2), in place; the gradient is zero afterwards. The norm
// that clips it is in gradient_norm.wgsl.
#include "shared/indexing.wgsl"

struct Parameters {
    count: u32,
    beta1: f32,
    // 1 − beta1, rounded once.
    rest1: f32,
    beta2: f32,
    rest2: f32,
    epsilon: f32,
    decay: f32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> norm: array<f32>;
// Learning rate, 1 − beta1ᵗ, 1 − beta2ᵗ, clip.
@group(0) @binding(2) var<storage, read> schedule: array<f32>;
@group(0) @binding(3) var<storage, read_write> parameter: array<f32>;
@group(0) @binding(4) var<storage, read_write> first_moment: array<f32>;
@group(0) @binding(5) var<storage, read_write> second_moment: array<f32>;
@group(0) @binding(6) var<storage, read_write> gradient: array<f32>;

/// What the gradient is multiplied by.
fn clipping() -> f32 {
    let clip = schedule[3];
    // A NaN norm must reach the parameters' owner as NaN, not be clipped to a finite step.
    if (bitcast<u32>(norm[0]) & 0x7fffffffu) > 0x7f800000u {
        return norm[0];
    }
    if clip > 0.0 && norm[0] > clip {
        return clip / norm[0];
    }
    return 1.0;
}

@compute @workgroup_size(LANES)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let at = linear(id, groups);
    if at >= parameters.count {
        return;
    }
    let g = gradient[at] * clipping();
    let first = parameters.beta1 * first_moment[at] + parameters.rest1 * g;
    let second = parameters.beta2 * second_moment[at] + parameters.rest2 * g * g;
    let direction = first / schedule[1] / (sqrt(second / schedule[2]) + parameters.epsilon);
    let old = parameter[at];
    parameter[at] = old - schedule[0] * (direction + parameters.decay * old);
    first_moment[at] = first;
    second_moment[at] = second;
    gradient[at] = 0.0;
}
