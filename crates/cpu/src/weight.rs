//! Weights of products as they are stored, f32 or halves: products with them, transposes of them, rounding to them. Halves are widened
//! a tile at a time, or as they are read where rows are few, which is exact, so a product has the bits that it has with the widened weight.

use crate::attention::lanes::prefetch;
use crate::environment::Level;
use crate::few_rows;
use crate::product::{Matrix, product, transpose_by};
use crate::simd::{self, Arithmetic, Kernel};
use half::slice::{HalfBitsSliceExt, HalfFloatSliceExt};
use half::{bf16, f16};
use reformer_tensor::DType;
use reformer_tensor::op::PRODUCT_BLOCK;
use std::ops::Range;

/// Columns of a widened tile, and how many more the last one may have: a rest of one column would be a product of another kind.
const TILE_COLUMNS: usize = 64;
const REST_COLUMNS: usize = 16;
/// Bytes of a widened tile.
pub(crate) const TILE_BYTES: u64 = 4 * (PRODUCT_BLOCK * (TILE_COLUMNS + REST_COLUMNS)) as u64;

/// The elements of a weight, row-major.
#[derive(Clone, Copy)]
pub(crate) enum Weight<'a> {
    Single(&'a [f32]),
    F16(&'a [u16]),
    Bf16(&'a [u16]),
}

impl<'a> Weight<'a> {
    /// From a tensor's words.
    pub fn of(words: &'a [u32], elements: usize, dtype: DType) -> Self {
        let halves = || -> &'a [u16] { &bytemuck::cast_slice(words)[..elements] };
        match dtype {
            DType::F16 => Weight::F16(halves()),
            DType::Bf16 => Weight::Bf16(halves()),
            DType::F32 | DType::U32 | DType::Fixed { .. } => Weight::Single(bytemuck::cast_slice(words)),
        }
    }

    /// Without the first elements.
    pub fn from(self, first: usize) -> Self {
        match self {
            Weight::Single(data) => Weight::Single(&data[first..]),
            Weight::F16(data) => Weight::F16(&data[first..]),
            Weight::Bf16(data) => Weight::Bf16(&data[first..]),
        }
    }

    /// The elements from `first` on in f32. For kernels: vectorised where it is inlined into one.
    #[inline(always)]
    pub fn widen(self, first: usize, out: &mut [f32]) {
        let range = first..first + out.len();
        match self {
            Weight::Single(data) => out.copy_from_slice(&data[range]),
            Weight::F16(data) => out.iter_mut().zip(&data[range]).for_each(|(out, &half)| *out = from_f16(half)),
            Weight::Bf16(data) => out.iter_mut().zip(&data[range]).for_each(|(out, &half)| *out = from_bf16(half)),
        }
    }

    /// Asks for elements that will be read soon; those that are not there are passed over.
    #[inline(always)]
    pub fn prefetch(self, range: Range<usize>) {
        match self {
            Weight::Single(data) => prefetch(data.get(range).unwrap_or(&[])),
            Weight::F16(data) | Weight::Bf16(data) => prefetch(data.get(range).unwrap_or(&[])),
        }
    }

    /// out`[m, n]` (+)= a`[m, k]`·self`[k, n]`, rows of the weight `stride` apart: see [`product`].
    pub fn product(
        self,
        (m, k, n): (usize, usize, usize),
        a: Matrix<'_>,
        stride: usize,
        out: &mut [f32],
        out_stride: usize,
        accumulate: bool,
    ) {
        if few_rows::product((m, k, n), a, (self, stride), out, out_stride, accumulate) {
            return;
        }
        if let Weight::Single(data) = self {
            return product((m, k, n), a, Matrix::rows(data, stride), out, out_stride, accumulate);
        }
        let mut tile = vec![0.0; k.min(PRODUCT_BLOCK) * n.min(TILE_COLUMNS + REST_COLUMNS)];
        let mut first = 0;
        while first < n && m > 0 {
            let columns = if n - first <= TILE_COLUMNS + REST_COLUMNS { n - first } else { TILE_COLUMNS };
            for start in (0..k).step_by(PRODUCT_BLOCK) {
                let terms = PRODUCT_BLOCK.min(k - start);
                let tile = &mut tile[..terms * columns];
                let widen = Widen { weight: self, first: start * stride + first, stride, columns, tile: &mut *tile };
                simd::run(Level::detect(), widen);
                let a = Matrix { data: &a.data[start * a.column_stride..], ..a };
                let weight = Matrix::rows(tile, columns);
                product((m, terms, columns), a, weight, &mut out[first..], out_stride, accumulate || start > 0);
            }
            first += columns;
        }
    }

    /// out`[column, row]` = self`[row, column]` in f32, rows of the weight `stride` apart.
    pub fn transpose(self, stride: usize, size: (usize, usize), out: &mut [f32]) {
        match self {
            Weight::Single(data) => transpose_by(|at| data[at], stride, size, out),
            Weight::F16(data) => transpose_by(|at| from_f16(data[at]), stride, size, out),
            Weight::Bf16(data) => transpose_by(|at| from_bf16(data[at]), stride, size, out),
        }
    }
}

/// A tile of a weight in f32, row by row.
struct Widen<'a> {
    weight: Weight<'a>,
    first: usize,
    stride: usize,
    columns: usize,
    tile: &'a mut [f32],
}

impl Kernel for Widen<'_> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arithmetic>(self) {
        for (row, tile) in self.tile.chunks_exact_mut(self.columns).enumerate() {
            self.weight.widen(self.first + row * self.stride, tile);
        }
    }
}

/// Without branches, since vectors have none: the exponent's zero is 15 in one and 127 in the other, which a product mends for numbers
/// of fewer bits too; the highest exponent means infinity or NaN in both.
#[inline(always)]
pub(crate) fn from_f16(half: u16) -> f32 {
    const REBIAS: f32 = f32::from_bits((127 + 112) << 23);
    let sign = u32::from(half & 0x8000) << 16;
    let magnitude = u32::from(half & 0x7fff) << 13;
    let finite = (f32::from_bits(magnitude) * REBIAS).to_bits();
    let endless = magnitude + (224 << 23);
    f32::from_bits(sign | if magnitude >= 0x7c00 << 13 { endless } else { finite })
}

#[inline(always)]
pub(crate) fn from_bf16(half: u16) -> f32 {
    f32::from_bits(u32::from(half) << 16)
}

/// Rounds to the halves that `words` hold, two a word; the upper half of an odd last word becomes zero.
pub(crate) fn round(numbers: &[f32], dtype: DType, words: &mut [u32]) {
    let halves: &mut [u16] = bytemuck::cast_slice_mut(words);
    let (own, rest) = halves.split_at_mut(numbers.len());
    match dtype {
        DType::F16 => own.reinterpret_cast_mut::<f16>().convert_from_f32_slice(numbers),
        DType::Bf16 => own.reinterpret_cast_mut::<bf16>().convert_from_f32_slice(numbers),
        DType::F32 | DType::U32 | DType::Fixed { .. } => {
            unreachable!("recording checked that a weight is cast to halves")
        }
    }
    rest.fill(0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use reformer_tensor::Key;

    #[test]
    fn every_half_is_widened_as_it_should() {
        for bits in 0..=u16::MAX {
            for (got, expected) in
                [(from_f16(bits), f16::from_bits(bits).to_f32()), (from_bf16(bits), bf16::from_bits(bits).to_f32())]
            {
                assert!(
                    got.to_bits() == expected.to_bits() || got.is_nan() && expected.is_nan(),
                    "{bits:x}: {got} {expected}"
                );
            }
        }
    }

    /// Stored halves give the bits of the same weight in f32: widening is exact, and tiles of columns are seen by nobody.
    #[test]
    fn a_product_has_the_bits_of_the_widened_weight() {
        let mut failures = Vec::new();
        for (m, k, n, stride) in [
            (1, 3, 1, 1),
            (1, 3, 2, 5),
            (1, 1, 5, 5),
            (7, 2, 40, 40),
            (8, 514, 19, 20),
            (8, 1025, 1000, 1003),
            (9, 30, 530, 530),
            (7, 511, 515, 515),
            (1, 24, 8, 40),
            (1, 512, 1000, 1000),
            (1, 1024, 260, 260),
            (2, 513, 81, 81),
            (3, 37, 2, 2),
            (4, 530, 3000, 3000),
            (6, 1030, 17, 20),
            (5, 700, 145, 160),
            (61, 96, 64, 67),
            (128, 40, 65, 65),
        ] {
            let (a, single, before) = (
                Key::from_seed(1).normal(m * k),
                Key::from_seed(2).normal(k * stride),
                Key::from_seed(3).normal(m * n),
            );
            for dtype in [DType::F32, DType::F16, DType::Bf16] {
                let mut words = vec![0; dtype.words(single.len())];
                if dtype == DType::F32 {
                    words.copy_from_slice(bytemuck::cast_slice(&single));
                } else {
                    round(&single, dtype, &mut words);
                }
                let weight = Weight::of(&words, single.len(), dtype);
                let mut wide = vec![0.0; single.len()];
                weight.widen(0, &mut wide);
                let rounded = wide.iter().zip(&single).any(|(wide, single)| wide != single);
                assert_eq!(rounded, dtype.is_half(), "{dtype}");
                for accumulate in [false, true] {
                    let (mut halves, mut singles) = (before.clone(), before.clone());
                    let a = Matrix::rows(&a, k);
                    weight.product((m, k, n), a, stride, &mut halves, n, accumulate);
                    // By gemm: the kernel for few rows has its bits too.
                    product((m, k, n), a, Matrix::rows(&wide, stride), &mut singles, n, accumulate);
                    if halves.iter().zip(&singles).any(|(half, single)| half.to_bits() != single.to_bits()) {
                        failures.push(format!("{dtype} [{m}, {k}, {n}] of {stride}, adding {accumulate}"));
                    }
                }
                let (mut turned, mut expected) = (vec![0.0; k * n], vec![0.0; k * n]);
                weight.transpose(stride, (k, n), &mut turned);
                Weight::Single(&wide).transpose(stride, (k, n), &mut expected);
                assert_eq!(turned, expected);
            }
        }
        assert!(failures.is_empty(), "bits differ: {}", failures.join("; "));
    }
}
