//! `head_loss_gradient` on the CPU: per block of rows, the scored ones among them in tiles, then the weights' sums.

mod naive;

use super::head_loss::{Head, RowLoss, check_targets, scored};
use crate::environment::{Environment, Fault, Kernels, Operands};
use crate::normed::NormTileBackward;
use crate::product::{Matrix, product};
use crate::scratch;
use crate::simd;
use crate::sums::BlockSums;
use crate::tiles::{Need, cut, tile_rows, try_each};
use reformer_tensor::Shape;
use reformer_tensor::op::{HeadLossGradient, ROW_BLOCK};

/// Rows of a tile at most: a row of logits is long.
const MOST_ROWS: usize = 128;

/// The weight, transposed; then a block's normed rows, n, gradients of logits and of normed rows, the streams' gradients and losses.
fn shared_lengths(rows: usize, wide: usize, vocabulary: usize) -> [usize; 7] {
    [wide * vocabulary, rows * wide, rows * wide, rows * vocabulary, rows * wide, rows * wide, rows]
}

pub(super) fn need(y: Shape, weight: Shape) -> Need {
    let rows = ROW_BLOCK.min(y.dim(0));
    Need::new(&shared_lengths(rows, weight.dim(0), weight.dim(1)), &[rows.min(MOST_ROWS)])
}

/// One tile's share of a block's scratch.
struct Tile<'a> {
    rows: &'a [usize],
    normed: &'a mut [f32],
    normalised: &'a mut [f32],
    d_logits: &'a mut [f32],
    d_normed: &'a mut [f32],
    dx: &'a mut [f32],
    losses: &'a mut [f32],
}

pub(super) fn run(_op: &HeadLossGradient, environment: &Environment, operands: &mut Operands<'_>) -> Result<(), Fault> {
    if environment.kernels == Kernels::Naive {
        return naive::run(operands);
    }
    let head = Head::of(operands);
    let (targets, weights) = (operands.reads[6].u32(), operands.reads[7].f32());
    check_targets(targets, weights, head.vocabulary)?;
    let (width, wide, vocabulary) = (head.width, 2 * head.width, head.vocabulary);
    for result in &mut operands.writes {
        result.f32().fill(0.0);
    }
    let [dgamma, dbeta, dweight, dbias] = &mut operands.updates[..] else { return Ok(()) };
    let [dy1, dy2, losses] = &mut operands.writes[..] else { return Ok(()) };
    let (dy1, dy2, losses) = (dy1.f32(), dy2.f32(), losses.f32());
    let total = weights.len();
    let lengths = shared_lengths(ROW_BLOCK.min(total), wide, vocabulary);
    scratch::with(lengths, |[transposed, normed, normalised, d_logits, d_normed, dx, own_losses]| {
        head.weight.transpose(vocabulary, (wide, vocabulary), transposed);
        for block in (0..total).step_by(ROW_BLOCK) {
            // Consecutive rows, of which only the scored ones take part.
            let rows = scored(weights, block..total.min(block + ROW_BLOCK));
            let count = rows.len();
            if count == 0 {
                // Padding alone: a batch that the epoch's last rows don't fill.
                continue;
            }
            let tile_size = tile_rows(count, environment).min(MOST_ROWS);
            let [normed, normalised, d_normed, dx] =
                [&mut *normed, normalised, d_normed, dx].map(|rows| &mut rows[..count * wide]);
            let d_logits = &mut d_logits[..count * vocabulary];
            let tiles: Vec<Tile<'_>> = {
                let mut parts = [&mut *normed, normalised, d_normed, dx].map(|part| cut(part, wide, tile_size));
                let logits = cut(d_logits, vocabulary, tile_size).zip(cut(&mut own_losses[..count], 1, tile_size));
                let tile = |(rows, ((_, d_logits), (_, losses)))| {
                    let [normed, normalised, d_normed, dx] =
                        parts.each_mut().map(|part| part.next().map_or(&mut [][..], |(_, rows)| rows));
                    Tile { rows, normed, normalised, d_logits, d_normed, dx, losses }
                };
                rows.chunks(tile_size).zip(logits).map(tile).collect()
            };
            let context = Context { environment, head, transposed, targets, weights };
            try_each(tiles, |tile| {
                context.tile(tile);
                Ok(())
            })?;
            for (index, &row) in rows.iter().enumerate() {
                losses[row] = own_losses[index];
                let (first, second) = dx[index * wide..(index + 1) * wide].split_at(width);
                dy1[row * width..(row + 1) * width].copy_from_slice(first);
                dy2[row * width..(row + 1) * width].copy_from_slice(second);
            }
            let mut sums = BlockSums::default();
            sums.weight((normed, wide), (d_logits, vocabulary), dweight.f32(), (vocabulary, 0));
            sums.columns(d_logits, dbias.f32());
            sums.norm(normalised, d_normed, dgamma.f32(), dbeta.f32());
            sums.run(environment)?;
        }
        Ok(())
    })
}

/// What all tiles share.
struct Context<'a> {
    environment: &'a Environment,
    head: Head<'a>,
    /// `[vocabulary, 2·width]`.
    transposed: &'a [f32],
    targets: &'a [u32],
    weights: &'a [f32],
}

impl Context<'_> {
    fn tile(&self, tile: Tile<'_>) {
        let Tile { rows, normed, normalised, d_logits, d_normed, dx, losses } = tile;
        let (level, head) = (self.environment.level, self.head);
        let (count, wide, vocabulary) = (rows.len(), 2 * head.width, head.vocabulary);
        scratch::with([count], |[inverse]| {
            head.logits(level, rows, normed, d_logits, Some((&mut *normalised, &mut *inverse)));
            for ((&row, logits), loss) in rows.iter().zip(d_logits.chunks_exact_mut(vocabulary)).zip(losses) {
                let (target, weight) = (self.targets[row] as usize, self.weights[row]);
                *loss = simd::run(level, RowLoss { logits, target, weight, gradient: true });
            }
            let (left, weight) = (Matrix::rows(d_logits, vocabulary), Matrix::rows(self.transposed, wide));
            product((count, vocabulary, wide), left, weight, d_normed, wide, false);
            dx.fill(0.0);
            simd::run(level, NormTileBackward { normalised, inverse, gamma: head.gamma, d: d_normed, dx });
        });
    }
}
