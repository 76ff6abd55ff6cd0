// Operands of matrix products, the same for every variant: C = A·B or C += A·B, by strides.
#include "shared/halves.wgsl"

struct Parameters {
    rows: u32,
    columns: u32,
    terms: u32,
    // Terms are summed in blocks of this many, added in ascending order, so that windows of rows change no bit.
    block: u32,
    a_first: u32,
    a_row: u32,
    a_term: u32,
    b_first: u32,
    b_term: u32,
    b_column: u32,
    c_first: u32,
    c_row: u32,
    // ONTO: add onto C. ON: a sum that an earlier launch has begun goes on from C.
    accumulate: u32,
    // From one product of a batch to the next.
    a_batch: u32,
    b_batch: u32,
    c_batch: u32,
}

/// `accumulate`.
const ONTO: u32 = 1u;
const ON: u32 = 2u;

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> a: array<f32>;
/// Singles, or a weight as it is stored.
@group(0) @binding(2) var<storage, read> b: array<u32>;
@group(0) @binding(3) var<storage, read_write> c: array<f32>;

/// Element `index` of B.
fn b_at(index: u32) -> f32 {
    if STORED == SINGLE {
        return bitcast<f32>(b[index]);
    }
    return widened(b[index >> 1u], index);
}
