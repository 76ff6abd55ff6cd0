//! Sums over one block of rows: gradients of weights, biases and norms. A block's sums go onto what is there, so that blocks in
//! ascending order give one order of summation; the pieces here share no result and run in parallel.

use crate::environment::{Environment, Fault};
use crate::product::{Matrix, product};
use crate::simd::{self, Arithmetic, Kernel};
use crate::tiles::{cut, try_each};

/// Rows of a weight's gradient that one task sums. Fixed, not a matter of threads.
const WEIGHT_ROWS: usize = 64;
/// Columns that one task sums: four cache lines of every row.
const COLUMNS: usize = 64;

/// The sums of one block.
#[derive(Default)]
pub(crate) struct BlockSums<'a> {
    tasks: Vec<Task<'a>>,
}

enum Task<'a> {
    Weight { left: Matrix<'a>, right: Matrix<'a>, size: (usize, usize, usize), out: &'a mut [f32], stride: usize },
    Columns { rows: &'a [f32], stride: usize, first: usize, out: &'a mut [f32] },
    Products { left: &'a [f32], right: &'a [f32], stride: usize, first: usize, out: &'a mut [f32] },
}

impl<'a> BlockSums<'a> {
    /// out`[:, offset..offset + columns]` += leftᵀ·right, where `left` is `[rows, m]` and `right` `[rows, columns]`; `out` is
    /// `[m, stride]`.
    pub fn weight(
        &mut self,
        (left, m): (&'a [f32], usize),
        (right, columns): (&'a [f32], usize),
        out: &'a mut [f32],
        (stride, offset): (usize, usize),
    ) {
        let rows = right.len() / columns.max(1);
        for (first, out) in cut(out, stride, WEIGHT_ROWS) {
            let size = (out.len() / stride.max(1), rows, columns);
            let left = Matrix::rows(&left[first..], m).transposed();
            self.tasks.push(Task::Weight {
                left,
                right: Matrix::rows(right, columns),
                size,
                out: &mut out[offset..],
                stride,
            });
        }
    }

    /// out += Σ_rows rows, for rows of the length of `out`.
    pub fn columns(&mut self, rows: &'a [f32], out: &'a mut [f32]) {
        let stride = out.len();
        self.tasks.extend(cut(out, 1, COLUMNS).map(|(first, out)| Task::Columns { rows, stride, first, out }));
    }

    /// dγ += Σ_rows d·n, dβ += Σ_rows d.
    pub fn norm(&mut self, normalised: &'a [f32], d: &'a [f32], dgamma: &'a mut [f32], dbeta: &'a mut [f32]) {
        let stride = dgamma.len();
        self.tasks.extend(cut(dgamma, 1, COLUMNS).map(|(first, out)| Task::Products {
            left: d,
            right: normalised,
            stride,
            first,
            out,
        }));
        self.columns(d, dbeta);
    }

    /// Does all of them.
    pub fn run(self, environment: &Environment) -> Result<(), Fault> {
        try_each(self.tasks, |task| {
            match task {
                Task::Weight { left, right, size, out, stride } => product(size, left, right, out, stride, true),
                Task::Columns { rows, stride, first, out } => {
                    simd::run(environment.level, ColumnSums { rows, stride, first, out });
                }
                Task::Products { left, right, stride, first, out } => {
                    simd::run(environment.level, ProductSums { left, right, stride, first, out });
                }
            }
            Ok(())
        })
    }
}

/// The columns of a task among those of its rows.
#[inline(always)]
fn own(rows: &[f32], stride: usize, first: usize, count: usize) -> impl Iterator<Item = &[f32]> {
    rows.chunks_exact(stride).map(move |row| &row[first..first + count])
}

struct ColumnSums<'a> {
    rows: &'a [f32],
    stride: usize,
    first: usize,
    out: &'a mut [f32],
}

impl Kernel for ColumnSums<'_> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arithmetic>(self) {
        let mut sums = [0.0f32; COLUMNS];
        let sums = &mut sums[..self.out.len()];
        for row in own(self.rows, self.stride, self.first, self.out.len()) {
            for (sum, &value) in sums.iter_mut().zip(row) {
                *sum += value;
            }
        }
        for (out, &sum) in self.out.iter_mut().zip(&*sums) {
            *out += sum;
        }
    }
}

struct ProductSums<'a> {
    left: &'a [f32],
    right: &'a [f32],
    stride: usize,
    first: usize,
    out: &'a mut [f32],
}

impl Kernel for ProductSums<'_> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arithmetic>(self) {
        let mut sums = [0.0f32; COLUMNS];
        let count = self.out.len();
        let sums = &mut sums[..count];
        let left = own(self.left, self.stride, self.first, count);
        for (left, right) in left.zip(own(self.right, self.stride, self.first, count)) {
            for ((sum, &left), &right) in sums.iter_mut().zip(left).zip(right) {
                *sum = A::multiply_add(left, right, *sum);
            }
        }
        for (out, &sum) in self.out.iter_mut().zip(&*sums) {
            *out += sum;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::{Kernels, Level};

    #[test]
    fn every_column_of_every_sum_is_there_and_goes_onto_what_was() {
        let environment = Environment { threads: 1, level: Level::detect(), kernels: Kernels::Fast };
        // Widths beside the tasks' sizes; whole numbers, so that every order of summation is exact.
        let (rows, m, n) = (5, 130, 70);
        let number = |index: usize| (index * 7 % 11) as f32 - 5.0;
        let left: Vec<f32> = (0..rows * m).map(number).collect();
        let right: Vec<f32> = (0..rows * n).map(|index| number(index + 3)).collect();
        let (mut weight, mut columns) = (vec![1.0; m * (n + 2)], vec![2.0; n]);
        let (mut dgamma, mut dbeta) = (vec![3.0; m], vec![4.0; m]);
        let mut sums = BlockSums::default();
        sums.weight((&left, m), (&right, n), &mut weight, (n + 2, 1));
        sums.columns(&right, &mut columns);
        sums.norm(&left, &left, &mut dgamma, &mut dbeta);
        sums.run(&environment).unwrap();
        let sum = |term: &dyn Fn(usize) -> f32| (0..rows).map(term).sum::<f32>();
        for i in 0..m {
            for j in 0..n + 2 {
                let inside = (1..=n).contains(&j);
                let own = if inside { sum(&|row| left[row * m + i] * right[row * n + j - 1]) } else { 0.0 };
                assert_eq!(weight[i * (n + 2) + j], 1.0 + own, "weight {i} {j}");
            }
            assert_eq!(dgamma[i], 3.0 + sum(&|row| left[row * m + i] * left[row * m + i]), "dgamma {i}");
            assert_eq!(dbeta[i], 4.0 + sum(&|row| left[row * m + i]), "dbeta {i}");
        }
        for j in 0..n {
            assert_eq!(columns[j], 2.0 + sum(&|row| right[row * n + j]), "columns {j}");
        }
    }
}
