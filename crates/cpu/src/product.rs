//! Matrix products: the only caller of `gemm`. Single-threaded; parallelism is the ops' own, by rows or by columns of the result.

use crate::tiles::MOST_ROWS;
use crate::weight;
use gemm::{Parallelism, gemm};
use rayon::prelude::*;
use reformer_tensor::op::PRODUCT_BLOCK;

/// What gemm takes on a thread for packed pieces of its operands: it keeps a second-level cache's size; while it runs, it packs the
/// columns that fill no vector, and of the other operand at most as many rows as ops give it at once; and the tile of a widened weight.
pub(crate) const PACKING_BYTES: u64 =
    CACHE_BYTES + 4 * (PRODUCT_BLOCK * (KERNEL_COLUMNS + MOST_ROWS)) as u64 + weight::TILE_BYTES;
/// The largest second-level cache of one core that is common.
const CACHE_BYTES: u64 = 2 << 20;
/// The most columns of a kernel of gemm's: packed columns are filled up to these.
const KERNEL_COLUMNS: usize = 64;
/// The most numbers in a vector.
const VECTOR: usize = 16;
/// Terms of a block for which gemm has a path of its own, with two roundings a term and for any number of rows; `few_rows.rs` leaves
/// such blocks to it.
pub(crate) const FEW_TERMS: usize = 2;

/// A matrix within a slice: element (row, column) is at `row·row_stride + column·column_stride`.
#[derive(Clone, Copy)]
pub(crate) struct Matrix<'a> {
    pub data: &'a [f32],
    pub row_stride: usize,
    pub column_stride: usize,
}

impl<'a> Matrix<'a> {
    /// Rows of `row_stride` numbers, contiguous within.
    pub fn rows(data: &'a [f32], row_stride: usize) -> Self {
        Self { data, row_stride, column_stride: 1 }
    }

    /// The transpose.
    pub fn transposed(self) -> Self {
        Self { data: self.data, row_stride: self.column_stride, column_stride: self.row_stride }
    }
}

/// The last index that an m×n matrix of these strides touches, plus one.
fn extent(m: usize, n: usize, row_stride: usize, column_stride: usize) -> usize {
    if m == 0 || n == 0 { 0 } else { (m - 1) * row_stride + (n - 1) * column_stride + 1 }
}

/// out`[m, n]` (+)= a`[m, k]`·b`[k, n]`. The sum over k is cut in blocks of [`PRODUCT_BLOCK`], added in ascending order, since gemm
/// itself cuts longer sums by cache sizes. `out` has rows of `out_stride`, contiguous within.
///
/// For `b` with rows contiguous (weights as `[in, out]`) a row's bits do not depend on m: see the test. With transposed weights
/// small products take another path, and large ones spend an eighth of their time on packing: transpose first.
pub(crate) fn product(
    (m, k, n): (usize, usize, usize),
    a: Matrix<'_>,
    b: Matrix<'_>,
    out: &mut [f32],
    out_stride: usize,
    accumulate: bool,
) {
    if m == 0 || n == 0 {
        return;
    }
    if n == 1 {
        return column((m, k), a, b, out, out_stride, accumulate);
    }
    if m == 1 && one_row_is_apart(k, accumulate) {
        // Two rows, both the same one, take the common path.
        let mut twice = vec![0.0; 2 * n];
        twice[..n].copy_from_slice(&out[..n]);
        twice[n..].copy_from_slice(&out[..n]);
        product((2, k, n), Matrix { row_stride: 0, ..a }, b, &mut twice, n, accumulate);
        out[..n].copy_from_slice(&twice[..n]);
        return;
    }
    // gemm packs all columns as soon as the last ones fill no vector: up to 2 MiB in every call, aligned, of which the system's
    // allocator made 15 MiB a thread. So those go apart, at least two of them, since one has a path of its own.
    let whole = if n % VECTOR == 0 || n < VECTOR + 2 { n } else { (n - 2) / VECTOR * VECTOR };
    columns((m, k, whole), a, b, out, out_stride, accumulate);
    if whole < n {
        let rest = Matrix { data: &b.data[(whole * b.column_stride).min(b.data.len())..], ..b };
        columns((m, k, n - whole), a, rest, &mut out[whole..], out_stride, accumulate);
    }
}

/// Whether gemm's path for one row has other bits than its common one: it starts its sum from what is there instead of adding to
/// it, and on aarch64 it knows neither vectors nor fused multiply-adds.
fn one_row_is_apart(k: usize, accumulate: bool) -> bool {
    accumulate || k > PRODUCT_BLOCK || cfg!(target_arch = "aarch64")
}

/// [`product`] by gemm alone.
#[allow(unsafe_code)]
fn columns(
    (m, k, n): (usize, usize, usize),
    a: Matrix<'_>,
    b: Matrix<'_>,
    out: &mut [f32],
    out_stride: usize,
    accumulate: bool,
) {
    assert!(extent(m, k, a.row_stride, a.column_stride) <= a.data.len(), "a is too short for [{m}, {k}]");
    assert!(extent(k, n, b.row_stride, b.column_stride) <= b.data.len(), "b is too short for [{k}, {n}]");
    assert!(extent(m, n, out_stride, 1) <= out.len(), "the result is too short for [{m}, {n}]");
    for start in (0..k).step_by(PRODUCT_BLOCK) {
        let terms = PRODUCT_BLOCK.min(k - start);
        let a_block = &a.data[start * a.column_stride..];
        let b_block = &b.data[start * b.row_stride..];
        // SAFETY: the three extents were checked above, strides are at most their slices' lengths, and `out` is borrowed
        // mutably, so it overlaps neither operand.
        unsafe {
            gemm(
                m,
                n,
                terms,
                out.as_mut_ptr(),
                1,
                out_stride as isize,
                accumulate || start > 0,
                a_block.as_ptr(),
                a.column_stride as isize,
                a.row_stride as isize,
                b_block.as_ptr(),
                b.column_stride as isize,
                b.row_stride as isize,
                1.0,
                1.0,
                false,
                false,
                false,
                Parallelism::None,
            );
        }
    }
}

/// A result of one column: gemm would sum along k in vectors, but only for up to 256 rows.
fn column((m, k): (usize, usize), a: Matrix<'_>, b: Matrix<'_>, out: &mut [f32], out_stride: usize, accumulate: bool) {
    for row in 0..m {
        let mut total = if accumulate { out[row * out_stride] } else { 0.0 };
        for start in (0..k).step_by(PRODUCT_BLOCK) {
            let terms = start..k.min(start + PRODUCT_BLOCK);
            let at = |term: usize| a.data[row * a.row_stride + term * a.column_stride] * b.data[term * b.row_stride];
            total += terms.map(at).sum::<f32>();
        }
        out[row * out_stride] = total;
    }
}

/// Edge of the square blocks that are transposed together: both sides stay in the first-level cache.
const BLOCK: usize = 32;

/// out`[column, row]` = number(row·stride + column) for a matrix of `columns`; `out` is `[columns, rows]`.
pub(crate) fn transpose_by(
    number: impl Fn(usize) -> f32 + Sync,
    stride: usize,
    (rows, columns): (usize, usize),
    out: &mut [f32],
) {
    out[..rows * columns].par_chunks_mut((BLOCK * rows).max(1)).enumerate().for_each(|(block, out)| {
        let first = block * BLOCK;
        for start in (0..rows).step_by(BLOCK) {
            for (offset, out) in out.chunks_exact_mut(rows).enumerate() {
                for row in start..rows.min(start + BLOCK) {
                    out[row] = number(row * stride + first + offset);
                }
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use reformer_tensor::Key;

    /// Normal numbers, the same few again and again: making them would take longer than multiplying them.
    fn numbers(seed: u64, count: usize) -> Vec<f32> {
        let few = Key::from_seed(seed).normal(4099);
        few.iter().cycle().take(count).copied().collect()
    }

    /// Rows in the reference.
    const MOST: usize = 512;

    /// Whether some rows alone have the bits that they have among [`MOST`].
    fn same_bits((k, n, stride): (usize, usize, usize), accumulate: bool, failures: &mut Vec<String>) {
        let (a, b, before) = (numbers(1, MOST * k), numbers(2, k * stride), numbers(3, MOST * stride));
        let mut whole = before.clone();
        product((MOST, k, n), Matrix::rows(&a, k), Matrix::rows(&b, stride), &mut whole, stride, accumulate);
        for m in [1, 2, 3, 16, 17, 61] {
            for first in [0, 7, MOST - m] {
                let mut out = before[first * stride..(first + m) * stride].to_vec();
                let rows = Matrix::rows(&a[first * k..], k);
                product((m, k, n), rows, Matrix::rows(&b, stride), &mut out, stride, accumulate);
                let expected = &whole[first * stride..(first + m) * stride];
                if out.iter().zip(expected).any(|(out, expected)| out.to_bits() != expected.to_bits()) {
                    failures
                        .push(format!("m {m} from row {first}, k {k}, n {n}, stride {stride}, adding {accumulate}"));
                }
            }
        }
    }

    /// What decoding, packing and prefixes rest on: the same row, among others or alone, has the same bits; and what lies between
    /// a head range's columns is left alone.
    #[test]
    fn a_rows_bits_do_not_depend_on_the_other_rows() {
        let mut failures = Vec::new();
        for k in [1, 2, 3, 8, 24, 64, 72, 256, 512, 513, 520, 1024] {
            for (n, stride) in [
                (1, 1),
                (1, 4),
                (2, 2),
                (3, 9),
                (8, 8),
                (13, 13),
                (24, 96),
                (64, 64),
                (64, 256),
                (256, 256),
                (1000, 1024),
            ] {
                for accumulate in [false, true] {
                    same_bits((k, n, stride), accumulate, &mut failures);
                }
            }
        }
        for large in [(2048, 8, 8), (2048, 256, 512), (512, 4096, 4096), (64, 4096, 4096), (8, 4096, 4100)] {
            same_bits(large, false, &mut failures);
        }
        assert!(failures.is_empty(), "bits differ from those among {MOST} rows:\n{}", failures.join("\n"));
    }

    /// Columns that fill no vector are computed apart, which nobody sees.
    #[test]
    fn columns_apart_have_the_bits_of_columns_together() {
        let mut failures = Vec::new();
        for (m, k, n) in
            [(1, 40, 18), (1, 512, 260), (2, 3, 33), (5, 700, 31), (64, 512, 260), (61, 96, 1000), (16, 2, 19)]
        {
            let (a, b, before) = (numbers(1, m * k), numbers(2, k * n), numbers(3, m * n));
            for accumulate in [false, true] {
                let (mut apart, mut together) = (before.clone(), before.clone());
                product((m, k, n), Matrix::rows(&a, k), Matrix::rows(&b, n), &mut apart, n, accumulate);
                if m == 1 && one_row_is_apart(k, accumulate) {
                    continue;
                }
                columns((m, k, n), Matrix::rows(&a, k), Matrix::rows(&b, n), &mut together, n, accumulate);
                if apart.iter().zip(&together).any(|(apart, together)| apart.to_bits() != together.to_bits()) {
                    failures.push(format!("[{m}, {k}, {n}], adding {accumulate}"));
                }
            }
        }
        assert!(failures.is_empty(), "bits differ: {}", failures.join("; "));
    }

    /// Against sums in f64, with every kind of stride.
    #[test]
    fn products_are_right() {
        for (m, k, n) in [(1, 5, 7), (3, 700, 1), (5, 513, 33), (40, 17, 64), (1, 1025, 40)] {
            let (a, b) = (Key::from_seed(4).normal(m * k), Key::from_seed(5).normal(k * n));
            let before = Key::from_seed(6).normal(m * n);
            let mut turned = vec![0.0; m * k];
            transpose_by(|at| a[at], k, (m, k), &mut turned);
            for (name, a_view) in [("rows", Matrix::rows(&a, k)), ("columns", Matrix::rows(&turned, m).transposed())] {
                let mut out = before.clone();
                product((m, k, n), a_view, Matrix::rows(&b, n), &mut out, n, true);
                for (at, &out) in out.iter().enumerate() {
                    let terms = (0..k).map(|term| f64::from(a[at / n * k + term]) * f64::from(b[term * n + at % n]));
                    let expected = f64::from(before[at]) + terms.sum::<f64>();
                    // Six roundings' root-sum of terms of size one.
                    let allowed = 6.0 * (k as f64) * 2f64.powi(-24);
                    assert!(
                        (f64::from(out) - expected).abs() < allowed,
                        "{name} {m} {k} {n} at {at}: {out} {expected}"
                    );
                }
            }
        }
    }
}
