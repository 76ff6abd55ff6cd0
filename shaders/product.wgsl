// Matrix products of strided operands, for every op that has one: C = A·B or C += A·B. One invocation an element: the simple
// kernel that `product_tiled.wgsl` is compared with.
#include "shared/product.wgsl"

@compute @workgroup_size(16, 16)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let column = id.x;
    let row = id.y;
    if row >= parameters.rows || column >= parameters.columns {
        return;
    }
    let target_index = id.z * parameters.c_batch + parameters.c_first + row * parameters.c_row + column;
    var total = 0.0;
    if parameters.accumulate != 0u {
        total = c[target_index];
    }
    var a_index = id.z * parameters.a_batch + parameters.a_first + row * parameters.a_row;
    var b_index = id.z * parameters.b_batch + parameters.b_first + column * parameters.b_column;
    for (var start = 0u; start < parameters.terms; start += parameters.block) {
        var sum = 0.0;
        if parameters.accumulate == ON {
            sum = total;
            total = 0.0;
        }
        let end = min(start + parameters.block, parameters.terms);
        for (var term = start; term < end; term += 1u) {
            // An explicit fma: every variant rounds a sum in the same way.
            sum = fma(a[a_index], b_at(b_index), sum);
            a_index += parameters.a_term;
            b_index += parameters.b_term;
        }
        total += sum;
    }
    c[target_index] = total;
}
