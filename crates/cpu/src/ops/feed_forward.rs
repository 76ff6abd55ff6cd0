//! `feed_forward` on the CPU: row tiles; a tile's hidden layer is all that there is of it.

use super::merge_heads::AddShares;
use crate::dropout::Mask;
use crate::environment::{Environment, Fault, Operands};
use crate::math;
use crate::normed::NormTile;
use crate::product::{Matrix, product};
use crate::scratch;
use crate::simd::{self, Arithmetic, Kernel};
use crate::stream::Unit;
use crate::tiles::{cut, tile_rows, try_each};
use reformer_tensor::Activation;
use reformer_tensor::op::FeedForward;

pub(super) fn run(op: &FeedForward, environment: &Environment, operands: &mut Operands<'_>) -> Result<(), Fault> {
    let [x, gamma, beta, w1, b1, w2, b2, key] = &operands.reads[..] else { return Ok(()) };
    let stream = &mut operands.updates[0];
    let (total, width, hidden) = (x.shape.dim(0), x.shape.dim(1), w1.shape.dim(1));
    let mask = Mask::new(op.dropout, key.u32());
    let unit = Unit::of(stream.dtype);
    let rows = tile_rows(total, environment);
    try_each(cut(stream.u32(), width, rows).collect(), |(first, stream)| {
        let count = stream.len() / width;
        scratch::with([count * width, count * hidden], |[normed, active]| {
            NormTile {
                x: &x.u32()[first * width..(first + count) * width],
                unit: Unit::of(x.dtype),
                gamma: gamma.f32(),
                beta: beta.f32(),
                out: normed,
                keep: None,
            }
            .run_at(environment.level);
            product(
                (count, width, hidden),
                Matrix::rows(normed, width),
                Matrix::rows(w1.f32(), hidden),
                active,
                hidden,
                false,
            );
            let kernel = Activate { activation: op.activation, bias: b1.f32(), values: active, derivative: None };
            simd::run(environment.level, kernel);
            // The normed rows have done their work: their place takes the share.
            let share = normed;
            product(
                (count, hidden, width),
                Matrix::rows(active, hidden),
                Matrix::rows(w2.f32(), width),
                share,
                width,
                false,
            );
            simd::run(environment.level, AddBias { bias: b2.f32(), values: share });
            AddShares { first, width, mask, unit, direction: op.direction, share, stream }.run_at(environment)
        })
    })
}

/// act(values + bias) in place, and the derivative where asked for.
pub(super) struct Activate<'a> {
    pub activation: Activation,
    pub bias: &'a [f32],
    pub values: &'a mut [f32],
    pub derivative: Option<&'a mut [f32]>,
}

impl Kernel for Activate<'_> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arithmetic>(self) {
        let width = self.bias.len();
        match (self.activation, self.derivative) {
            (Activation::Gelu, None) => {
                for row in self.values.chunks_exact_mut(width) {
                    for index in 0..width {
                        row[index] = math::gelu::<A>(row[index] + self.bias[index]).0;
                    }
                }
            }
            (Activation::Gelu, Some(derivative)) => {
                for (row, derivative) in self.values.chunks_exact_mut(width).zip(derivative.chunks_exact_mut(width)) {
                    for index in 0..width {
                        (row[index], derivative[index]) = math::gelu::<A>(row[index] + self.bias[index]);
                    }
                }
            }
            (Activation::Relu, None) => {
                for row in self.values.chunks_exact_mut(width) {
                    for index in 0..width {
                        row[index] = relu(row[index] + self.bias[index]);
                    }
                }
            }
            (Activation::Relu, Some(derivative)) => {
                for (row, derivative) in self.values.chunks_exact_mut(width).zip(derivative.chunks_exact_mut(width)) {
                    for index in 0..width {
                        row[index] = relu(row[index] + self.bias[index]);
                        derivative[index] = if row[index] > 0.0 { 1.0 } else { 0.0 };
                    }
                }
            }
        }
    }
}

/// max(x, 0) that keeps NaN: a diverged run must show, not vanish.
#[inline(always)]
fn relu(x: f32) -> f32 {
    if x < 0.0 { 0.0 } else { x }
}

/// values += bias, row by row.
pub(super) struct AddBias<'a> {
    pub bias: &'a [f32],
    pub values: &'a mut [f32],
}

impl Kernel for AddBias<'_> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arithmetic>(self) {
        for row in self.values.chunks_exact_mut(self.bias.len()) {
            for (value, &bias) in row.iter_mut().zip(self.bias) {
                *value += bias;
            }
        }
    }
}
