// A stable radix sort of tokens, for every list by itself: passes over digits of keys, the least significant first. A pass has three
// launches: `count` digits in blocks of tokens, `scan` the counts of each list, `place` the tokens. Blocks are walked in order by one
// invocation each, so nothing depends on scheduling.
#include "shared/indexing.wgsl"
#include "shared/selection.wgsl"

const DIGIT_BITS: u32 = 5u;
const DIGITS: u32 = 32u;
/// Invocations that scan one list.
const SCANNERS: u32 = 256u;

struct Parameters {
    lists: u32,
    rows: u32,
    // Tokens of a block, and blocks of a list.
    block: u32,
    blocks: u32,
    // The first of `keys`, and how far those of the next list are: 0 where lists share them.
    first_key: u32,
    key_stride: u32,
    // What of a word is the key (shared/selection.wgsl), and the lowest bit of this pass's digit.
    divide: u32,
    modulo: u32,
    shift: u32,
    // Whether tokens are still in ascending order: `source` holds nothing.
    is_first: u32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
/// `[lists, digits, blocks]`: tokens; after `scan` the slot of the next one.
@group(0) @binding(1) var<storage, read_write> counts: array<u32>;
@group(0) @binding(2) var<storage, read> keys: array<u32>;
/// `[lists, rows]` of tokens, as the last pass left them.
@group(0) @binding(3) var<storage, read> source: array<u32>;
@group(0) @binding(4) var<storage, read_write> sorted: array<u32>;
// Of `invert`.
@group(0) @binding(1) var<storage, read> order: array<u32>;
@group(0) @binding(2) var<storage, read_write> slot: array<u32>;

var<workgroup> spans: array<u32, SCANNERS>;

/// The token at a place of this pass's source.
fn token_at(list: u32, place: u32) -> u32 {
    if parameters.is_first == 1u {
        return place;
    }
    return source[list * parameters.rows + place];
}

fn digit_of(list: u32, token: u32) -> u32 {
    let word = keys[parameters.first_key + list * parameters.key_stride + token];
    return (selected(word, parameters.divide, parameters.modulo) >> parameters.shift) & (DIGITS - 1u);
}

fn count_index(list: u32, digit: u32, block: u32) -> u32 {
    return (list * DIGITS + digit) * parameters.blocks + block;
}

@compute @workgroup_size(LANES)
fn count(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let at = linear(id, groups);
    if at >= parameters.lists * parameters.blocks {
        return;
    }
    let list = at / parameters.blocks;
    let block = at % parameters.blocks;
    var tokens: array<u32, DIGITS>;
    let end = min((block + 1u) * parameters.block, parameters.rows);
    for (var place = block * parameters.block; place < end; place += 1u) {
        tokens[digit_of(list, token_at(list, place))] += 1u;
    }
    for (var digit = 0u; digit < DIGITS; digit += 1u) {
        counts[count_index(list, digit, block)] = tokens[digit];
    }
}

/// Exclusive sums over a list's counts, digits before blocks; a workgroup a list.
@compute @workgroup_size(SCANNERS)
fn scan(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let length = DIGITS * parameters.blocks;
    let span = (length + SCANNERS - 1u) / SCANNERS;
    let first = group.x * length + min(lane * span, length);
    let end = group.x * length + min((lane + 1u) * span, length);
    var total = 0u;
    for (var at = first; at < end; at += 1u) {
        total += counts[at];
    }
    spans[lane] = total;
    workgroupBarrier();
    var next = 0u;
    for (var before = 0u; before < lane; before += 1u) {
        next += spans[before];
    }
    for (var at = first; at < end; at += 1u) {
        let tokens = counts[at];
        counts[at] = next;
        next += tokens;
    }
}

@compute @workgroup_size(LANES)
fn place(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let at = linear(id, groups);
    if at >= parameters.lists * parameters.blocks {
        return;
    }
    let list = at / parameters.blocks;
    let block = at % parameters.blocks;
    var next: array<u32, DIGITS>;
    for (var digit = 0u; digit < DIGITS; digit += 1u) {
        next[digit] = counts[count_index(list, digit, block)];
    }
    let end = min((block + 1u) * parameters.block, parameters.rows);
    for (var place = block * parameters.block; place < end; place += 1u) {
        let token = token_at(list, place);
        let digit = digit_of(list, token);
        sorted[list * parameters.rows + next[digit]] = token;
        next[digit] += 1u;
    }
}

/// The slot of every token.
@compute @workgroup_size(LANES)
fn invert(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let at = linear(id, groups);
    if at < parameters.lists * parameters.rows {
        let own = at % parameters.rows;
        slot[at - own + order[at]] = own;
    }
}
