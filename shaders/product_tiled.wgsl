// Matrix products like product.wgsl, with tiles of A and B in workgroup memory and a tile of C in the registers of each
// invocation: for hardware GPUs.
#include "shared/product.wgsl"

/// Rows and columns of a workgroup's tile of C; terms at a time.
const TILE: u32 = 64; // one of 32, 64
const TERMS: u32 = 16; // one of 8, 16
/// Invocations along one side of a workgroup: 16 · 16 = 256.
const SIDE: u32 = 16u;
const OWN: u32 = TILE / SIDE;

// Terms outermost, so that the inner loop reads neighbouring words; a word more a line keeps banks apart.
const LINE: u32 = TILE + 1u;
var<workgroup> a_tile: array<f32, TERMS * LINE>;
var<workgroup> b_tile: array<f32, TERMS * LINE>;

@compute @workgroup_size(SIDE, SIDE)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_id) local: vec3<u32>,
    @builtin(local_invocation_index) index: u32,
) {
    let a_first = parameters.a_first + group.z * parameters.a_batch;
    let b_first = parameters.b_first + group.z * parameters.b_batch;
    let c_first = parameters.c_first + group.z * parameters.c_batch;
    let first_row = group.y * TILE;
    let first_column = group.x * TILE;
    var total: array<f32, OWN * OWN>;
    var sum: array<f32, OWN * OWN>;
    for (var i = 0u; i < OWN; i += 1u) {
        for (var j = 0u; j < OWN; j += 1u) { // unrolled
            let row = first_row + local.y + i * SIDE;
            let column = first_column + local.x + j * SIDE;
            total[i * OWN + j] = 0.0;
            sum[i * OWN + j] = 0.0;
            if parameters.accumulate != 0u && row < parameters.rows && column < parameters.columns {
                let before = c[c_first + row * parameters.c_row + column];
                total[i * OWN + j] = select(before, 0.0, parameters.accumulate == ON);
                sum[i * OWN + j] = select(0.0, before, parameters.accumulate == ON);
            }
        }
    }
    // A block is a multiple of TERMS: a step never crosses one.
    for (var start = 0u; start < parameters.terms; start += TERMS) {
        for (var at = index; at < TERMS * TILE; at += SIDE * SIDE) {
            // Neighbouring invocations read along whichever direction is contiguous.
            var term = at % TERMS;
            var own = at / TERMS;
            if parameters.a_term != 1u {
                term = at / TILE;
                own = at % TILE;
            }
            var value = 0.0;
            if start + term < parameters.terms && first_row + own < parameters.rows {
                value = a[a_first + (first_row + own) * parameters.a_row + (start + term) * parameters.a_term];
            }
            a_tile[term * LINE + own] = value;
            term = at / TILE;
            own = at % TILE;
            if parameters.b_column != 1u {
                term = at % TERMS;
                own = at / TERMS;
            }
            value = 0.0;
            if start + term < parameters.terms && first_column + own < parameters.columns {
                value = b_at(b_first + (start + term) * parameters.b_term + (first_column + own) * parameters.b_column);
            }
            b_tile[term * LINE + own] = value;
        }
        workgroupBarrier();
        for (var term = 0u; term < TERMS; term += 1u) {
            var b_value: array<f32, OWN>;
            for (var j = 0u; j < OWN; j += 1u) { // unrolled
                b_value[j] = b_tile[term * LINE + local.x + j * SIDE];
            }
            for (var i = 0u; i < OWN; i += 1u) {
                let a_value = a_tile[term * LINE + local.y + i * SIDE];
                for (var j = 0u; j < OWN; j += 1u) { // unrolled
                    sum[i * OWN + j] = fma(a_value, b_value[j], sum[i * OWN + j]);
                }
            }
        }
        workgroupBarrier();
        if (start + TERMS) % parameters.block == 0u || start + TERMS >= parameters.terms {
            for (var k = 0u; k < OWN * OWN; k += 1u) {
                total[k] += sum[k];
                sum[k] = 0.0;
            }
        }
    }
    for (var i = 0u; i < OWN; i += 1u) {
        for (var j = 0u; j < OWN; j += 1u) { // unrolled
            let row = first_row + local.y + i * SIDE;
            let column = first_column + local.x + j * SIDE;
            if row < parameters.rows && column < parameters.columns {
                c[c_first + row * parameters.c_row + column] = total[i * OWN + j];
            }
        }
    }
}
