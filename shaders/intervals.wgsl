// `intervals`: the first slot that a token sees, an invocation a (head, round, token).
#include "shared/indexing.wgsl"
#include "shared/sets.wgsl"

struct Parameters {
    // Heads times rounds.
    lists: u32,
    rows: u32,
    window: u32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> buckets: array<u32>;
@group(0) @binding(2) var<storage, read> segments: array<u32>;
@group(0) @binding(3) var<storage, read> order: array<u32>;
@group(0) @binding(4) var<storage, read> slot: array<u32>;
@group(0) @binding(5) var<storage, read_write> low: array<u32>;

@compute @workgroup_size(LANES)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let at = linear(id, groups);
    if at >= parameters.lists * parameters.rows {
        return;
    }
    let token = at % parameters.rows;
    let list = at - token;
    let bucket = buckets[at];
    // A segment keeps its place, and within it buckets ascend with slots: the first slot of the bucket is found by halving.
    var end = slot[at];
    var start = first_in_order(end, segments[token], parameters.window);
    while start < end {
        let middle = start + (end - start) / 2u;
        if buckets[list + order[list + middle]] < bucket {
            start = middle + 1u;
        } else {
            end = middle;
        }
    }
    low[at] = end;
}
