//! The three products of attention on groups of 16 queries. In each every number is one chain of multiply-adds in a fixed
//! ascending order, so that tiles, levels and single queries (`single.rs`) all give the same bits.

use super::lanes::{LANES, Lanes, Line};

/// Keys of a tile of [`dots`], by registers.
const WIDE_KEYS: usize = 8;
const NARROW_KEYS: usize = 4;
/// Rows of a tile of [`weigh`] and [`spread`]: with four vectors a row, 16 of 32 registers are sums.
const ROWS: usize = 4;
/// Vectors of a row of such a tile, by registers.
const WIDE_VECTORS: usize = 4;
const NARROW_VECTORS: usize = 1;

/// `out[j][lane] = Σ_d queries[d][lane] · keys[j][d]`, ascending in d. `queries` has one line a dimension; each key takes `per_row`
/// lines, of which the first `queries.len()` numbers count.
#[inline(always)]
pub(crate) fn dots<L: Lanes>(lanes: L, queries: &[Line], keys: &[Line], per_row: usize, out: &mut [Line]) {
    // Usual widths are known to the compiler: addresses become constants.
    match (queries.len(), per_row) {
        (64, 4) => dots_of(lanes, 64, 4, queries, keys, out),
        (32, 2) => dots_of(lanes, 32, 2, queries, keys, out),
        (128, 8) => dots_of(lanes, 128, 8, queries, keys, out),
        (width, per_row) => dots_of(lanes, width, per_row, queries, keys, out),
    }
}

#[inline(always)]
fn dots_of<L: Lanes>(lanes: L, width: usize, per_row: usize, queries: &[Line], keys: &[Line], out: &mut [Line]) {
    let queries = &queries[..width];
    let count = out.len();
    let mut at = 0;
    macro_rules! tiles {
        ($keys:expr) => {
            while count - at >= $keys {
                let keys = &keys[at * per_row..(at + $keys) * per_row];
                dots_tile::<L, $keys>(lanes, width, per_row, queries, keys, &mut out[at..at + $keys]);
                at += $keys;
            }
        };
    }
    if L::WIDE {
        tiles!(WIDE_KEYS);
    }
    tiles!(NARROW_KEYS);
    tiles!(1);
}

#[inline(always)]
fn dots_tile<L: Lanes, const KEYS: usize>(
    lanes: L,
    width: usize,
    per_row: usize,
    queries: &[Line],
    keys: &[Line],
    out: &mut [Line],
) {
    let keys: &[f32] = bytemuck::cast_slice(keys);
    let mut rows = [&keys[..0]; KEYS];
    for key in 0..KEYS {
        rows[key] = &keys[key * per_row * LANES..][..width];
    }
    let mut sums = [lanes.splat(0.0); KEYS];
    for d in 0..width {
        let query = lanes.load(&queries[d]);
        for key in 0..KEYS {
            sums[key] = lanes.multiply_add(query, lanes.splat(rows[key][d]), sums[key]);
        }
    }
    for key in 0..KEYS {
        lanes.store(sums[key], &mut out[key]);
    }
}

/// `out[lane] += Σ_j weights[j][lane] · values[j]`, ascending in j, for 16 rows of `out`, each of `per_row` lines like a value.
/// `first` and `last` bound (half-open) the keys that have any weight, per four lanes.
#[inline(always)]
pub(super) fn weigh<L: Lanes>(
    lanes: L,
    weights: &[Line],
    values: &[Line],
    per_row: usize,
    bounds: &[(usize, usize); LANES / ROWS],
    out: &mut [Line],
) {
    match per_row {
        4 => weigh_of(lanes, 4, weights, values, bounds, out),
        per_row => weigh_of(lanes, per_row, weights, values, bounds, out),
    }
}

#[inline(always)]
fn weigh_of<L: Lanes>(
    lanes: L,
    per_row: usize,
    weights: &[Line],
    values: &[Line],
    bounds: &[(usize, usize); LANES / ROWS],
    out: &mut [Line],
) {
    for quarter in 0..LANES / ROWS {
        let (first, last) = bounds[quarter];
        if first >= last {
            continue;
        }
        let out = &mut out[quarter * ROWS * per_row..][..ROWS * per_row];
        let (weights, values) = (&weights[first..last], &values[first * per_row..last * per_row]);
        let mut column = 0;
        macro_rules! tiles {
            ($vectors:expr) => {
                while per_row - column >= $vectors {
                    weigh_tile::<L, $vectors>(lanes, per_row, column, quarter * ROWS, weights, values, out);
                    column += $vectors;
                }
            };
        }
        if L::WIDE {
            tiles!(WIDE_VECTORS);
        }
        tiles!(NARROW_VECTORS);
    }
}

#[inline(always)]
fn weigh_tile<L: Lanes, const VECTORS: usize>(
    lanes: L,
    per_row: usize,
    column: usize,
    lane: usize,
    weights: &[Line],
    values: &[Line],
    out: &mut [Line],
) {
    let mut sums = [[lanes.splat(0.0); VECTORS]; ROWS];
    for row in 0..ROWS {
        for vector in 0..VECTORS {
            sums[row][vector] = lanes.load(&out[row * per_row + column + vector]);
        }
    }
    for (weight, value) in weights.iter().zip(values.chunks_exact(per_row)) {
        let value = &value[column..column + VECTORS];
        let mut vectors = [lanes.splat(0.0); VECTORS];
        for vector in 0..VECTORS {
            vectors[vector] = lanes.load(&value[vector]);
        }
        for row in 0..ROWS {
            let factor = lanes.splat(weight.0[lane + row]);
            for vector in 0..VECTORS {
                sums[row][vector] = lanes.multiply_add(factor, vectors[vector], sums[row][vector]);
            }
        }
    }
    for row in 0..ROWS {
        for vector in 0..VECTORS {
            lanes.store(sums[row][vector], &mut out[row * per_row + column + vector]);
        }
    }
}

/// Which of 16 queries see a key: those from its own slot on whose lowest slot is not behind it.
#[derive(Clone, Copy)]
pub(super) struct Viewers<'a> {
    /// The first key's slot.
    pub key: usize,
    /// The first query's slot.
    pub query: usize,
    /// The lowest slot that each query sees; it never falls from one query to the next.
    pub low: &'a [u32; LANES],
}

impl Viewers<'_> {
    /// The lanes (half-open) that see any of some keys, counted from the first key.
    #[inline(always)]
    fn of(&self, keys: std::ops::Range<usize>) -> (usize, usize) {
        let first = (self.key + keys.start).saturating_sub(self.query);
        let highest = (self.key + keys.end) as u32;
        let mut last = LANES;
        while last > first && self.low[last - 1] >= highest {
            last -= 1;
        }
        (first, last)
    }
}

/// `out[j] += Σ_lane weights[j][lane] · rows[lane]`, ascending in the lane, for every row of `out`; `rows` are 16, each of `per_row`
/// lines. Lanes that see no key of a tile have no weight and are left out.
#[inline(always)]
pub(super) fn spread<L: Lanes>(
    lanes: L,
    weights: &[Line],
    rows: &[Line],
    per_row: usize,
    viewers: Viewers<'_>,
    out: &mut [Line],
) {
    match per_row {
        4 => spread_of(lanes, 4, weights, rows, viewers, out),
        per_row => spread_of(lanes, per_row, weights, rows, viewers, out),
    }
}

#[inline(always)]
fn spread_of<L: Lanes>(
    lanes: L,
    per_row: usize,
    weights: &[Line],
    rows: &[Line],
    viewers: Viewers<'_>,
    out: &mut [Line],
) {
    let mut at = 0;
    macro_rules! keys {
        ($keys:expr) => {
            while weights.len() - at >= $keys {
                let seen_by = viewers.of(at..at + $keys);
                let weights = &weights[at..at + $keys];
                let out = &mut out[at * per_row..(at + $keys) * per_row];
                let mut column = 0;
                if L::WIDE {
                    while column + WIDE_VECTORS <= per_row {
                        spread_tile::<L, $keys, WIDE_VECTORS>(lanes, per_row, column, weights, rows, seen_by, out);
                        column += WIDE_VECTORS;
                    }
                }
                while column < per_row {
                    spread_tile::<L, $keys, NARROW_VECTORS>(lanes, per_row, column, weights, rows, seen_by, out);
                    column += NARROW_VECTORS;
                }
                at += $keys;
            }
        };
    }
    keys!(ROWS);
    keys!(1);
}

#[inline(always)]
fn spread_tile<L: Lanes, const KEYS: usize, const VECTORS: usize>(
    lanes: L,
    per_row: usize,
    column: usize,
    weights: &[Line],
    rows: &[Line],
    (first, last): (usize, usize),
    out: &mut [Line],
) {
    let mut sums = [[lanes.splat(0.0); VECTORS]; KEYS];
    for key in 0..KEYS {
        for vector in 0..VECTORS {
            sums[key][vector] = lanes.load(&out[key * per_row + column + vector]);
        }
    }
    for lane in first..last {
        let row = &rows[lane * per_row + column..][..VECTORS];
        let mut vectors = [lanes.splat(0.0); VECTORS];
        for vector in 0..VECTORS {
            vectors[vector] = lanes.load(&row[vector]);
        }
        for key in 0..KEYS {
            let factor = lanes.splat(weights[key].0[lane]);
            for vector in 0..VECTORS {
                sums[key][vector] = lanes.multiply_add(factor, vectors[vector], sums[key][vector]);
            }
        }
    }
    for key in 0..KEYS {
        for vector in 0..VECTORS {
            lanes.store(sums[key][vector], &mut out[key * per_row + column + vector]);
        }
    }
}
