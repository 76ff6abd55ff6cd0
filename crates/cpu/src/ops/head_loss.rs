//! `head_loss` on the CPU: tiles of scored rows; a tile's logits are all that there is of them. The head's parts are here for
//! its gradient and for `logits` too.

pub(super) mod naive;

use crate::environment::{Environment, Fault, Kernels, Level, Operands};
use crate::math;
use crate::norm::{self, LANES};
use crate::product::Matrix;
use crate::scratch;
use crate::simd::{self, Arithmetic, Kernel};
use crate::stream::Unit;
use crate::tiles::{Need, cut, try_each};
use crate::weight::Weight;
use reformer_tensor::Shape;
use reformer_tensor::op::HeadLoss;
use std::ops::Range;

/// Consecutive rows whose logits are made together: few, since a row of logits is long.
pub(super) const TILE: usize = 64;

/// Normed rows and logits of a tile.
fn tile_lengths(rows: usize, width: usize, vocabulary: usize) -> [usize; 2] {
    [rows * 2 * width, rows * vocabulary]
}

pub(super) fn need(y: Shape, weight: Shape) -> Need {
    Need::new(&[], &tile_lengths(TILE.min(y.dim(0)), y.dim(1), weight.dim(1)))
}

pub(super) fn run(_op: &HeadLoss, environment: &Environment, operands: &mut Operands<'_>) -> Result<(), Fault> {
    if environment.kernels == Kernels::Naive {
        return naive::run(operands);
    }
    let head = Head::of(operands);
    let (targets, weights) = (operands.reads[6].u32(), operands.reads[7].f32());
    check_targets(targets, weights, head.vocabulary)?;
    let losses = operands.writes[0].f32();
    try_each(cut(losses, 1, TILE).collect(), |(first, losses)| {
        losses.fill(0.0);
        let rows = scored(weights, first..first + losses.len());
        scratch::with(tile_lengths(rows.len(), head.width, head.vocabulary), |[normed, logits]| {
            head.logits(environment.level, &rows, normed, logits, None);
            for (&row, logits) in rows.iter().zip(logits.chunks_exact_mut(head.vocabulary)) {
                let (target, weight) = (targets[row] as usize, weights[row]);
                let loss = RowLoss { logits, target, weight, gradient: false };
                losses[row - first] = simd::run(environment.level, loss);
            }
        });
        Ok(())
    })
}

/// The targets of scored rows must be in the vocabulary.
pub(super) fn check_targets(targets: &[u32], weights: &[f32], vocabulary: usize) -> Result<(), Fault> {
    let wrong = |&row: &usize| weights[row] != 0.0 && targets[row] as usize >= vocabulary;
    match (0..weights.len()).find(wrong) {
        Some(at) => Err(Fault::Index { operand: "targets", value: targets[at], at, largest: vocabulary as u32 - 1 }),
        None => Ok(()),
    }
}

/// The rows of a few that are scored.
pub(super) fn scored(weights: &[f32], rows: Range<usize>) -> Vec<usize> {
    rows.filter(|&row| weights[row] != 0.0).collect()
}

/// The head's operands.
#[derive(Clone, Copy)]
pub(super) struct Head<'a> {
    pub y: [&'a [u32]; 2],
    pub unit: Unit,
    pub gamma: &'a [f32],
    pub beta: &'a [f32],
    pub weight: Weight<'a>,
    pub bias: &'a [f32],
    pub width: usize,
    pub vocabulary: usize,
}

impl<'a> Head<'a> {
    /// From the operands of `head_loss` or its gradient.
    pub fn of(operands: &Operands<'a>) -> Self {
        let reads = &operands.reads;
        Self {
            y: [reads[0].u32(), reads[1].u32()],
            unit: Unit::of(reads[0].dtype),
            gamma: reads[2].f32(),
            beta: reads[3].f32(),
            weight: reads[4].weight(),
            bias: reads[5].f32(),
            width: reads[0].shape.dim(1),
            vocabulary: reads[4].shape.dim(1),
        }
    }

    /// Normed rows `[rows, 2·width]` and logits `[rows, vocabulary]` of chosen rows; `keep` takes n and 1/√(var + ε).
    pub fn logits(
        &self,
        level: Level,
        rows: &[usize],
        normed: &mut [f32],
        logits: &mut [f32],
        keep: Option<(&mut [f32], &mut [f32])>,
    ) {
        simd::run(level, JoinAndNorm { head: *self, rows, normed: &mut *normed, keep });
        let (wide, vocabulary) = (2 * self.width, self.vocabulary);
        let size = (rows.len(), wide, vocabulary);
        self.weight.product(size, Matrix::rows(normed, wide), vocabulary, logits, vocabulary, false);
        simd::run(level, AddBias { bias: self.bias, values: logits });
    }
}

struct JoinAndNorm<'a, 'b> {
    head: Head<'a>,
    rows: &'b [usize],
    normed: &'b mut [f32],
    keep: Option<(&'b mut [f32], &'b mut [f32])>,
}

impl Kernel for JoinAndNorm<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arithmetic>(mut self) {
        let head = self.head;
        let width = head.width;
        for (index, (&row, out)) in self.rows.iter().zip(self.normed.chunks_exact_mut(2 * width)).enumerate() {
            for (y, half) in head.y.iter().zip(out.chunks_exact_mut(width)) {
                head.unit.load(&y[row * width..(row + 1) * width], half);
            }
            let inverse = norm::normalise(out);
            if let Some((normalised, inverses)) = &mut self.keep {
                normalised[index * 2 * width..(index + 1) * 2 * width].copy_from_slice(out);
                inverses[index] = inverse;
            }
            for ((out, &gamma), &beta) in out.iter_mut().zip(head.gamma).zip(head.beta) {
                *out = A::multiply_add(*out, gamma, beta);
            }
        }
    }
}

/// values += bias, row by row.
struct AddBias<'a> {
    bias: &'a [f32],
    values: &'a mut [f32],
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

/// weight·(log Σ exp(logits) − logit of the target): the exact maximum first, then the sum in a fixed order. With `gradient` the
/// logits become their gradients, weight·(softmax − 1 at the target); without, they are used up.
pub(super) struct RowLoss<'a> {
    pub logits: &'a mut [f32],
    pub target: usize,
    pub weight: f32,
    pub gradient: bool,
}

impl Kernel for RowLoss<'_> {
    type Output = f32;

    #[inline(always)]
    fn run<A: Arithmetic>(self) -> f32 {
        let Self { logits, target, weight, gradient } = self;
        let target_logit = logits[target];
        let most = maximum(logits);
        let mut lanes = [0.0; LANES];
        let (chunks, rest) = logits.as_chunks_mut::<LANES>();
        for chunk in chunks {
            for lane in 0..LANES {
                chunk[lane] = math::exp::<A>(chunk[lane] - most);
                lanes[lane] += chunk[lane];
            }
        }
        for (lane, logit) in lanes.iter_mut().zip(rest) {
            *logit = math::exp::<A>(*logit - most);
            *lane += *logit;
        }
        let sum = norm::tree(lanes);
        if gradient {
            let scale = weight / sum;
            for logit in logits.iter_mut() {
                *logit *= scale;
            }
            logits[target] -= weight;
        }
        weight * (most + math::ln::<A>(sum) - target_logit)
    }
}

/// The largest number; a NaN among them shows in what is computed with it.
#[inline(always)]
fn maximum(numbers: &[f32]) -> f32 {
    let larger = |a: f32, b: f32| if a > b { a } else { b };
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let (chunks, rest) = numbers.as_chunks::<LANES>();
    for chunk in chunks {
        for lane in 0..LANES {
            lanes[lane] = larger(chunk[lane], lanes[lane]);
        }
    }
    lanes.iter().chain(rest).fold(f32::NEG_INFINITY, |most, &number| larger(number, most))
}
