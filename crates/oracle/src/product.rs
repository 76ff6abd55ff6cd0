//! Products of a row with a part of a matrix: the three loops of a layer and its gradient.

use std::ops::Range;

/// A rectangle of a row-major matrix.
#[derive(Clone)]
pub(crate) struct Part<'a> {
    pub matrix: &'a [f64],
    /// Columns of the whole matrix.
    pub stride: usize,
    pub rows: Range<usize>,
    pub columns: Range<usize>,
}

impl<'a> Part<'a> {
    /// All of a matrix of `stride` columns.
    pub fn whole(matrix: &'a [f64], stride: usize) -> Self {
        Self { matrix, stride, rows: 0..matrix.len() / stride.max(1), columns: 0..stride }
    }

    fn row(&self, row: usize) -> &'a [f64] {
        &self.matrix[row * self.stride..][self.columns.clone()]
    }

    /// x·M.
    pub fn times(&self, x: &[f64]) -> Vec<f64> {
        let mut sums = vec![0.0; self.columns.len()];
        for (row, x) in self.rows.clone().zip(x) {
            for (sum, weight) in sums.iter_mut().zip(self.row(row)) {
                *sum += x * weight;
            }
        }
        sums
    }

    /// d·Mᵀ.
    pub fn times_transposed(&self, d: &[f64]) -> Vec<f64> {
        self.rows.clone().map(|row| dot(self.row(row), d)).collect()
    }
}

/// Σ a·b.
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// sum += b.
pub(crate) fn add(sum: &mut [f64], b: &[f64]) {
    for (sum, b) in sum.iter_mut().zip(b) {
        *sum += b;
    }
}

/// M += xᵀ·d on the rectangle that starts at (`first_row`, `first_column`) of a matrix of `stride` columns.
pub(crate) fn add_outer(
    matrix: &mut [f64],
    stride: usize,
    (first_row, first_column): (usize, usize),
    x: &[f64],
    d: &[f64],
) {
    for (row, x) in x.iter().enumerate() {
        let start = (first_row + row) * stride + first_column;
        for (sum, d) in matrix[start..start + d.len()].iter_mut().zip(d) {
            *sum += x * d;
        }
    }
}
