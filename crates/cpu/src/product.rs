//! Matrix products: the only caller of `gemm`. Single-threaded; parallelism is the ops' own, by rows or by columns of the result.

use gemm::{Parallelism, gemm};
use rayon::prelude::*;
use reformer_tensor::op::PRODUCT_BLOCK;

/// What gemm keeps a thread for packed pieces of its operands, at most: its second-level cache's size, and the rows' side again.
pub(crate) const PACKING_BYTES: u64 = 4 << 20;

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

/// out[m, n] (+)= a[m, k]·b[k, n]. The sum over k is cut in blocks of [`PRODUCT_BLOCK`], added in ascending order, since gemm
/// itself cuts longer sums by cache sizes. `out` has rows of `out_stride`, contiguous within.
///
/// For `b` with rows contiguous (weights as [in, out]) a row's bits do not depend on m: see the test. With transposed weights
/// small products take another path, and large ones spend an eighth of their time on packing: transpose first.
#[allow(unsafe_code)]
pub(crate) fn product(
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
    if m == 0 || n == 0 {
        return;
    }
    if m == 1 && (accumulate || k > PRODUCT_BLOCK) {
        // gemm has a path of its own for one row, which starts its sum from what is there instead of adding to it: other
        // bits. Two rows, both the same one, take the common path.
        let mut twice = vec![0.0; 2 * n];
        twice[..n].copy_from_slice(&out[..n]);
        twice[n..].copy_from_slice(&out[..n]);
        product((2, k, n), Matrix { row_stride: 0, ..a }, b, &mut twice, n, accumulate);
        out[..n].copy_from_slice(&twice[..n]);
        return;
    }
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

/// Edge of the square blocks that are transposed together: both sides stay in the first-level cache.
const BLOCK: usize = 32;

/// out[column, row] = data[row, column] for a matrix of `columns`, its rows `stride` apart; `out` is [columns, rows].
pub(crate) fn transpose(data: &[f32], stride: usize, (rows, columns): (usize, usize), out: &mut [f32]) {
    out[..rows * columns].par_chunks_mut((BLOCK * rows).max(1)).enumerate().for_each(|(block, out)| {
        let first = block * BLOCK;
        for start in (0..rows).step_by(BLOCK) {
            for (offset, out) in out.chunks_exact_mut(rows).enumerate() {
                for row in start..rows.min(start + BLOCK) {
                    out[row] = data[row * stride + first + offset];
                }
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use reformer_tensor::Key;

    /// What decoding, packing and prefixes rest on: the same row, among others or alone, has the same bits.
    #[test]
    fn a_rows_bits_do_not_depend_on_the_other_rows() {
        let mut worst = Vec::new();
        for (k, n, stride) in [
            (8, 8, 8),
            (40, 24, 96),
            (24, 40, 40),
            (64, 256, 256),
            (256, 64, 256),
            (256, 1024, 1024),
            (1024, 256, 256),
            (512, 4096, 4096),
            (2048, 64, 64),
            (72, 61, 61),
            (80, 13, 13),
            (12, 6, 12),
        ] {
            let most = 130;
            let a = Key::from_seed(1).normal(most * k);
            let b = Key::from_seed(2).normal(k * stride);
            let mut whole = vec![f32::NAN; most * n];
            product((most, k, n), Matrix::rows(&a, k), Matrix::rows(&b, stride), &mut whole, n, false);
            for m in [1, 2, 3, 4, 5, 7, 8, 12, 16, 17, 31, 61, 64, 128] {
                for first in [0, 1, most - m] {
                    let mut out = vec![f32::NAN; m * n];
                    let rows = &a[first * k..];
                    product((m, k, n), Matrix::rows(rows, k), Matrix::rows(&b, stride), &mut out, n, false);
                    if out[..] != whole[first * n..(first + m) * n] {
                        worst.push((m, k, n, first));
                    }
                }
            }
        }
        assert!(worst.is_empty(), "(m, k, n, first row) whose bits differ from those among 130 rows: {worst:?}");
    }
}
