//! `feed_forward` on the CPU: row tiles; a tile's hidden layer is all that there is of it.

mod naive;

use crate::dropout::Mask;
use crate::environment::{Environment, Fault, Kernels, Operands};
use crate::math;
use crate::normed::NormTile;
use crate::product::Matrix;
use crate::scratch;
use crate::simd::{self, Arithmetic, Kernel};
use crate::stream::{AddShares, Unit};
use crate::tiles::{Need, cut, tile_rows, try_each};
use reformer_tensor::op::FeedForward;
use reformer_tensor::{Activation, Shape};

/// Normed rows, hidden layer and mask of a tile.
fn tile_lengths(mask: Mask, rows: usize, width: usize, hidden: usize) -> [usize; 3] {
    [rows * width, rows * hidden, mask.numbers(rows, width)]
}

pub(super) fn need(op: &FeedForward, x: Shape, w1: Shape, environment: &Environment) -> Need {
    let rows = tile_rows(x.dim(0), environment);
    Need::new(&[], &tile_lengths(Mask::new(op.dropout, &[0, 0]), rows, x.dim(1), w1.dim(1)))
}

pub(super) fn run(op: &FeedForward, environment: &Environment, operands: &mut Operands<'_>) -> Result<(), Fault> {
    if environment.kernels == Kernels::Naive {
        return naive::run(op, operands);
    }
    let [x, gamma, beta, w1, b1, w2, b2, key] = &operands.reads[..] else { return Ok(()) };
    let stream = &mut operands.updates[0];
    let (total, width, hidden) = (x.shape.dim(0), x.shape.dim(1), w1.shape.dim(1));
    let mask = Mask::new(op.dropout, key.u32());
    let (level, unit) = (environment.level, Unit::of(stream.dtype));
    let rows = tile_rows(total, environment);
    try_each(cut(stream.u32(), width, rows).collect(), |(first, stream)| {
        let count = stream.len() / width;
        scratch::with(tile_lengths(mask, count, width, hidden), |[normed, active, factors]| {
            let norm = NormTile {
                x: &x.u32()[first * width..(first + count) * width],
                unit: Unit::of(x.dtype),
                gamma: gamma.f32(),
                beta: beta.f32(),
                out: normed,
                keep: None,
            };
            simd::run(level, norm);
            w1.weight().product((count, width, hidden), Matrix::rows(normed, width), hidden, active, hidden, false);
            let bias = b1.f32();
            simd::run(level, Activate { activation: op.activation, bias, values: active, derivative: None });
            // The normed rows have done their work: their place takes the share.
            let share = normed;
            w2.weight().product((count, hidden, width), Matrix::rows(active, hidden), width, share, width, false);
            let factors = mask.rows(level, first, width, factors);
            let (bias, direction) = (Some(b2.f32()), op.direction);
            simd::run(level, AddShares { width, unit, direction, bias, factors, share, stream })
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
