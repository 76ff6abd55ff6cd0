//! Products of a few rows, as decoding has them: bound by reading the weight, which is read once, much in the order in which it lies;
//! the kernel for more than two rows is in `several_rows.rs`. The bits are gemm's: a chain of fused multiply-adds from zero for each block of terms, so a row is the same here and there.

use crate::attention::lanes;
use crate::environment::Level;
use crate::product::{FEW_TERMS, Matrix};
use crate::several_rows::{LEAST_ROWS, SeveralRows};
use crate::simd::{self, Arithmetic, Kernel};
use crate::weight::{Weight, from_bf16, from_f16};
use rayon::prelude::*;
use reformer_tensor::op::PRODUCT_BLOCK;

/// Rows at most. More are worth gemm's packing.
pub(crate) const MOST_ROWS: usize = 8;
/// Sums of all rows that are in a cache together, 32 KiB: for one row, columns that lie in a few pages one after another.
const SUMS: usize = 8192;
/// Columns that are taken together; with the rows of [`TERMS`] they stay in the first-level cache.
const WIDE: usize = 256;
/// Terms that are taken together, so that sums are loaded and stored once for all of them.
const TERMS: usize = 8;
/// Elements of a weight from which threads share its columns: reading fewer takes no longer than waking a thread.
const SHARED: usize = 1 << 17;

/// out`[m, n]` (+)= a`[m, k]`·weight`[k, n]`, rows of the weight `stride` apart, where this is the faster way and has gemm's bits:
/// few rows, no block of terms that gemm adds in another way, and a machine with fused multiply-adds. Says whether it did it.
pub(crate) fn product(
    (m, k, n): (usize, usize, usize),
    a: Matrix<'_>,
    (weight, stride): (Weight<'_>, usize),
    out: &mut [f32],
    out_stride: usize,
    accumulate: bool,
) -> bool {
    let level = Level::detect();
    // A single column is a product of another kind: see `product.rs`.
    if m == 0 || m > MOST_ROWS || n < 2 || (1..=FEW_TERMS).contains(&(k % PRODUCT_BLOCK)) || !level.is_fused() {
        return false;
    }
    let threads = if k * n < SHARED { 1 } else { rayon::current_num_threads() };
    let columns = n.div_ceil(threads).next_multiple_of(WIDE);
    let mut pieces: Vec<(usize, Vec<&mut [f32]>)> =
        (0..n).step_by(columns).map(|first| (first, Vec::with_capacity(m))).collect();
    for row in out.chunks_mut(out_stride).take(m) {
        for ((_, rows), part) in pieces.iter_mut().zip(row[..n].chunks_mut(columns)) {
            rows.push(part);
        }
    }
    let piece = |(first, out): (usize, Vec<&mut [f32]>)| {
        let piece = Piece { k, a, weight: weight.from(first), stride, out, accumulate };
        match m {
            LEAST_ROWS.. => lanes::run(level, SeveralRows(piece)),
            _ => simd::run(level, FewRows(piece)),
        }
    };
    match threads {
        1 => pieces.into_iter().for_each(piece),
        _ => pieces.into_par_iter().for_each(piece),
    }
    true
}

/// Some columns of the product.
pub(crate) struct Piece<'a> {
    pub k: usize,
    pub a: Matrix<'a>,
    /// From the first of the columns on.
    pub weight: Weight<'a>,
    pub stride: usize,
    /// Of each row the columns.
    pub out: Vec<&'a mut [f32]>,
    pub accumulate: bool,
}

struct FewRows<'a>(Piece<'a>);

impl Kernel for FewRows<'_> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arithmetic>(self) {
        match self.0.weight {
            Weight::Single(data) => self.0.run::<A, _>(data, |number| number),
            Weight::F16(data) => self.0.run::<A, _>(data, from_f16),
            Weight::Bf16(data) => self.0.run::<A, _>(data, from_bf16),
        }
    }
}

impl Piece<'_> {
    /// The product, with the weight's elements widened as they are read.
    #[inline(always)]
    fn run<A: Arithmetic, T: Copy>(self, weight: &[T], widen: impl Fn(T) -> f32 + Copy) {
        let Piece { k, a, stride, mut out, accumulate, .. } = self;
        let (m, n) = (out.len(), out[0].len());
        let panel = SUMS / m;
        let mut all_sums = [0.0f32; SUMS];
        for first in (0..n).step_by(panel) {
            let width = panel.min(n - first);
            let sums = &mut all_sums[..m * width];
            for start in (0..k).step_by(PRODUCT_BLOCK) {
                let end = k.min(start + PRODUCT_BLOCK);
                sums.fill(0.0);
                for term in (start..end).step_by(TERMS) {
                    let terms = TERMS.min(end - term);
                    // Where fewer terms are left, the last rows are not looked at.
                    let own: [usize; TERMS] = std::array::from_fn(|own| term + own.min(terms - 1));
                    for column in (0..width).step_by(WIDE) {
                        let columns = WIDE.min(width - column);
                        let rows = own.map(|term| &weight[term * stride + first + column..][..columns]);
                        for row in 0..m {
                            let factors = own.map(|term| a.data[row * a.row_stride + term * a.column_stride]);
                            let sums = &mut sums[row * width + column..][..columns];
                            add::<A, T>(sums, &factors[..terms], rows, widen);
                        }
                    }
                }
                for (out, sums) in out.iter_mut().zip(sums.chunks_exact(width)) {
                    let out = &mut out[first..first + width];
                    if accumulate || start > 0 {
                        out.iter_mut().zip(sums).for_each(|(out, sum)| *out += sum);
                    } else {
                        out.copy_from_slice(sums);
                    }
                }
            }
        }
    }
}

/// sums += a·rows, term by term.
#[inline(always)]
fn add<A: Arithmetic, T: Copy>(sums: &mut [f32], a: &[f32], rows: [&[T]; TERMS], widen: impl Fn(T) -> f32) {
    if let Ok(a) = <[f32; TERMS]>::try_from(a) {
        let rows = rows.map(|row| &row[..sums.len()]);
        for (index, sum) in sums.iter_mut().enumerate() {
            for (a, row) in a.into_iter().zip(rows) {
                *sum = A::multiply_add(a, widen(row[index]), *sum);
            }
        }
        return;
    }
    for (&a, row) in a.iter().zip(rows) {
        sums.iter_mut().zip(row).for_each(|(sum, &b)| *sum = A::multiply_add(a, widen(b), *sum));
    }
}
