//! `head_loss` on the CPU: tiles of scored rows; a tile's logits are all that there is of them.

use crate::environment::{Environment, Fault, Level, Operands};
use crate::math;
use crate::norm::{self, LANES};
use crate::product::{Matrix, product};
use crate::scratch;
use crate::simd::{self, Arithmetic, Kernel};
use crate::stream::Unit;
use crate::tiles::try_each;
use reformer_tensor::op::HeadLoss;

/// Rows whose logits are made together: few, since a row of logits is long.
pub(super) const TILE: usize = 64;

pub(super) fn run(_op: &HeadLoss, environment: &Environment, operands: &mut Operands<'_>) -> Result<(), Fault> {
    let head = Head::of(operands);
    let (targets, weights) = (operands.reads[6].u32(), operands.reads[7].f32());
    let losses = operands.writes[0].f32();
    losses.fill(0.0);
    let rows = scored(targets, weights, head.vocabulary)?;
    let mut results = vec![0.0; rows.len()];
    try_each(rows.chunks(TILE).zip(results.chunks_mut(TILE)).collect(), |(rows, results)| {
        scratch::with([rows.len() * 2 * head.width, rows.len() * head.vocabulary], |[normed, logits]| {
            head.logits(environment.level, rows, normed, logits, None);
            for ((&row, logits), result) in rows.iter().zip(logits.chunks_exact(head.vocabulary)).zip(results) {
                let z = simd::run(environment.level, LogSum { logits, probabilities: None });
                *result = weights[row] * (z - logits[targets[row] as usize]);
            }
        });
        Ok(())
    })?;
    for (&row, result) in rows.iter().zip(results) {
        losses[row] = result;
    }
    Ok(())
}

/// The rows that are scored; their targets must be in the vocabulary.
pub(super) fn scored(targets: &[u32], weights: &[f32], vocabulary: usize) -> Result<Vec<usize>, Fault> {
    let rows: Vec<usize> = (0..weights.len()).filter(|&row| weights[row] != 0.0).collect();
    match rows.iter().find(|&&row| targets[row] as usize >= vocabulary) {
        Some(&at) => Err(Fault::Index { operand: "targets", value: targets[at], at, largest: vocabulary as u32 - 1 }),
        None => Ok(rows),
    }
}

/// The head's operands.
#[derive(Clone, Copy)]
pub(super) struct Head<'a> {
    pub y: [&'a [u32]; 2],
    pub unit: Unit,
    pub gamma: &'a [f32],
    pub beta: &'a [f32],
    pub weight: &'a [f32],
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
            weight: reads[4].f32(),
            bias: reads[5].f32(),
            width: reads[0].shape.dim(1),
            vocabulary: reads[4].shape.dim(1),
        }
    }

    /// Normed rows [rows, 2·width] and logits [rows, vocabulary] of chosen rows; `keep` takes n and 1/√(var + ε).
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
        product(
            (rows.len(), wide, vocabulary),
            Matrix::rows(normed, wide),
            Matrix::rows(self.weight, vocabulary),
            logits,
            vocabulary,
            false,
        );
        simd::run(level, super::feed_forward::AddBias { bias: self.bias, values: logits });
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
            for at in 0..2 * width {
                out[at] = A::multiply_add(out[at], head.gamma[at], head.beta[at]);
            }
        }
    }
}

/// log Σ exp of a row: exact maximum, then the sum in fixed order. With `probabilities`, also exp(logit − z).
pub(super) struct LogSum<'a> {
    pub logits: &'a [f32],
    pub probabilities: Option<&'a mut [f32]>,
}

impl Kernel for LogSum<'_> {
    type Output = f32;

    #[inline(always)]
    fn run<A: Arithmetic>(self) -> f32 {
        let logits = self.logits;
        let mut lanes = [f32::NEG_INFINITY; LANES];
        let whole = logits.len() - logits.len() % LANES;
        for chunk in logits[..whole].chunks_exact(LANES) {
            for lane in 0..LANES {
                lanes[lane] = if chunk[lane] > lanes[lane] { chunk[lane] } else { lanes[lane] };
            }
        }
        let mut most = f32::NEG_INFINITY;
        for &value in lanes.iter().chain(&logits[whole..]) {
            most = if value > most { value } else { most };
        }
        let sum = norm::sum(logits.len(), |index| math::exp::<A>(logits[index] - most));
        let z = most + math::ln::<A>(sum);
        if let Some(probabilities) = self.probabilities {
            for (probability, &logit) in probabilities.iter_mut().zip(logits) {
                *probability = math::exp::<A>(logit - z);
            }
        }
        z
    }
}
