// Fills a buffer with one word: zeros, poison, guards.
#include "shared/indexing.wgsl"

struct Parameters {
    first: u32,
    count: u32,
    word: u32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read_write> target_words: array<u32>;

@compute @workgroup_size(LANES)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let at = linear(id, groups);
    if at < parameters.count {
        target_words[parameters.first + at] = parameters.word;
    }
}
