// The gradient of an embedding table: rows that select the same entry are added onto it in ascending order. They have been sorted
// by radix_sort.wgsl.
#include "shared/indexing.wgsl"
#include "shared/random.wgsl"
#include "shared/selection.wgsl"

struct Parameters {
    // The first row of the segment of dx1 and dx2, among all; rows are numbered from it.
    first: u32,
    rows: u32,
    // Of their order this launch's part: no launch walks further.
    first_place: u32,
    places: u32,
    width: u32,
    divide: u32,
    modulo: u32,
    // The table's columns of the stream.
    first_column: u32,
    columns: u32,
    site: u32,
    threshold: u32,
    scale: f32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> sorted: array<u32>;
@group(0) @binding(2) var<storage, read> selectors: array<u32>;
@group(0) @binding(3) var<storage, read> key: array<u32>;
@group(0) @binding(4) var<storage, read> dx1: array<f32>;
@group(0) @binding(5) var<storage, read> dx2: array<f32>;
@group(0) @binding(6) var<storage, read_write> gradient: array<f32>;

fn entry_at(at: u32) -> u32 {
    return selected(selectors[parameters.first + sorted[at]], parameters.divide, parameters.modulo);
}

// One invocation a place in the order and a column: the first place of an entry in this part walks to its last one there, and
// goes on from the sum of the parts before.
@compute @workgroup_size(LANES)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let number = linear(id, groups);
    let column = number % parameters.columns;
    if number / parameters.columns >= parameters.places {
        return;
    }
    var at = parameters.first_place + number / parameters.columns;
    let entry = entry_at(at);
    if at > parameters.first_place {
        if entry_at(at - 1u) == entry {
            return;
        }
    }
    let words = vec2<u32>(key[0], key[1]);
    let stream_column = parameters.first_column + column;
    let out = entry * parameters.columns + column;
    var sum = gradient[out];
    let end = parameters.first_place + parameters.places;
    while at < end {
        if entry_at(at) != entry {
            break;
        }
        let row = sorted[at];
        let source_index = row * parameters.width + stream_column;
        let factor = dropout_factor(
            words, parameters.site, parameters.first + row, stream_column, parameters.threshold, parameters.scale);
        sum += (dx1[source_index] + dx2[source_index]) * factor;
        at += 1u;
    }
    gradient[out] = sum;
}
