//! `feed_forward_gradient` on the CPU: per block of rows, first what belongs to rows (the share to rebuild among it), then the
//! weights' sums.

mod naive;

use super::feed_forward::Activate;
use crate::dropout::{Mask, Multiply};
use crate::environment::{Environment, Fault, Kernels, Operands};
use crate::normed::{NormTile, NormTileBackward};
use crate::product::{Matrix, product};
use crate::scratch;
use crate::simd::{self, Arithmetic, Kernel};
use crate::stream::{AddShares, Unit};
use crate::sums::BlockSums;
use crate::tiles::{Need, cut, tile_rows, try_each};
use crate::weight::Weight;
use reformer_tensor::op::{FeedForwardGradient, ROW_BLOCK};
use reformer_tensor::{Direction, Shape};

/// Both weights, transposed; then a block's n, normed rows, hidden layer, its gradient, masked gradient and gradient of the normed rows.
fn shared_lengths(mask: Mask, rows: usize, width: usize, hidden: usize) -> [usize; 8] {
    let (size, wide, deep) = (width * hidden, rows * width, rows * hidden);
    [size, size, wide, wide, deep, deep, mask.numbers(rows, width), wide]
}

/// A tile's 1/√(var + ε), derivative of the activation, mask, and share.
fn tile_lengths(op: &FeedForwardGradient, mask: Mask, rows: usize, width: usize, hidden: usize) -> [usize; 4] {
    [rows, rows * hidden, mask.numbers(rows, width), if op.rebuild { rows * width } else { 0 }]
}

pub(super) fn need(op: &FeedForwardGradient, x: Shape, w1: Shape, environment: &Environment) -> Need {
    let (rows, width, hidden) = (ROW_BLOCK.min(x.dim(0)), x.dim(1), w1.dim(1));
    let mask = Mask::new(op.dropout, &[0, 0]);
    let tile = tile_lengths(op, mask, tile_rows(rows, environment), width, hidden);
    Need::new(&shared_lengths(mask, rows, width, hidden), &tile)
}

/// One tile's share of a block's scratch.
struct Tile<'a> {
    /// The number of its first row.
    first: usize,
    normalised: &'a mut [f32],
    normed: &'a mut [f32],
    active: &'a mut [f32],
    d_hidden: &'a mut [f32],
    /// Empty where nothing is dropped.
    masked: &'a mut [f32],
    d_normed: &'a mut [f32],
    dx: &'a mut [f32],
    stream: Option<&'a mut [u32]>,
}

pub(super) fn run(
    op: &FeedForwardGradient,
    environment: &Environment,
    operands: &mut Operands<'_>,
) -> Result<(), Fault> {
    if environment.kernels == Kernels::Naive {
        return naive::run(op, operands);
    }
    let [x, gamma, beta, dy, w1, b1, w2, b2, key] = &operands.reads[..] else { return Ok(()) };
    let (total, width, hidden) = (x.shape.dim(0), x.shape.dim(1), w1.shape.dim(1));
    let mask = Mask::new(op.dropout, key.u32());
    let [dx, dgamma, dbeta, dw1, db1, dw2, db2, stream @ ..] = &mut operands.updates[..] else { return Ok(()) };
    let dx = dx.f32();
    let stream_unit = stream.first().map_or(Unit::of(x.dtype), |stream| Unit::of(stream.dtype));
    let mut stream = stream.first_mut().map(|stream| stream.u32());
    let lengths = shared_lengths(mask, ROW_BLOCK.min(total), width, hidden);
    scratch::with(lengths, |[w1_transposed, w2_transposed, normalised, normed, active, d_hidden, masked, d_normed]| {
        w1.weight().transpose(hidden, (width, hidden), w1_transposed);
        w2.weight().transpose(width, (hidden, width), w2_transposed);
        let context = Context {
            op,
            environment,
            x: (x.u32(), Unit::of(x.dtype)),
            norm: [gamma.f32(), beta.f32()],
            dy: dy.f32(),
            weights: [w1.weight(), w2.weight()],
            transposed: [w1_transposed, w2_transposed],
            biases: [b1.f32(), b2.f32()],
            mask,
            stream_unit,
        };
        for block in (0..total).step_by(ROW_BLOCK) {
            let count = ROW_BLOCK.min(total - block);
            let rows = tile_rows(count, environment);
            let own = block * width..(block + count) * width;
            let [normalised, normed, d_normed] =
                [&mut *normalised, normed, d_normed].map(|rows| &mut rows[..count * width]);
            let [active, d_hidden] = [&mut *active, d_hidden].map(|rows| &mut rows[..count * hidden]);
            let masked = &mut masked[..mask.numbers(count, width)];
            let own_dx = &mut dx[own.clone()];
            let tiles: Vec<Tile<'_>> = {
                let mut wide = [&mut *normalised, normed, d_normed, own_dx].map(|part| cut(part, width, rows));
                let mut deep = [&mut *active, d_hidden].map(|part| cut(part, hidden, rows));
                let mut masked = cut(masked, width, rows);
                let mut stream = stream.as_deref_mut().map(|stream| cut(&mut stream[own.clone()], width, rows));
                let tile = |first| {
                    let [normalised, normed, d_normed, dx] = wide.each_mut().map(next);
                    let [active, d_hidden] = deep.each_mut().map(next);
                    let (masked, stream) = (next(&mut masked), stream.as_mut().map(next));
                    Tile { first: block + first, normalised, normed, active, d_hidden, masked, d_normed, dx, stream }
                };
                (0..count).step_by(rows).map(tile).collect()
            };
            try_each(tiles, |tile| context.tile(tile))?;
            let masked = if masked.is_empty() { &context.dy[own] } else { &*masked };
            let mut sums = BlockSums::default();
            sums.weight((normed, width), (d_hidden, hidden), dw1.f32(), (hidden, 0));
            sums.weight((active, hidden), (masked, width), dw2.f32(), (width, 0));
            sums.columns(d_hidden, db1.f32());
            sums.columns(masked, db2.f32());
            sums.norm(normalised, d_normed, dgamma.f32(), dbeta.f32());
            sums.run(environment)?;
        }
        Ok(())
    })
}

/// The next piece; nothing where there are none.
fn next<'a, T: 'a>(pieces: &mut impl Iterator<Item = (usize, &'a mut [T])>) -> &'a mut [T] {
    pieces.next().map_or(&mut [], |(_, piece)| piece)
}

/// What all tiles share.
struct Context<'a> {
    op: &'a FeedForwardGradient,
    environment: &'a Environment,
    x: (&'a [u32], Unit),
    /// γ and β.
    norm: [&'a [f32]; 2],
    dy: &'a [f32],
    /// `[width, hidden]` and `[hidden, width]`.
    weights: [Weight<'a>; 2],
    /// `[hidden, width]` and `[width, hidden]`.
    transposed: [&'a [f32]; 2],
    biases: [&'a [f32]; 2],
    mask: Mask,
    stream_unit: Unit,
}

impl Context<'_> {
    fn tile(&self, tile: Tile<'_>) -> Result<(), Fault> {
        let Tile { first, normalised, normed, active, d_hidden, masked, d_normed, dx, stream } = tile;
        let (op, level, mask) = (self.op, self.environment.level, self.mask);
        let [gamma, beta] = self.norm;
        let ([w1, w2], [b1, b2]) = (self.weights, self.biases);
        let (width, hidden) = (gamma.len(), b1.len());
        let count = dx.len() / width;
        let own = first * width..(first + count) * width;
        scratch::with(tile_lengths(op, mask, count, width, hidden), |[inverse, derivative, factors, share]| {
            let (x, unit) = (&self.x.0[own.clone()], self.x.1);
            let keep = Some((&mut *normalised, &mut *inverse));
            simd::run(level, NormTile { x, unit, gamma, beta, out: normed, keep });
            w1.product((count, width, hidden), Matrix::rows(normed, width), hidden, active, hidden, false);
            let activation = op.activation;
            let values = &mut *active;
            simd::run(level, Activate { activation, bias: b1, values, derivative: Some(&mut *derivative) });
            let factors = mask.rows(level, first, width, factors);
            if let Some(stream) = stream {
                w2.product((count, hidden, width), Matrix::rows(active, hidden), width, share, width, false);
                let (unit, direction) = (self.stream_unit, Direction::Reverse);
                simd::run(level, AddShares { width, unit, direction, bias: Some(b2), factors, share, stream })?;
            }
            let mut dy = &self.dy[own];
            if let Some(factors) = factors {
                simd::run(level, Multiply { values: dy, factors, out: &mut *masked });
                dy = masked;
            }
            let (left, right) = (Matrix::rows(dy, width), Matrix::rows(self.transposed[1], hidden));
            product((count, width, hidden), left, right, d_hidden, hidden, false);
            simd::run(level, MultiplyBy { values: d_hidden, factors: derivative });
            let (left, right) = (Matrix::rows(d_hidden, hidden), Matrix::rows(self.transposed[0], width));
            product((count, hidden, width), left, right, d_normed, width, false);
            simd::run(level, NormTileBackward { normalised, inverse, gamma, d: d_normed, dx });
            Ok(())
        })
    }
}

/// values ·= factors.
struct MultiplyBy<'a> {
    values: &'a mut [f32],
    factors: &'a [f32],
}

impl Kernel for MultiplyBy<'_> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arithmetic>(self) {
        for (value, &factor) in self.values.iter_mut().zip(self.factors) {
            *value *= factor;
        }
    }
}
