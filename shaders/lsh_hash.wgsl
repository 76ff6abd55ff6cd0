// One factor of `lsh_hash`: argmax of [x·A, -x·A]; factors are launched in turn. `main` is the simple kernel, an invocation a (head,
// round, row); `choose` takes the projections of one head and round that a product has made.
#include "shared/indexing.wgsl"

struct Parameters {
    // Of the tensor `buckets`.
    all_rows: u32,
    // This launch's rows: the first in `buckets`, the first in qk's segment, and how many.
    first_row: u32,
    segment_row: u32,
    rows: u32,
    heads: u32,
    rounds: u32,
    head_width: u32,
    // Of the range, among all heads that have rotations.
    first_head: u32,
    // Columns of a rotation, this factor's first and how many: half the factor.
    columns: u32,
    first_column: u32,
    half: u32,
    // The product of the factors before; 1 also says that there was none.
    stride: u32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> qk: array<f32>;
@group(0) @binding(2) var<storage, read> rotations: array<f32>;
@group(0) @binding(3) var<storage, read_write> buckets: array<u32>;
// Of `choose`: `[columns, rows]`; `[heads, rounds, all_rows]`.
@group(0) @binding(1) var<storage, read> projections: array<f32>;
@group(0) @binding(2) var<storage, read_write> chosen: array<u32>;

/// The largest and the smallest projection so far, each the first of its size.
struct Extremes {
    largest: f32,
    smallest: f32,
    largest_at: u32,
    smallest_at: u32,
}

fn with_projection(before: Extremes, projection: f32, column: u32) -> Extremes {
    var after = before;
    if projection > after.largest {
        after.largest = projection;
        after.largest_at = column;
    }
    if projection < after.smallest {
        after.smallest = projection;
        after.smallest_at = column;
    }
    return after;
}

/// The first of the largest of [x·A, -x·A].
fn choice_of(extremes: Extremes) -> u32 {
    let is_negative = -extremes.smallest > extremes.largest;
    return select(extremes.largest_at, parameters.half + extremes.smallest_at, is_negative);
}

@compute @workgroup_size(LANES)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let at = linear(id, groups);
    if at >= parameters.heads * parameters.rounds * parameters.rows {
        return;
    }
    let row = at % parameters.rows;
    let list = at / parameters.rows;
    let head = list / parameters.rounds;
    let x = ((parameters.segment_row + row) * parameters.heads + head) * parameters.head_width;
    let rotation_list = parameters.first_head * parameters.rounds + list;
    let rotation = rotation_list * parameters.head_width * parameters.columns + parameters.first_column;
    var extremes = Extremes(-3.0e38, 3.0e38, 0u, 0u);
    for (var column = 0u; column < parameters.half; column += 1u) {
        var projection = 0.0;
        for (var d = 0u; d < parameters.head_width; d += 1u) {
            projection = fma(qk[x + d], rotations[rotation + d * parameters.columns + column], projection);
        }
        extremes = with_projection(extremes, projection, column);
    }
    let choice = choice_of(extremes);
    let target_index = list * parameters.all_rows + parameters.first_row + row;
    if parameters.stride == 1u {
        buckets[target_index] = choice;
    } else {
        buckets[target_index] += parameters.stride * choice;
    }
}

/// Of the head and round whose list starts at `first_row`.
@compute @workgroup_size(LANES)
fn choose(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let row = linear(id, groups);
    if row >= parameters.rows {
        return;
    }
    var extremes = Extremes(-3.0e38, 3.0e38, 0u, 0u);
    for (var column = 0u; column < parameters.half; column += 1u) {
        let projection = projections[(parameters.first_column + column) * parameters.rows + row];
        extremes = with_projection(extremes, projection, column);
    }
    let choice = choice_of(extremes);
    let target_index = parameters.first_row + row;
    if parameters.stride == 1u {
        chosen[target_index] = choice;
    } else {
        chosen[target_index] += parameters.stride * choice;
    }
}
