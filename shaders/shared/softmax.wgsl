// The arithmetic of attention's forward pass, so that `attention` and `attention_cached` give the same bits: logits, weights and
// the merging of rounds. Which keys are seen is not here. Needs no binding.
#include "shared/math.wgsl"

/// Below every logit.
const NO_LOGIT: f32 = -3.0e38;
/// The logit that replaces a token's own where queries and keys are one vector (`SELF_LOGIT` in crates/tensor).
const SELF_LOGIT: f32 = -1.0e5;

/// One more term of q·k. A scale that is not wanted is 1: that changes no bit.
fn product_step(sum: f32, q: f32, q_scale: f32, k: f32, k_scale: f32) -> f32 {
    return fma(q * q_scale, k * k_scale, sum);
}

/// 1/√(Σx² + epsilon), from Σx².
fn inverse_length(squares: f32, epsilon: f32) -> f32 {
    return 1.0 / sqrt(squares + epsilon);
}

/// A softmax so far: its sums are relative to e^maximum.
struct Running {
    maximum: f32,
    sum: f32,
}

/// The factor that the sums so far get where a round's largest new logit is `most`.
fn rescaling(running: Running, most: f32) -> f32 {
    return accurate_exp(running.maximum - max(running.maximum, most));
}

/// A key's weight beside the running maximum.
fn weight(logit: f32, maximum: f32) -> f32 {
    return accurate_exp(logit - maximum);
}

/// The softmax with a round merged onto it: `factor` from `rescaling`, `sum` of the round's weights.
fn merged(running: Running, most: f32, factor: f32, sum: f32) -> Running {
    // An explicit fma: a product and a sum may be fused in one shader and not in another.
    return Running(max(running.maximum, most), fma(running.sum, factor, sum));
}

/// A weighted sum of values with a round's own merged onto it.
fn merged_value(before: f32, factor: f32, own: f32) -> f32 {
    return fma(before, factor, own);
}

/// log Σ exp(logit).
fn log_sum(running: Running) -> f32 {
    return running.maximum + accurate_log(running.sum);
}
