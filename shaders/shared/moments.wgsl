// Mean and 1/deviation of rows of a stream, or of two side by side, a lane a row. The including file declares the streams `x` and
// `other` and parameters `first_row`, `rows`, `width` and `fraction_bits`. Explicit fma, so that every kernel has the same bits.
#include "shared/stream.wgsl"

/// 1: lanes load a tile of their rows together, neighbours from neighbouring words, and each takes its own row from there. 0: each
/// reads its row where it is.
const STAGED: u32 = 0; // one of 0, 1
/// Columns of a tile, and words from one of its rows to the next: odd, so that lanes read from different banks.
const TILE: u32 = 16u;
const PITCH: u32 = 17u;

var<workgroup> x_tile: array<f32, LANES * PITCH>;

struct Moments {
    mean: f32,
    // 1/√(variance + epsilon).
    inverse: f32,
}

/// The rows of a workgroup, one of them this lane's.
struct Rows {
    lane: u32,
    // The first of them in the window, how many, and the first word of the first in the stream.
    first: u32,
    count: u32,
    start: u32,
}

fn rows_of(group: u32, lane: u32) -> Rows {
    let first = group * LANES;
    return Rows(lane, first, min(LANES, parameters.rows - first), (parameters.first_row + first) * parameters.width);
}

fn one(index: u32) -> f32 {
    return stream_value(x[index], parameters.fraction_bits);
}

fn two(index: u32) -> f32 {
    return stream_value(other[index], parameters.fraction_bits);
}

/// Columns of the tile that starts at `first`; none for a lane without a row.
fn tile_columns(rows: Rows, first: u32) -> u32 {
    return select(0u, min(TILE, parameters.width - first), rows.lane < rows.count);
}

/// The row of the tile that this lane loads a word of, and the word's column in the stream.
struct Load {
    row: u32,
    column: u32,
    // In the tile.
    word: u32,
}

fn load_of(number: u32, first: u32) -> Load {
    let row = number / TILE;
    let column = number % TILE;
    return Load(row, first + column, row * PITCH + column);
}

fn stage_one(rows: Rows, first: u32) {
    if STAGED == 1u {
        // Lanes may still read the tile before.
        workgroupBarrier();
        for (var i = rows.lane; i < rows.count * TILE; i += LANES) {
            let load = load_of(i, first);
            if load.column < parameters.width {
                x_tile[load.word] = one(rows.start + load.row * parameters.width + load.column);
            }
        }
        workgroupBarrier();
    }
}

fn stage_two(rows: Rows, first: u32) {
    if STAGED == 1u {
        workgroupBarrier();
        for (var i = rows.lane; i < rows.count * TILE; i += LANES) {
            let load = load_of(i, first);
            if load.column < parameters.width {
                x_tile[load.word] = two(rows.start + load.row * parameters.width + load.column);
            }
        }
        workgroupBarrier();
    }
}

/// Column `first + i` of this lane's row, whose tile is staged.
fn staged_one(rows: Rows, first: u32, i: u32) -> f32 {
    if STAGED == 1u {
        return x_tile[rows.lane * PITCH + i];
    }
    return one(rows.start + rows.lane * parameters.width + first + i);
}

fn staged_two(rows: Rows, first: u32, i: u32) -> f32 {
    if STAGED == 1u {
        return x_tile[rows.lane * PITCH + i];
    }
    return two(rows.start + rows.lane * parameters.width + first + i);
}

fn sum_of_one(rows: Rows) -> f32 {
    var sum = 0.0;
    for (var first = 0u; first < parameters.width; first += TILE) {
        stage_one(rows, first);
        for (var i = 0u; i < tile_columns(rows, first); i += 1u) {
            sum += staged_one(rows, first, i);
        }
    }
    return sum;
}

fn squares_of_one(rows: Rows, mean: f32) -> f32 {
    var squares = 0.0;
    for (var first = 0u; first < parameters.width; first += TILE) {
        stage_one(rows, first);
        for (var i = 0u; i < tile_columns(rows, first); i += 1u) {
            let difference = staged_one(rows, first, i) - mean;
            squares = fma(difference, difference, squares);
        }
    }
    return squares;
}

fn moments_of(mean: f32, squares: f32, width: u32, epsilon: f32) -> Moments {
    return Moments(mean, 1.0 / sqrt(squares / f32(width) + epsilon));
}

/// Of this lane's row of `x`.
fn moments_of_one(rows: Rows, epsilon: f32) -> Moments {
    let mean = sum_of_one(rows) / f32(parameters.width);
    return moments_of(mean, squares_of_one(rows, mean), parameters.width, epsilon);
}

/// Of this lane's rows of both streams, as one row.
fn moments_of_both(rows: Rows, epsilon: f32) -> Moments {
    var sum = sum_of_one(rows);
    for (var first = 0u; first < parameters.width; first += TILE) {
        stage_two(rows, first);
        for (var i = 0u; i < tile_columns(rows, first); i += 1u) {
            sum += staged_two(rows, first, i);
        }
    }
    let mean = sum / f32(2u * parameters.width);
    var squares = squares_of_one(rows, mean);
    for (var first = 0u; first < parameters.width; first += TILE) {
        stage_two(rows, first);
        for (var i = 0u; i < tile_columns(rows, first); i += 1u) {
            let difference = staged_two(rows, first, i) - mean;
            squares = fma(difference, difference, squares);
        }
    }
    return moments_of(mean, squares, 2u * parameters.width, epsilon);
}

/// Which of the group's rows this lane writes to, and which columns: all of its own, or with the others some of every one.
struct Part {
    first_row: u32,
    end_row: u32,
    first_column: u32,
    step: u32,
}

fn own_part(rows: Rows) -> Part {
    if STAGED == 1u {
        return Part(0u, rows.count, rows.lane, LANES);
    }
    return Part(rows.lane, min(rows.lane + 1u, rows.count), 0u, 1u);
}
