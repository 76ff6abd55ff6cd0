//! Lanes with NEON, as every aarch64 machine has it: a vector is four registers of 32. Which level runs is chosen in `lanes.rs`.

use super::{BLOCK, LANES, Lanes, Line};
use crate::simd::Fused;
use pulp::aarch64::Neon;
use pulp::{f32x4, f64x2, u32x4};
use std::array::from_fn;

/// Registers of a vector.
const PARTS: usize = 4;
/// Rows and columns of a block that registers hold whole.
const QUARTER: usize = BLOCK / 2;

impl Lanes for Neon {
    type Arithmetic = Fused;
    type Vector = [f32x4; PARTS];
    type Words = [u32x4; PARTS];
    const WIDE: bool = false;

    #[inline(always)]
    fn splat(self, value: f32) -> [f32x4; PARTS] {
        [self.splat_f32x4(value); PARTS]
    }

    #[inline(always)]
    fn load(self, line: &Line) -> [f32x4; PARTS] {
        pulp::cast(line.0)
    }

    #[inline(always)]
    fn store(self, vector: [f32x4; PARTS], line: &mut Line) {
        line.0 = pulp::cast(vector);
    }

    #[inline(always)]
    fn multiply_add(self, a: [f32x4; PARTS], b: [f32x4; PARTS], c: [f32x4; PARTS]) -> [f32x4; PARTS] {
        from_fn(|part| self.mul_add_f32x4(a[part], b[part], c[part]))
    }

    #[inline(always)]
    fn words(self, words: &[u32; LANES]) -> [u32x4; PARTS] {
        pulp::cast(*words)
    }

    #[inline(always)]
    fn choose(
        self,
        slot: u32,
        low: [u32x4; PARTS],
        span: [u32x4; PARTS],
        inside: [f32x4; PARTS],
        outside: [f32x4; PARTS],
    ) -> [f32x4; PARTS] {
        from_fn(|part| {
            let from_low = self.wrapping_sub_u32x4(self.splat_u32x4(slot), low[part]);
            self.select_f32x4(self.cmp_le_u32x4(from_low, span[part]), inside[part], outside[part])
        })
    }

    #[inline(always)]
    fn transpose(self, rows: [[f32; BLOCK]; BLOCK]) -> [[f32; BLOCK]; BLOCK] {
        let rows: [[f32x4; 2]; BLOCK] = pulp::cast(rows);
        let mut columns = [[self.splat_f32x4(0.0); 2]; BLOCK];
        for from in 0..2 {
            for to in 0..2 {
                let block = transpose(self, from_fn(|row| rows[to * QUARTER + row][from]));
                for (column, block) in block.into_iter().enumerate() {
                    columns[from * QUARTER + column][to] = block;
                }
            }
        }
        pulp::cast(columns)
    }
}

/// Columns of four rows: numbers change places within pairs, then pairs do.
#[inline(always)]
fn transpose(simd: Neon, rows: [f32x4; QUARTER]) -> [f32x4; QUARTER] {
    let neon = simd.neon;
    let pair = |first: usize| -> [f64x2; 2] {
        let (a, b) = (pulp::cast(rows[first]), pulp::cast(rows[first + 1]));
        [pulp::cast(neon.vtrn1q_f32(a, b)), pulp::cast(neon.vtrn2q_f32(a, b))]
    };
    let (upper, lower) = (pair(0), pair(2));
    from_fn(|column| {
        let (a, b) = (pulp::cast(upper[column % 2]), pulp::cast(lower[column % 2]));
        pulp::cast(if column < 2 { neon.vtrn1q_f64(a, b) } else { neon.vtrn2q_f64(a, b) })
    })
}
