// Cross entropy of a tile of logits that lack their bias, one workgroup a row: losses, and with `gradient` the logits' gradients
// in place of the logits. The logits' product is in product.wgsl.
#include "shared/math.wgsl"
#include "shared/group.wgsl"

struct Parameters {
    // The tile's first row among all.
    first: u32,
    vocabulary: u32,
}

/// Lanes of a row.
const GROUP: u32 = 128u;

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read_write> logits: array<f32>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read> targets: array<u32>;
@group(0) @binding(4) var<storage, read> weights: array<f32>;
@group(0) @binding(5) var<storage, read_write> losses: array<f32>;

fn logit(start: u32, token: u32) -> f32 {
    return logits[start + token] + bias[token];
}

/// The row's largest logit and Σ exp(logit − largest).
fn largest_and_sum(start: u32, lane: u32) -> vec2<f32> {
    // A lane without a token repeats the first: no number stands for "none".
    var most = logit(start, select(0u, lane, lane < parameters.vocabulary));
    for (var token = lane; token < parameters.vocabulary; token += GROUP) {
        most = max(most, logit(start, token));
    }
    most = largest_of_all(lane, most);
    var sum = 0.0;
    for (var token = lane; token < parameters.vocabulary; token += GROUP) {
        sum += accurate_exp(logit(start, token) - most);
    }
    return vec2<f32>(most, sum_of_all(lane, sum));
}

/// weight·(log Σ exp(logit) − logit of the target).
fn cross_entropy(most_and_sum: vec2<f32>, goal_logit: f32, weight: f32) -> f32 {
    let sum = most_and_sum.y;
    // A NaN among the logits is in the sum, and must show in the loss.
    let logarithm = select(accurate_log(sum), sum, is_nan(sum));
    return weight * (most_and_sum.x + logarithm - goal_logit);
}

/// Whether a row is scored; by bits, of which NaN has some.
fn is_scored(weight: f32) -> bool {
    return (bitcast<u32>(weight) & 0x7fffffffu) != 0u;
}

@compute @workgroup_size(GROUP)
fn loss(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let row = parameters.first + group.x;
    let weight = weights[row];
    // The whole workgroup agrees: barriers below are met by all or none.
    if !is_scored(weight) {
        if lane == 0u {
            losses[row] = 0.0;
        }
        return;
    }
    let start = group.x * parameters.vocabulary;
    let most_and_sum = largest_and_sum(start, lane);
    if lane == 0u {
        losses[row] = cross_entropy(most_and_sum, logit(start, targets[row]), weight);
    }
}

@compute @workgroup_size(GROUP)
fn gradient(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let row = parameters.first + group.x;
    let weight = weights[row];
    let start = group.x * parameters.vocabulary;
    if !is_scored(weight) {
        // Whatever its numbers are, the row adds zero to every sum.
        for (var token = lane; token < parameters.vocabulary; token += GROUP) {
            logits[start + token] = 0.0;
        }
        if lane == 0u {
            losses[row] = 0.0;
        }
        return;
    }
    let goal = targets[row];
    let most_and_sum = largest_and_sum(start, lane);
    let most = most_and_sum.x;
    if lane == 0u {
        losses[row] = cross_entropy(most_and_sum, logit(start, goal), weight);
    }
    // The target's logit has been read before it is replaced.
    storageBarrier();
    let scale = weight / most_and_sum.y;
    for (var token = lane; token < parameters.vocabulary; token += GROUP) {
        let probability = accurate_exp(logit(start, token) - most) * scale;
        logits[start + token] = probability - select(0.0, weight, token == goal);
    }
}
