//! `lsh_hash`: locality-sensitive hashing by random rotations (Andoni et al. 2015; Kitaev et al. 2020, section 2).

use super::HeadRange;
use crate::{DType, Program, Tensor, shape};

/// bucket = Σ_f stride_f · argmax(`[x·A_f, −x·A_f]`), ties to the lowest index, stride_f the product of the factors before f.
/// Factor f uses the next f/2 columns of the rotation. With buckets = 1 (no factors) every token is in bucket 0.
/// Integers: no gradient. The product's order is ascending in the head's dimensions.
///
/// Reads: `qk` `[rows, range.columns()]`, not normalised; `rotations` `[heads, rounds, head_width, Σf/2]` of *all* the layer's heads.
/// Writes: `buckets` `[range.count, rounds, rows]` u32.
#[derive(Clone, PartialEq, Debug)]
pub struct LshHash {
    /// The heads.
    pub heads: HeadRange,
    /// Hash rounds.
    pub rounds: usize,
    /// Even factors; their product is the number of buckets.
    pub factors: Vec<usize>,
}

impl LshHash {
    /// The number of buckets.
    pub fn buckets(&self) -> usize {
        self.factors.iter().product()
    }

    /// Columns of a rotation: half the sum of the factors.
    pub fn columns(&self) -> usize {
        self.factors.iter().sum::<usize>() / 2
    }

    pub(super) fn flops(&self, rows: usize) -> u64 {
        2 * (rows * self.heads.columns() * self.rounds * self.columns()) as u64
    }
}

impl Program {
    /// Records [`LshHash`].
    pub fn lsh_hash(&mut self, op: LshHash, qk: Tensor, rotations: Tensor) -> Tensor {
        let rows = qk.shape.dim(0);
        self.check_f32(
            "lsh_hash",
            "qk",
            qk,
            &[rows, op.heads.columns()],
            "It is the projection of this range of heads",
        );
        self.check_f32(
            "lsh_hash",
            "rotations",
            rotations,
            &[rotations.shape.dim(0), op.rounds, op.heads.width, op.columns()],
            "Rotations are [heads, rounds, head_width, Σfactors/2]",
        );
        self.check_field("lsh_hash", op.factors.iter().all(|factor| factor % 2 == 0 && *factor > 0), || {
            format!("factors {:?}: each must be even and positive", op.factors)
        });
        let buckets = shape![op.heads.count, op.rounds, rows];
        self.push(op.into(), &[qk, rotations], &[], &[("buckets", buckets, DType::U32)])[0]
    }
}
