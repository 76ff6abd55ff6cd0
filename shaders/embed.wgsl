// The first stream of tokens and positions: `learned` with one table of positions, `axial` with two. The tables' gradients are in
// embed_gradient.wgsl.
#include "shared/indexing.wgsl"
#include "shared/random.wgsl"
#include "shared/stream.wgsl"

struct Parameters {
    // The first row among all, and the first in the stream's segment.
    first: u32,
    first_row: u32,
    rows: u32,
    width: u32,
    // Of axial positions: rows of the second table, and width of the first.
    inner: u32,
    outer_width: u32,
    fraction_bits: u32,
    site: u32,
    threshold: u32,
    scale: f32,
    instruction: u32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> tokens: array<u32>;
@group(0) @binding(2) var<storage, read> positions: array<u32>;
@group(0) @binding(3) var<storage, read> key: array<u32>;
@group(0) @binding(4) var<storage, read> table: array<f32>;
@group(0) @binding(5) var<storage, read> position_table: array<f32>;
@group(0) @binding(6) var<storage, read_write> stream: array<u32>;
@group(0) @binding(7) var<storage, read_write> faults: array<atomic<u32>>;
@group(0) @binding(8) var<storage, read> inner_table: array<f32>;

/// Row (of all) and column of this invocation's element; the row is past the end where there is none.
fn element(at: u32) -> vec2<u32> {
    return vec2<u32>(parameters.first + at / parameters.width, at % parameters.width);
}

fn put(row: u32, column: u32, sum: f32) {
    let factor =
        dropout_factor(vec2<u32>(key[0], key[1]), parameters.site, row, column, parameters.threshold, parameters.scale);
    let share = sum * factor;
    let fault = share_fault(share, parameters.fraction_bits);
    if fault != 0u {
        atomicMax(&faults[parameters.instruction], fault);
    }
    let out = parameters.first_row + row - parameters.first;
    stream[out * parameters.width + column] = stream_add(0u, share, 1, parameters.fraction_bits);
}

@compute @workgroup_size(LANES)
fn learned(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let at = linear(id, groups);
    if at >= parameters.rows * parameters.width {
        return;
    }
    let place = element(at);
    let word = table[tokens[place.x] * parameters.width + place.y];
    put(place.x, place.y, word + position_table[positions[place.x] * parameters.width + place.y]);
}

@compute @workgroup_size(LANES)
fn axial(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let at = linear(id, groups);
    if at >= parameters.rows * parameters.width {
        return;
    }
    let place = element(at);
    let word = table[tokens[place.x] * parameters.width + place.y];
    let position = positions[place.x];
    var vector = 0.0;
    if place.y < parameters.outer_width {
        vector = position_table[position / parameters.inner * parameters.outer_width + place.y];
    } else {
        let width = parameters.width - parameters.outer_width;
        vector = inner_table[position % parameters.inner * width + place.y - parameters.outer_width];
    }
    put(place.x, place.y, word + vector);
}
