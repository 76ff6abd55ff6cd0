//! The kernel of `few_rows.rs` for so many rows that arithmetic takes longer than reading the weight: a tile of the weight is widened
//! into a cache, then sums of four rows at a time stay in registers over all of its terms.

use crate::attention::lanes::{Kernel, LANES, Lanes, Line};
use crate::few_rows::{MOST_ROWS, Piece};
use reformer_tensor::op::PRODUCT_BLOCK;
use std::array;

/// Rows from which on this is the faster kernel.
pub(crate) const LEAST_ROWS: usize = 3;
/// Sums of all rows that are in a cache together, 32 KiB.
const SUMS: usize = 8192 / LANES;
/// Terms and lines of a tile of the weight: 8 KiB, so that a first-level cache has room for the next one, as it lies in memory.
const TERMS: usize = 8;
const LINES: usize = 16;
/// Rows and vectors whose sums are in registers at once, by registers: 16 of 32, or 8 of 16 that hold half a vector each.
const ROWS: usize = 4;
const WIDE_VECTORS: usize = 4;
const NARROW_VECTORS: usize = 1;

/// Some columns of all rows.
pub(crate) struct SeveralRows<'a>(pub Piece<'a>);

impl Kernel for SeveralRows<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let Piece { k, a, weight, stride, mut out, accumulate } = self.0;
        let (m, n) = (out.len(), out[0].len());
        let panel = SUMS / m / LINES * LINES;
        let mut all_sums = [Line::ZERO; SUMS];
        let mut tile = [[Line::ZERO; LINES]; TERMS];
        let mut factors = [[0.0f32; TERMS]; MOST_ROWS];
        for first in (0..n).step_by(panel * LANES) {
            let width = (panel * LANES).min(n - first);
            for start in (0..k).step_by(PRODUCT_BLOCK) {
                let end = k.min(start + PRODUCT_BLOCK);
                all_sums.fill(Line::ZERO);
                for term in (start..end).step_by(TERMS) {
                    let terms = TERMS.min(end - term);
                    for (row, factors) in factors[..m].iter_mut().enumerate() {
                        for (own, factor) in factors[..terms].iter_mut().enumerate() {
                            *factor = a.data[row * a.row_stride + (term + own) * a.column_stride];
                        }
                    }
                    for column in (0..width).step_by(LINES * LANES) {
                        let columns = (LINES * LANES).min(width - column);
                        for (own, tile) in tile[..terms].iter_mut().enumerate() {
                            let tile: &mut [f32] = bytemuck::cast_slice_mut(tile);
                            weight.widen((term + own) * stride + first + column, &mut tile[..columns]);
                        }
                        // Behind the columns stands what an earlier tile left there: sums that nobody reads.
                        let sums = &mut all_sums[column / LANES..];
                        let lines = columns.div_ceil(LANES);
                        // Meanwhile the next tile comes: beside this one, or in the panel's next rows.
                        let is_last = column + LINES * LANES >= width;
                        let (next, at) =
                            if is_last { (term + TERMS, first) } else { (term, first + column + LINES * LANES) };
                        let ask = |row: usize| {
                            let of_row = (row * TERMS / m, (row + 1) * TERMS / m);
                            for own in of_row.0..of_row.1 {
                                let at = (next + own) * stride + at;
                                weight.prefetch(at..at + LINES * LANES);
                            }
                        };
                        let mut row = 0;
                        while m - row >= ROWS {
                            (row..row + ROWS).for_each(ask);
                            add::<L, ROWS>(
                                lanes,
                                &factors[row..],
                                &tile[..terms],
                                lines,
                                &mut sums[row * panel..],
                                panel,
                            );
                            row += ROWS;
                        }
                        while row < m {
                            ask(row);
                            add::<L, 1>(lanes, &factors[row..], &tile[..terms], lines, &mut sums[row * panel..], panel);
                            row += 1;
                        }
                    }
                }
                for (out, sums) in out.iter_mut().zip(all_sums.chunks_exact(panel)) {
                    let (out, sums) = (&mut out[first..first + width], bytemuck::cast_slice(sums));
                    if accumulate || start > 0 {
                        out.iter_mut().zip(sums).for_each(|(out, sum): (_, &f32)| *out += sum);
                    } else {
                        out.copy_from_slice(&sums[..width]);
                    }
                }
            }
        }
    }
}

/// sums += factors·tile, term by term; rows of sums are `panel` lines apart.
#[inline(always)]
fn add<L: Lanes, const M: usize>(
    lanes: L,
    factors: &[[f32; TERMS]],
    tile: &[[Line; LINES]],
    lines: usize,
    sums: &mut [Line],
    panel: usize,
) {
    let mut line = 0;
    macro_rules! vectors {
        ($vectors:expr) => {
            while lines - line >= $vectors {
                add_vectors::<L, M, $vectors>(lanes, factors, tile, line, sums, panel);
                line += $vectors;
            }
        };
    }
    if L::WIDE {
        vectors!(WIDE_VECTORS);
    }
    vectors!(NARROW_VECTORS);
}

#[inline(always)]
fn add_vectors<L: Lanes, const M: usize, const VECTORS: usize>(
    lanes: L,
    factors: &[[f32; TERMS]],
    tile: &[[Line; LINES]],
    line: usize,
    sums: &mut [Line],
    panel: usize,
) {
    let factors = &factors[..M];
    let mut running: [[L::Vector; VECTORS]; M] =
        array::from_fn(|row| array::from_fn(|vector| lanes.load(&sums[row * panel + line + vector])));
    for (term, tile) in tile.iter().enumerate() {
        let weights: [L::Vector; VECTORS] = array::from_fn(|vector| lanes.load(&tile[line + vector]));
        for row in 0..M {
            let factor = lanes.splat(factors[row][term]);
            for vector in 0..VECTORS {
                running[row][vector] = lanes.multiply_add(factor, weights[vector], running[row][vector]);
            }
        }
    }
    for row in 0..M {
        for vector in 0..VECTORS {
            lanes.store(running[row][vector], &mut sums[row * panel + line + vector]);
        }
    }
}
