//! Vectors of 16 lanes at each SIMD level, and running a kernel at a level. The few operations that the compiler would not
//! find by itself; everything else in attention is a plain loop. Lanes are independent, so every level with fused
//! multiply-add gives the same bits. What each level makes of them is in `lanes/`.

#[cfg(target_arch = "aarch64")]
mod neon;
#[cfg(target_arch = "x86_64")]
mod x86;

use crate::environment::Level;
use crate::simd::{Arithmetic, Separate};
#[cfg(target_arch = "aarch64")]
use pulp::aarch64::Neon;
#[cfg(target_arch = "x86_64")]
use pulp::x86::{V3, V4};

/// Lanes of a vector: queries side by side, or dimensions side by side.
pub(crate) const LANES: usize = 16;
/// Rows and columns of a block that is transposed at once.
const BLOCK: usize = 8;

/// One vector in memory; one cache line.
#[derive(Clone, Copy, Debug, bytemuck::Zeroable, bytemuck::Pod)]
#[repr(C, align(64))]
pub(crate) struct Line(pub [f32; LANES]);

impl Line {
    /// Zeros.
    pub const ZERO: Line = Line([0.0; LANES]);
}

/// Lines that hold `numbers` numbers.
pub(crate) fn lines_of(numbers: usize) -> usize {
    numbers.div_ceil(LANES)
}

/// A SIMD level.
pub(crate) trait Lanes: Copy {
    /// How single numbers are multiplied and added.
    type Arithmetic: Arithmetic;
    /// 16 numbers in registers.
    type Vector: Copy;
    /// 16 unsigned integers in registers.
    type Words: Copy;
    /// Whether a vector is one of 32 registers; otherwise it is two of 16 or four of 32, an eighth of all.
    const WIDE: bool;

    /// The same number in all lanes.
    fn splat(self, value: f32) -> Self::Vector;
    /// From memory.
    fn load(self, line: &Line) -> Self::Vector;
    /// To memory.
    fn store(self, vector: Self::Vector, line: &mut Line);
    /// a·b + c per lane, rounded as [`Arithmetic::multiply_add`] rounds.
    fn multiply_add(self, a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector;
    /// Unsigned integers from memory.
    fn words(self, words: &[u32; LANES]) -> Self::Words;
    /// `inside` where `slot - low <= span`, with wrap-around, else `outside`.
    fn choose(
        self,
        slot: u32,
        low: Self::Words,
        span: Self::Words,
        inside: Self::Vector,
        outside: Self::Vector,
    ) -> Self::Vector;
    /// Columns of eight rows.
    fn transpose(self, rows: [[f32; BLOCK]; BLOCK]) -> [[f32; BLOCK]; BLOCK];
}

/// Plain arrays, for every machine.
#[derive(Clone, Copy)]
pub(crate) struct Portable;

impl Lanes for Portable {
    type Arithmetic = Separate;
    type Vector = [f32; LANES];
    type Words = [u32; LANES];
    const WIDE: bool = false;

    #[inline(always)]
    fn splat(self, value: f32) -> [f32; LANES] {
        [value; LANES]
    }

    #[inline(always)]
    fn load(self, line: &Line) -> [f32; LANES] {
        line.0
    }

    #[inline(always)]
    fn store(self, vector: [f32; LANES], line: &mut Line) {
        line.0 = vector;
    }

    #[inline(always)]
    fn multiply_add(self, a: [f32; LANES], b: [f32; LANES], mut c: [f32; LANES]) -> [f32; LANES] {
        for lane in 0..LANES {
            c[lane] = Separate::multiply_add(a[lane], b[lane], c[lane]);
        }
        c
    }

    #[inline(always)]
    fn words(self, words: &[u32; LANES]) -> [u32; LANES] {
        *words
    }

    #[inline(always)]
    fn choose(
        self,
        slot: u32,
        low: [u32; LANES],
        span: [u32; LANES],
        inside: [f32; LANES],
        mut outside: [f32; LANES],
    ) -> [f32; LANES] {
        for lane in 0..LANES {
            outside[lane] = if slot.wrapping_sub(low[lane]) <= span[lane] { inside[lane] } else { outside[lane] };
        }
        outside
    }

    #[inline(always)]
    fn transpose(self, rows: [[f32; BLOCK]; BLOCK]) -> [[f32; BLOCK]; BLOCK] {
        let mut columns = [[0.0; BLOCK]; BLOCK];
        for row in 0..BLOCK {
            for column in 0..BLOCK {
                columns[column][row] = rows[row][column];
            }
        }
        columns
    }
}

/// Sixteen rows of `rows` (each a whole number of lines) as columns: `columns[d]` holds dimension d of all of them.
#[inline(always)]
pub(crate) fn transpose<L: Lanes>(lanes: L, rows: &[Line], columns: &mut [Line]) {
    let per_row = rows.len() / LANES;
    for line in 0..per_row {
        for part in 0..LANES / BLOCK {
            for half in 0..LANES / BLOCK {
                let mut block = [[0.0; BLOCK]; BLOCK];
                for row in 0..BLOCK {
                    let from = &rows[(half * BLOCK + row) * per_row + line].0;
                    block[row].copy_from_slice(&from[part * BLOCK..][..BLOCK]);
                }
                let block = lanes.transpose(block);
                for column in 0..BLOCK {
                    let to = &mut columns[line * LANES + part * BLOCK + column].0;
                    to[half * BLOCK..][..BLOCK].copy_from_slice(&block[column]);
                }
            }
        }
    }
}

/// Asks for numbers that will be read soon. Rows in the order of a sort are at random places: waiting for them took as long as the
/// arithmetic.
#[inline(always)]
pub(crate) fn prefetch<T>(row: &[T]) {
    #[cfg(target_arch = "x86_64")]
    for line in row.chunks(size_of::<Line>() / size_of::<T>()) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch is a hint: it reads nothing that the program could see, and the address is that of a slice.
        #[allow(unsafe_code)]
        unsafe {
            _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast());
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = row;
}

/// A computation that can be compiled for every level. `run` must be `#[inline(always)]`, and so must all it calls.
pub(crate) trait Kernel {
    /// What it returns.
    type Output;
    /// The computation.
    fn run<L: Lanes>(self, lanes: L) -> Self::Output;
}

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
struct AtLevel<L, K>(L, K);

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
impl<L: Lanes, K: Kernel> pulp::NullaryFnOnce for AtLevel<L, K> {
    type Output = K::Output;

    #[inline(always)]
    fn call(self) -> K::Output {
        self.1.run(self.0)
    }
}

/// Runs a kernel at a level; a level that the machine doesn't have falls back to the next lower one.
pub(crate) fn run<K: Kernel>(level: Level, kernel: K) -> K::Output {
    #[cfg(target_arch = "x86_64")]
    {
        if level == Level::Avx512
            && let Some(simd) = V4::try_new()
        {
            return simd.vectorize(AtLevel(simd, kernel));
        }
        if level >= Level::Avx2
            && let Some(simd) = V3::try_new()
        {
            return simd.vectorize(AtLevel(simd, kernel));
        }
    }
    #[cfg(target_arch = "aarch64")]
    if level >= Level::Neon
        && let Some(simd) = Neon::try_new()
    {
        return simd.vectorize(AtLevel(simd, kernel));
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let _ = level;
    kernel.run(Portable)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Transpose<'a>(&'a [Line], &'a mut [Line]);

    impl Kernel for Transpose<'_> {
        type Output = ();

        #[inline(always)]
        fn run<L: Lanes>(self, lanes: L) {
            transpose(lanes, self.0, self.1);
        }
    }

    #[test]
    fn transposing_moves_every_number() {
        for level in Level::available() {
            let mut rows = [Line::ZERO; 3 * LANES];
            for (at, number) in bytemuck::cast_slice_mut::<Line, f32>(&mut rows).iter_mut().enumerate() {
                *number = at as f32;
            }
            let mut columns = [Line::ZERO; 3 * LANES];
            run(level, Transpose(&rows, &mut columns));
            for d in 0..3 * LANES {
                for row in 0..LANES {
                    assert_eq!(columns[d].0[row], (row * 3 * LANES + d) as f32, "{} [{d}][{row}]", level.name());
                }
            }
        }
    }
}
