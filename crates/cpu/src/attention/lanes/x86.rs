//! Lanes with AVX2 and with AVX-512. Which of them runs is chosen in `lanes.rs`.

use super::{BLOCK, LANES, Lanes, Line};
use crate::simd::Fused;
use pulp::x86::{V3, V4};
use pulp::{f32x8, f32x16, u32x8, u32x16};

impl Lanes for V3 {
    type Arithmetic = Fused;
    type Vector = [f32x8; 2];
    type Words = [u32x8; 2];
    const WIDE: bool = false;

    #[inline(always)]
    fn splat(self, value: f32) -> [f32x8; 2] {
        [self.splat_f32x8(value); 2]
    }

    #[inline(always)]
    fn load(self, line: &Line) -> [f32x8; 2] {
        pulp::cast(line.0)
    }

    #[inline(always)]
    fn store(self, vector: [f32x8; 2], line: &mut Line) {
        line.0 = pulp::cast(vector);
    }

    #[inline(always)]
    fn multiply_add(self, a: [f32x8; 2], b: [f32x8; 2], c: [f32x8; 2]) -> [f32x8; 2] {
        [self.mul_add_f32x8(a[0], b[0], c[0]), self.mul_add_f32x8(a[1], b[1], c[1])]
    }

    #[inline(always)]
    fn words(self, words: &[u32; LANES]) -> [u32x8; 2] {
        pulp::cast(*words)
    }

    #[inline(always)]
    fn choose(
        self,
        slot: u32,
        low: [u32x8; 2],
        span: [u32x8; 2],
        inside: [f32x8; 2],
        outside: [f32x8; 2],
    ) -> [f32x8; 2] {
        let half = |half: usize| {
            let from_low = self.wrapping_sub_u32x8(self.splat_u32x8(slot), low[half]);
            self.select_f32x8(self.cmp_le_u32x8(from_low, span[half]), inside[half], outside[half])
        };
        [half(0), half(1)]
    }

    #[inline(always)]
    fn transpose(self, rows: [[f32; BLOCK]; BLOCK]) -> [[f32; BLOCK]; BLOCK] {
        let avx = self.avx;
        let row = |index: usize| pulp::cast(rows[index]);
        let mut pairs = [row(0); BLOCK];
        for pair in 0..4 {
            pairs[2 * pair] = avx._mm256_unpacklo_ps(row(2 * pair), row(2 * pair + 1));
            pairs[2 * pair + 1] = avx._mm256_unpackhi_ps(row(2 * pair), row(2 * pair + 1));
        }
        let mut quads = pairs;
        for half in 0..2 {
            let at = 4 * half;
            quads[at] = avx._mm256_shuffle_ps::<0x44>(pairs[at], pairs[at + 2]);
            quads[at + 1] = avx._mm256_shuffle_ps::<0xee>(pairs[at], pairs[at + 2]);
            quads[at + 2] = avx._mm256_shuffle_ps::<0x44>(pairs[at + 1], pairs[at + 3]);
            quads[at + 3] = avx._mm256_shuffle_ps::<0xee>(pairs[at + 1], pairs[at + 3]);
        }
        let mut columns = [[0.0; BLOCK]; BLOCK];
        for column in 0..4 {
            columns[column] = pulp::cast(avx._mm256_permute2f128_ps::<0x20>(quads[column], quads[column + 4]));
            columns[column + 4] = pulp::cast(avx._mm256_permute2f128_ps::<0x31>(quads[column], quads[column + 4]));
        }
        columns
    }
}

impl Lanes for V4 {
    type Arithmetic = Fused;
    type Vector = f32x16;
    type Words = u32x16;
    const WIDE: bool = true;

    #[inline(always)]
    fn splat(self, value: f32) -> f32x16 {
        self.splat_f32x16(value)
    }

    #[inline(always)]
    fn load(self, line: &Line) -> f32x16 {
        pulp::cast(line.0)
    }

    #[inline(always)]
    fn store(self, vector: f32x16, line: &mut Line) {
        line.0 = pulp::cast(vector);
    }

    #[inline(always)]
    fn multiply_add(self, a: f32x16, b: f32x16, c: f32x16) -> f32x16 {
        self.mul_add_f32x16(a, b, c)
    }

    #[inline(always)]
    fn words(self, words: &[u32; LANES]) -> u32x16 {
        pulp::cast(*words)
    }

    #[inline(always)]
    fn choose(self, slot: u32, low: u32x16, span: u32x16, inside: f32x16, outside: f32x16) -> f32x16 {
        let from_low = self.wrapping_sub_u32x16(self.splat_u32x16(slot), low);
        self.select_f32x16(self.cmp_le_u32x16(from_low, span), inside, outside)
    }

    #[inline(always)]
    fn transpose(self, rows: [[f32; BLOCK]; BLOCK]) -> [[f32; BLOCK]; BLOCK] {
        let narrow: V3 = *self;
        narrow.transpose(rows)
    }
}
