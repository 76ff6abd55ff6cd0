// One factor of `lsh_hash`: argmax of [x·A, -x·A], an invocation a (head, round, row). Factors are launched in turn.
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
    // The largest and the smallest projection, each the first of its size.
    var largest = -3.0e38;
    var smallest = 3.0e38;
    var largest_at = 0u;
    var smallest_at = 0u;
    for (var column = 0u; column < parameters.half; column += 1u) {
        var projection = 0.0;
        for (var d = 0u; d < parameters.head_width; d += 1u) {
            projection = fma(qk[x + d], rotations[rotation + d * parameters.columns + column], projection);
        }
        if projection > largest {
            largest = projection;
            largest_at = column;
        }
        if projection < smallest {
            smallest = projection;
            smallest_at = column;
        }
    }
    let choice = select(largest_at, parameters.half + smallest_at, -smallest > largest);
    let target_index = list * parameters.all_rows + parameters.first_row + row;
    if parameters.stride == 1u {
        buckets[target_index] = choice;
    } else {
        buckets[target_index] += parameters.stride * choice;
    }
}
