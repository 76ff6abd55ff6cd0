// Matrix products like product.wgsl, a tile of C in the registers of each invocation and no workgroup memory: for adapters whose
// caches serve loads well, software ones above all. Invocations of a workgroup lie along the columns, so that rows of A are the
// same for all of them.
#include "shared/product.wgsl"

const LANES: u32 = 32; // one of 8, 16, 32
const TILE_ROWS: u32 = 8; // one of 4, 8, 12, 16, 24
const TILE_COLUMNS: u32 = 1; // one of 1, 2, 4, 8, 12, 16

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) lane: vec3<u32>) {
    let a_first = parameters.a_first + group.z * parameters.a_batch;
    let b_first = parameters.b_first + group.z * parameters.b_batch;
    let c_first = parameters.c_first + group.z * parameters.c_batch;
    let first_row = group.y * TILE_ROWS;
    let first_column = group.x * (LANES * TILE_COLUMNS) + lane.x;
    var a_start: array<u32, TILE_ROWS>;
    for (var i = 0u; i < TILE_ROWS; i += 1u) {
        // Rows past the end repeat the last one and are not stored.
        a_start[i] = a_first + min(first_row + i, parameters.rows - 1u) * parameters.a_row;
    }
    var b_start: array<u32, TILE_COLUMNS>;
    for (var j = 0u; j < TILE_COLUMNS; j += 1u) { // unrolled
        let column = min(first_column + j * LANES, parameters.columns - 1u);
        b_start[j] = b_first + column * parameters.b_column;
    }
    var total: array<f32, TILE_ROWS * TILE_COLUMNS>;
    for (var i = 0u; i < TILE_ROWS; i += 1u) {
        for (var j = 0u; j < TILE_COLUMNS; j += 1u) { // unrolled
            total[i * TILE_COLUMNS + j] = 0.0;
            if parameters.accumulate != 0u {
                let row = min(first_row + i, parameters.rows - 1u);
                let column = min(first_column + j * LANES, parameters.columns - 1u);
                total[i * TILE_COLUMNS + j] = c[c_first + row * parameters.c_row + column];
            }
        }
    }
    for (var start = 0u; start < parameters.terms; start += parameters.block) {
        let end = min(start + parameters.block, parameters.terms);
        var sum: array<f32, TILE_ROWS * TILE_COLUMNS>;
        for (var k = 0u; k < TILE_ROWS * TILE_COLUMNS; k += 1u) {
            sum[k] = 0.0;
            if parameters.accumulate == ON {
                sum[k] = total[k];
                total[k] = 0.0;
            }
        }
        for (var term = start; term < end; term += 1u) {
            var b_value: array<f32, TILE_COLUMNS>;
            for (var j = 0u; j < TILE_COLUMNS; j += 1u) { // unrolled
                b_value[j] = b_at(b_start[j] + term * parameters.b_term);
            }
            for (var i = 0u; i < TILE_ROWS; i += 1u) {
                let a_value = a[a_start[i] + term * parameters.a_term];
                for (var j = 0u; j < TILE_COLUMNS; j += 1u) { // unrolled
                    sum[i * TILE_COLUMNS + j] = fma(a_value, b_value[j], sum[i * TILE_COLUMNS + j]);
                }
            }
        }
        for (var k = 0u; k < TILE_ROWS * TILE_COLUMNS; k += 1u) {
            total[k] += sum[k];
        }
    }
    for (var i = 0u; i < TILE_ROWS; i += 1u) {
        for (var j = 0u; j < TILE_COLUMNS; j += 1u) { // unrolled
            let row = first_row + i;
            let column = first_column + j * LANES;
            if row < parameters.rows && column < parameters.columns {
                c[c_first + row * parameters.c_row + column] = total[i * TILE_COLUMNS + j];
            }
        }
    }
}
