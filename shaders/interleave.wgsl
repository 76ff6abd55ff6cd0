// Two vectors of words as one of pairs: an entry point binds eight buffers at most, and pairs are read together.
#include "shared/indexing.wgsl"

struct Parameters {
    count: u32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> first: array<u32>;
@group(0) @binding(2) var<storage, read> second: array<u32>;
@group(0) @binding(3) var<storage, read_write> pairs: array<vec2<u32>>;

@compute @workgroup_size(LANES)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let at = linear(id, groups);
    if at < parameters.count {
        pairs[at] = vec2<u32>(first[at], second[at]);
    }
}
