// The feed-forward layer's activation on a tile of its hidden layer, and the derivative on the tile of its gradient. One
// invocation an element.
#include "shared/indexing.wgsl"
#include "shared/math.wgsl"

struct Parameters {
    rows: u32,
    hidden: u32,
    // GELU or RELU.
    kind: u32,
}

/// `kind`: GELU in its tanh form.
const GELU: u32 = 0u;
/// 2·√(2/π).
const GELU_SCALE: f32 = 1.5957691;
/// The cubic term of GELU's tanh form.
const GELU_CUBIC: f32 = 0.044715;

@group(0) @binding(0) var<uniform> parameters: Parameters;
// The product before its bias; then the active units.
@group(0) @binding(1) var<storage, read_write> values: array<f32>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
// The gradient of the active units; then that before the activation.
@group(0) @binding(3) var<storage, read_write> d: array<f32>;

/// act(x) and its derivative. NaN stays NaN: a diverged run must show.
fn activation(x: f32) -> vec2<f32> {
    if parameters.kind == GELU {
        let square = x * x;
        let inner = GELU_SCALE * x * (GELU_CUBIC * square + 1.0);
        let sigma = 1.0 / (1.0 + accurate_exp(-inner));
        let slope = GELU_SCALE * (3.0 * GELU_CUBIC * square + 1.0);
        return vec2<f32>(x * sigma, sigma + x * sigma * (1.0 - sigma) * slope);
    }
    // By bits: compilers may take any comparison of numbers for one without NaN.
    let passes = x > 0.0 || is_nan(x);
    return vec2<f32>(select(0.0, x, passes), select(0.0, 1.0, passes));
}

@compute @workgroup_size(LANES)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let index = linear(id, groups);
    if index < parameters.rows * parameters.hidden {
        values[index] = activation(values[index] + bias[index % parameters.hidden]).x;
    }
}

@compute @workgroup_size(LANES)
fn gradient(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let index = linear(id, groups);
    if index < parameters.rows * parameters.hidden {
        let both = activation(values[index] + bias[index % parameters.hidden]);
        values[index] = both.x;
        d[index] *= both.y;
    }
}
