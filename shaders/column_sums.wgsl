// Sums over the rows of a tile, onto a vector: gradients of biases. Those of a norm are in norm_sums.wgsl, those of weights are
// products. One invocation a column.
#include "shared/indexing.wgsl"

struct Parameters {
    rows: u32,
    columns: u32,
    // Rows are summed in blocks of this many, added in ascending order, so that windows of rows change no bit.
    block: u32,
    // The tile's first word, and its strides.
    first: u32,
    row: u32,
    column: u32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> tile: array<f32>;
@group(0) @binding(2) var<storage, read_write> sums: array<f32>;

@compute @workgroup_size(LANES)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let column = linear(id, groups);
    if column >= parameters.columns {
        return;
    }
    var total = sums[column];
    var index = parameters.first + column * parameters.column;
    for (var start = 0u; start < parameters.rows; start += parameters.block) {
        var sum = 0.0;
        let end = min(start + parameters.block, parameters.rows);
        for (var row = start; row < end; row += 1u) {
            sum += tile[index];
            index += parameters.row;
        }
        total += sum;
    }
    sums[column] = total;
}
