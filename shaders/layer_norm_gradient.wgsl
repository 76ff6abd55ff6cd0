// The gradient of a layer norm into its stream, or into two streams side by side, and the moments that it needs. Gradients of
// scale and shift are in norm_sums.wgsl.
#include "shared/indexing.wgsl"
#include "shared/moments.wgsl"

struct Parameters {
    // The first row in the stream's segment, and how many.
    first_row: u32,
    rows: u32,
    // Of one stream.
    width: u32,
    fraction_bits: u32,
    epsilon: f32,
    // The first word of the gradient that comes in, and the first row of that which goes out.
    d_first: u32,
    dx_row: u32,
    // 1: add onto dx.
    accumulate: u32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> x: array<u32>;
// Mean and 1/deviation of each row.
@group(0) @binding(2) var<storage, read_write> moments: array<f32>;
@group(0) @binding(3) var<storage, read> gamma: array<f32>;
@group(0) @binding(4) var<storage, read> d_normed: array<f32>;
@group(0) @binding(5) var<storage, read_write> dx: array<f32>;
@group(0) @binding(6) var<storage, read> other: array<u32>;
@group(0) @binding(7) var<storage, read_write> other_dx: array<f32>;

/// Of the gradient that comes in, as `x_tile` of the stream.
var<workgroup> d_tile: array<f32, LANES * PITCH>;

/// A row's moments, and the means that its gradient lacks: of g, and of g·n.
struct Facts {
    mean: f32,
    inverse: f32,
    sum: f32,
    along: f32,
}

var<workgroup> kept: array<Facts, LANES>;

/// Mean and 1/deviation of a stream's rows, as in normalize.wgsl.
@compute @workgroup_size(LANES)
fn row_moments(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let rows = rows_of(group.x, lane);
    let own = moments_of_one(rows, parameters.epsilon);
    if lane < rows.count {
        moments[2u * (rows.first + lane)] = own.mean;
        moments[2u * (rows.first + lane) + 1u] = own.inverse;
    }
}

/// A row's first facts; its sums are still to be taken.
fn facts_of(rows: Rows) -> Facts {
    let row = rows.first + min(rows.lane, rows.count - 1u);
    return Facts(moments[2u * row], moments[2u * row + 1u], 0.0, 0.0);
}

/// Stages columns of d_normed from `column` on, of rows `d_width` wide; the same columns of the stream are `first` and the next ones.
fn stage_gradient(rows: Rows, first: u32, column: u32, d_width: u32) {
    if STAGED == 1u {
        // Lanes may still read the tile before.
        workgroupBarrier();
        for (var i = rows.lane; i < rows.count * TILE; i += LANES) {
            let load = load_of(i, first);
            if load.column < parameters.width {
                let d_start = parameters.d_first + (rows.first + load.row) * d_width;
                d_tile[load.word] = d_normed[d_start + column + load.column];
            }
        }
    }
}

/// Column `column + i` of this lane's row of d_normed.
fn staged_gradient(rows: Rows, i: u32, column: u32, d_width: u32) -> f32 {
    if STAGED == 1u {
        return d_tile[rows.lane * PITCH + i];
    }
    return d_normed[parameters.d_first + (rows.first + rows.lane) * d_width + column + i];
}

/// The sums with a column's terms added.
fn with_column(before: Facts, value: f32, d: f32, scale: f32) -> Facts {
    var after = before;
    after.sum = fma(d, scale, before.sum);
    after.along = fma(d * scale, (value - before.mean) * before.inverse, before.along);
    return after;
}

/// The sums over `x`.
fn with_one(rows: Rows, before: Facts, d_width: u32) -> Facts {
    var facts = before;
    for (var first = 0u; first < parameters.width; first += TILE) {
        stage_gradient(rows, first, 0u, d_width);
        stage_one(rows, first);
        for (var i = 0u; i < tile_columns(rows, first); i += 1u) {
            let d = staged_gradient(rows, i, first, d_width);
            facts = with_column(facts, staged_one(rows, first, i), d, gamma[first + i]);
        }
    }
    return facts;
}

/// Sums as means, and where lanes share rows, for the other lanes.
fn keep_facts(rows: Rows, sums: Facts, width: u32) -> Facts {
    let own = Facts(sums.mean, sums.inverse, sums.sum / f32(width), sums.along / f32(width));
    if STAGED == 1u {
        kept[rows.lane] = own;
        workgroupBarrier();
    }
    return own;
}

fn facts_in(row: u32, own: Facts) -> Facts {
    if STAGED == 1u {
        return kept[row];
    }
    return own;
}

fn gradient_of(facts: Facts, value: f32, d: f32, scale: f32) -> f32 {
    let n = (value - facts.mean) * facts.inverse;
    return fma(-n, facts.along, fma(d, scale, -facts.sum)) * facts.inverse;
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let rows = rows_of(group.x, lane);
    let width = parameters.width;
    let own = keep_facts(rows, with_one(rows, facts_of(rows), width), width);
    let part = own_part(rows);
    for (var row = part.first_row; row < part.end_row; row += 1u) {
        let its = facts_in(row, own);
        let start = rows.start + row * width;
        let d_start = parameters.d_first + (rows.first + row) * width;
        let out = (parameters.dx_row + rows.first + row) * width;
        for (var i = part.first_column; i < width; i += part.step) {
            let gradient = gradient_of(its, one(start + i), d_normed[d_start + i], gamma[i]);
            if parameters.accumulate == 1u {
                dx[out + i] += gradient;
            } else {
                dx[out + i] = gradient;
            }
        }
    }
}

@compute @workgroup_size(LANES)
fn both(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let rows = rows_of(group.x, lane);
    let width = parameters.width;
    var sums = with_one(rows, facts_of(rows), 2u * width);
    for (var first = 0u; first < width; first += TILE) {
        stage_gradient(rows, first, width, 2u * width);
        stage_two(rows, first);
        for (var i = 0u; i < tile_columns(rows, first); i += 1u) {
            let d = staged_gradient(rows, i, width + first, 2u * width);
            sums = with_column(sums, staged_two(rows, first, i), d, gamma[width + first + i]);
        }
    }
    let own = keep_facts(rows, sums, 2u * width);
    let part = own_part(rows);
    for (var row = part.first_row; row < part.end_row; row += 1u) {
        let its = facts_in(row, own);
        let start = rows.start + row * width;
        let d_start = parameters.d_first + (rows.first + row) * 2u * width;
        let out = (parameters.dx_row + rows.first + row) * width;
        for (var i = part.first_column; i < width; i += part.step) {
            let gradient = gradient_of(its, one(start + i), d_normed[d_start + i], gamma[i]);
            let other_gradient = gradient_of(its, two(start + i), d_normed[d_start + width + i], gamma[width + i]);
            if parameters.accumulate == 1u {
                dx[out + i] += gradient;
                other_dx[out + i] += other_gradient;
            } else {
                dx[out + i] = gradient;
                other_dx[out + i] = other_gradient;
            }
        }
    }
}
