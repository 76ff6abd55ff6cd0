// The Euclidean norm of many tensors: `squares` sums a tensor's blocks, `root` sums all blocks. Sums are trees of a fixed form:
// their error grows with the logarithm of the length, which makes up for f64.
#include "shared/group.wgsl"

struct Parameters {
    // `squares`: the tensor's numbers. `root`: all blocks.
    count: u32,
    // The number of the tensor's first block among all.
    first_block: u32,
}

/// Lanes of a workgroup.
const GROUP: u32 = 256u;
// Numbers of a block: part of the op's contract.
const BLOCK: u32 = 4096u;

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read_write> blocks: array<f32>;
@group(0) @binding(2) var<storage, read> numbers: array<f32>;

@compute @workgroup_size(GROUP)
fn squares(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let block = group.x + group.y * groups.x;
    let start = min(block * BLOCK, parameters.count);
    let end = min(start + BLOCK, parameters.count);
    var sum = 0.0;
    for (var at = start + lane; at < end; at += GROUP) {
        sum += numbers[at] * numbers[at];
    }
    let total = sum_of_all(lane, sum);
    if lane == 0u && start < end {
        blocks[parameters.first_block + block] = total;
    }
}

@group(0) @binding(2) var<storage, read_write> norm: array<f32>;

/// √x, whose last bits drivers may get wrong, with a step of Newton's.
fn root_of(x: f32) -> f32 {
    let guess = sqrt(x);
    // Zero, infinity and NaN are their own roots.
    if x == 0.0 || (bitcast<u32>(x) & 0x7fffffffu) >= 0x7f800000u {
        return x;
    }
    return fma(fma(-guess, guess, x), 0.5 / guess, guess);
}

@compute @workgroup_size(GROUP)
fn root(@builtin(local_invocation_index) lane: u32) {
    // Each lane sums consecutive blocks, so that blocks go in ascending order.
    let run = (parameters.count + GROUP - 1u) / GROUP;
    let end = min((lane + 1u) * run, parameters.count);
    var sum = 0.0;
    for (var at = lane * run; at < end; at += 1u) {
        sum += blocks[at];
    }
    let total = sum_of_all(lane, sum);
    if lane == 0u {
        norm[0] = root_of(total);
    }
}
