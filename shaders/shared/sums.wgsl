// A query's weighted sums of values, round by round, in an invocation's own memory. The including file declares `HEAD_WIDTH`, a
// parameter `head_width` and the result `context`.
#include "shared/softmax.wgsl"

/// Of all rounds so far and of this one.
var<private> sums: array<f32, HEAD_WIDTH>;
var<private> round_sums: array<f32, HEAD_WIDTH>;

fn clear_sums() {
    for (var d = 0u; d < parameters.head_width; d += 1u) {
        sums[d] = 0.0;
        round_sums[d] = 0.0;
    }
}

/// This round's sums onto those so far; the next round starts from nothing.
fn merge_sums(factor: f32) {
    for (var d = 0u; d < parameters.head_width; d += 1u) {
        sums[d] = merged_value(sums[d], factor, round_sums[d]);
        round_sums[d] = 0.0;
    }
}

/// The context from word `out` on.
fn store_context(out: u32, running: Running) {
    for (var d = 0u; d < parameters.head_width; d += 1u) {
        context[out + d] = sums[d] / running.sum;
    }
}
