//! `lsh_hash` on the CPU: projections ascending in the head's dimensions, then an argmax per factor.

use crate::environment::{Environment, Fault, Operands};
use crate::scratch;
use crate::simd::{self, Arithmetic, Kernel};
use rayon::prelude::*;
use reformer_tensor::op::LshHash;

pub(super) fn run(op: &LshHash, environment: &Environment, operands: &mut Operands<'_>) -> Result<(), Fault> {
    let [qk, rotations] = &operands.reads[..] else { return Ok(()) };
    let rows = qk.shape.dim(0);
    let (qk, rotations) = (qk.f32(), rotations.f32());
    let size = op.heads.width * op.columns();
    operands.writes[0].u32().par_chunks_mut(rows.max(1)).enumerate().for_each(|(index, out)| {
        let (head, round) = (index / op.rounds, index % op.rounds);
        let first = ((op.heads.first + head) * op.rounds + round) * size;
        let rotation = &rotations[first..first + size];
        simd::run(environment.level, Round { op, qk, head, rotation, out });
    });
    Ok(())
}

/// One head and round.
struct Round<'a> {
    op: &'a LshHash,
    qk: &'a [f32],
    head: usize,
    rotation: &'a [f32],
    out: &'a mut [u32],
}

impl Kernel for Round<'_> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arithmetic>(self) {
        let (width, stride, columns) = (self.op.heads.width, self.op.heads.columns(), self.op.columns());
        scratch::with([columns], |[projected]| {
            for (row, out) in self.out.iter_mut().enumerate() {
                let start = row * stride + self.head * width;
                let x = &self.qk[start..start + width];
                projected.fill(0.0);
                for (d, &x) in x.iter().enumerate() {
                    for (sum, &factor) in projected.iter_mut().zip(&self.rotation[d * columns..(d + 1) * columns]) {
                        *sum = A::multiply_add(x, factor, *sum);
                    }
                }
                *out = bucket(&self.op.factors, projected);
            }
        });
    }
}

/// Σ stride · argmax([y, −y]) over the factors; ties to the lowest index.
#[inline(always)]
fn bucket(factors: &[usize], projected: &[f32]) -> u32 {
    let (mut bucket, mut stride, mut at) = (0, 1, 0);
    for &factor in factors {
        let own = &projected[at..at + factor / 2];
        let mut best = (0, f32::NEG_INFINITY);
        for (index, value) in own.iter().copied().chain(own.iter().map(|value| -value)).enumerate() {
            if value > best.1 {
                best = (index, value);
            }
        }
        bucket += stride * best.0;
        stride *= factor;
        at += factor / 2;
    }
    bucket as u32
}
