// Stable sort of row numbers by the table entry that each row selects: radix passes of eight bits, each `count`, `scan`,
// `scatter`. The sorted rows are added up in embed_gradient.wgsl; buckets of attention are sorted in sort_by_bucket.wgsl.
#include "shared/selection.wgsl"

struct Parameters {
    // The first row among all; rows are numbered from it.
    first: u32,
    rows: u32,
    // Blocks of BLOCK rows.
    blocks: u32,
    divide: u32,
    modulo: u32,
    // The digit's lowest bit.
    shift: u32,
}

// Rows of a block, values of a digit and invocations of a workgroup: one each.
const BLOCK: u32 = 256u;

@group(0) @binding(0) var<uniform> parameters: Parameters;
// `[BLOCK, blocks]`, by digit, then block: how many, and after `scan` where the first of them goes.
@group(0) @binding(1) var<storage, read_write> counts: array<u32>;
@group(0) @binding(2) var<storage, read> selectors: array<u32>;
// Row numbers as the last pass left them; not read in the first, where they are ascending.
@group(0) @binding(3) var<storage, read> order: array<u32>;
@group(0) @binding(4) var<storage, read_write> sorted: array<u32>;

var<workgroup> digits: array<u32, BLOCK>;
var<workgroup> totals: array<u32, BLOCK>;

fn row_at(at: u32) -> u32 {
    if parameters.shift == 0u {
        return at;
    }
    return order[at];
}

/// The digit of the row at a place; BLOCK, which no digit equals, past the end.
fn digit_at(at: u32) -> u32 {
    if at >= parameters.rows {
        return BLOCK;
    }
    let entry = selected(selectors[parameters.first + row_at(at)], parameters.divide, parameters.modulo);
    return (entry >> parameters.shift) % BLOCK;
}

@compute @workgroup_size(BLOCK)
fn count(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let block = group.x + group.y * groups.x;
    digits[lane] = digit_at(block * BLOCK + lane);
    workgroupBarrier();
    var total = 0u;
    for (var i = 0u; i < BLOCK; i += 1u) {
        total += select(0u, 1u, digits[i] == lane);
    }
    if block < parameters.blocks {
        counts[lane * parameters.blocks + block] = total;
    }
}

@compute @workgroup_size(BLOCK)
fn scan(@builtin(local_invocation_index) lane: u32) {
    let start = lane * parameters.blocks;
    var total = 0u;
    for (var block = 0u; block < parameters.blocks; block += 1u) {
        total += counts[start + block];
    }
    totals[lane] = total;
    workgroupBarrier();
    var before = 0u;
    for (var digit = 0u; digit < lane; digit += 1u) {
        before += totals[digit];
    }
    for (var block = 0u; block < parameters.blocks; block += 1u) {
        let here = counts[start + block];
        counts[start + block] = before;
        before += here;
    }
}

@compute @workgroup_size(BLOCK)
fn scatter(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let block = group.x + group.y * groups.x;
    let at = block * BLOCK + lane;
    let digit = digit_at(at);
    digits[lane] = digit;
    workgroupBarrier();
    if at >= parameters.rows {
        return;
    }
    var before = 0u;
    for (var i = 0u; i < lane; i += 1u) {
        before += select(0u, 1u, digits[i] == digit);
    }
    sorted[counts[digit * parameters.blocks + block] + before] = row_at(at);
}
