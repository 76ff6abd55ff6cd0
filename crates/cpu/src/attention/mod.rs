//! Attention over slot intervals: what the kernels of `attention`, `attention_gradient` and `attention_cached` share. The ops
//! themselves, and their operands, are in `ops/`.
//!
//! Lanes are queries: a tile is [`LANES`] consecutive slots, and every loop runs over keys with all queries side by side.
//! Then a product q·k is one chain of multiply-adds ascending over the head's dimensions, a maximum and a sum over keys
//! run in ascending slot order, and no bit of a query depends on which tile it sits in.

pub(crate) mod backward;
pub(crate) mod forward;
pub(crate) mod gather;
pub(crate) mod shared;
pub(crate) mod tile;

use crate::math;
use crate::norm;
use crate::simd::Arithmetic;
use reformer_tensor::Pattern;
use reformer_tensor::op::KEY_EPSILON;

/// Queries of a tile: one AVX-512 register, two of AVX2.
pub(crate) const LANES: usize = 16;
/// Slots that one task works on: their keys are gathered once. A multiple of [`LANES`]; with W = 64 an eighth is gathered twice.
pub(crate) const CHUNK: usize = 512;

/// 1/√(Σqk² + D·10⁻⁶).
#[inline(always)]
pub(crate) fn inverse_norm(qk: &[f32]) -> f32 {
    let square = norm::sum(qk.len(), |index| qk[index] * qk[index]);
    1.0 / (square + qk.len() as f32 * KEY_EPSILON).sqrt()
}

/// What logits are multiplied by, before the product: 1/√D where queries and keys are separate.
pub(crate) fn query_scale(pattern: Pattern, head_width: usize) -> f32 {
    match pattern {
        Pattern::Lsh { .. } => 1.0,
        Pattern::Local { .. } | Pattern::Full => 1.0 / (head_width as f32).sqrt(),
    }
}

/// A query's running result over rounds: Σ exp(logit − most) and the largest logit; the context beside it is not normalised.
#[derive(Clone, Copy)]
pub(crate) struct Running {
    pub most: f32,
    pub sum: f32,
}

impl Running {
    /// Before the first round.
    pub const EMPTY: Running = Running { most: f32::NEG_INFINITY, sum: 0.0 };

    /// Takes in a round's own result; returns the merged one and the factors of the two contexts. A round that shows nothing new
    /// has `most` −∞ and changes nothing.
    #[inline(always)]
    pub fn merge<A: Arithmetic>(self, round: Running) -> (Running, f32, f32) {
        let most = if round.most > self.most { round.most } else { self.most };
        let own = math::exp::<A>(self.most - most);
        let new = math::exp::<A>(round.most - most);
        (Running { most, sum: A::multiply_add(self.sum, own, round.sum * new) }, own, new)
    }

    /// z = log Σ exp.
    #[inline(always)]
    pub fn z<A: Arithmetic>(self) -> f32 {
        self.most + math::ln::<A>(self.sum)
    }
}

/// −∞ as the maximum of a round without new keys must not be subtracted from −∞.
#[inline(always)]
pub(crate) fn finite(most: f32) -> f32 {
    if most == f32::NEG_INFINITY { 0.0 } else { most }
}
