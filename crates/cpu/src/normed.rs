//! Row tiles of a layer-normed stream, which the products that follow read; never a whole one.

use crate::norm;
use crate::simd::{Arithmetic, Kernel};
use crate::stream::Unit;

/// Writes LN(x)·γ + β of some rows; with `keep`, also n and 1/√(var + ε) for the backward pass.
pub(crate) struct NormTile<'a> {
    /// The rows' words.
    pub x: &'a [u32],
    pub unit: Unit,
    pub gamma: &'a [f32],
    pub beta: &'a [f32],
    /// `[rows, width]`.
    pub out: &'a mut [f32],
    /// n `[rows, width]` and 1/√(var + ε) `[rows]`.
    pub keep: Option<(&'a mut [f32], &'a mut [f32])>,
}

impl Kernel for NormTile<'_> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arithmetic>(self) {
        let width = self.gamma.len();
        match self.keep {
            None => {
                for (x, out) in self.x.chunks_exact(width).zip(self.out.chunks_exact_mut(width)) {
                    self.unit.load(x, out);
                    norm::normalise(out);
                    for index in 0..width {
                        out[index] = A::multiply_add(out[index], self.gamma[index], self.beta[index]);
                    }
                }
            }
            Some((normalised, inverse)) => {
                let rows = self.x.chunks_exact(width).zip(self.out.chunks_exact_mut(width));
                for (row, (x, out)) in rows.enumerate() {
                    let own = &mut normalised[row * width..(row + 1) * width];
                    self.unit.load(x, own);
                    inverse[row] = norm::normalise(own);
                    norm::scale_and_shift::<A>(own, self.gamma, self.beta, out);
                }
            }
        }
    }
}

/// dx += the layer norm's gradient, for some rows.
pub(crate) struct NormTileBackward<'a> {
    pub normalised: &'a [f32],
    pub inverse: &'a [f32],
    pub gamma: &'a [f32],
    pub d: &'a [f32],
    pub dx: &'a mut [f32],
}

impl Kernel for NormTileBackward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arithmetic>(self) {
        let width = self.gamma.len();
        for (row, dx) in self.dx.chunks_exact_mut(width).enumerate() {
            let rows = row * width..(row + 1) * width;
            norm::backward::<A>(&self.normalised[rows.clone()], self.inverse[row], self.gamma, &self.d[rows], dx);
        }
    }
}
