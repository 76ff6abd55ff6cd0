//! Cases of `lsh_hash`: buckets are equal, except where the two best projections tie within rounding.

use crate::case::Case;
use crate::fixture::{Expectation, Fixture, Results};
use crate::tolerance::UNIT_ROUNDOFF;
use reformer_tensor::op::LshHash;
use reformer_tensor::{HeadRange, HostTensor, shape};

/// One bucket in a hundred that ties is luck; more is a wrong product that hides behind the bound.
const MOST_TIES: usize = 100;

fn case(rows: usize, all_heads: usize, heads: HeadRange, rounds: usize, factors: &[usize]) -> Case {
    let op = LshHash { heads, rounds, factors: factors.to_vec() };
    let build = move |fixture: &mut Fixture| {
        let qk = fixture.activation("qk", op.heads.columns(), 1.5);
        let shape = shape![all_heads, op.rounds, op.heads.width, op.columns()];
        let rotations = fixture.parameter("rotations", shape, 0.0, 1.0);
        let hashing = Hashing {
            op: op.clone(),
            qk: numbers(&fixture.inputs["qk"]),
            rotations: numbers(&fixture.states["rotations"]),
        };
        fixture.judges.push(Box::new(move |got, oracle| hashing.judge(got, oracle)));
        let buckets = fixture.program.lsh_hash(op.clone(), qk, rotations);
        fixture.output("buckets", buckets, Expectation::Judged);
    };
    Case::new(rows, build).by_row()
}

fn numbers(tensor: &HostTensor) -> Vec<f64> {
    crate::compare::reals(tensor, 1.0)
}

/// The op's operands, to find ties.
struct Hashing {
    op: LshHash,
    qk: Vec<f64>,
    rotations: Vec<f64>,
}

impl Hashing {
    fn judge(&self, got: &Results, oracle: &Results) -> Result<usize, String> {
        let words = |results: &Results| results["buckets"].as_u32().map(<[u32]>::to_vec);
        let (Some(got), Some(oracle)) = (words(got), words(oracle)) else {
            return Err("  `buckets` are not u32".to_owned());
        };
        if got.len() != oracle.len() {
            return Err(format!("  `buckets` has {} elements, expected {}", got.len(), oracle.len()));
        }
        let differing: Vec<usize> = (0..got.len()).filter(|&at| got[at] != oracle[at]).collect();
        for &at in &differing {
            if let Some(gap) = self.gap(at, got[at], oracle[at]) {
                let rows = got.len() / (self.op.heads.count * self.op.rounds);
                let place = [at / rows / self.op.rounds, at / rows % self.op.rounds, at % rows];
                return Err(format!(
                    "  `buckets`: {} of {} differ; at {place:?} got {}, oracle {}, whose projections are {gap}\n  \
                     allowance: two projections may change places if each is wrong by D·2⁻²⁴·Σ|x·a| (docs/numerics.md, lsh_hash)",
                    differing.len(),
                    got.len(),
                    got[at],
                    oracle[at],
                ));
            }
        }
        if differing.len() * MOST_TIES > got.len() {
            return Err(format!("  `buckets`: {} of {} tie, more than one in {MOST_TIES}", differing.len(), got.len()));
        }
        Ok(differing.len())
    }

    /// Why two buckets of one place are no tie: what lies between their projections and what may.
    fn gap(&self, at: usize, got: u32, oracle: u32) -> Option<String> {
        let LshHash { heads, rounds, factors } = &self.op;
        let rows = self.qk.len() / heads.columns();
        let (head, round, row) = (at / rows / rounds, at / rows % rounds, at % rows);
        let x = &self.qk[row * heads.columns() + head * heads.width..][..heads.width];
        let columns = self.op.columns();
        let rotation = &self.rotations[((heads.first + head) * rounds + round) * heads.width * columns..];
        let (mut got, mut oracle, mut first) = (got as usize, oracle as usize, 0);
        for &factor in factors {
            // The projection of a choice, and how wrong f32 may have it: D products and sums.
            let projection = |choice: usize| {
                let (column, sign) = if choice < factor / 2 { (choice, 1.0) } else { (choice - factor / 2, -1.0) };
                let terms = x.iter().enumerate().map(|(d, x)| x * rotation[d * columns + first + column]);
                let (sum, size) = terms.fold((0.0, 0.0), |(sum, size), term: f64| (sum + term, size + term.abs()));
                (sign * sum, heads.width as f64 * UNIT_ROUNDOFF * size)
            };
            let ((ours, our_error), (best, best_error)) = (projection(got % factor), projection(oracle % factor));
            if best - ours > our_error + best_error {
                return Some(format!("{:.3e} apart, allowed {:.3e}", best - ours, our_error + best_error));
            }
            got /= factor;
            oracle /= factor;
            first += factor / 2;
        }
        // What is left is beyond the last factor: no bucket at all.
        (got != oracle).then(|| "not both there: the bucket is out of range".to_owned())
    }
}

const fn heads(first: usize, count: usize, width: usize) -> HeadRange {
    HeadRange { first, count, width }
}

/// No factors, no rotation: everything is in bucket 0.
pub(super) fn one_bucket() -> Case {
    case(61, 2, heads(0, 2, 8), 2, &[])
}

pub(super) fn one_row() -> Case {
    case(1, 1, heads(0, 1, 8), 1, &[4])
}

pub(super) fn two_buckets() -> Case {
    case(130, 2, heads(0, 2, 16), 2, &[2])
}

pub(super) fn middle_heads() -> Case {
    case(61, 5, heads(1, 3, 24), 2, &[8])
}

pub(super) fn factors() -> Case {
    case(513, 3, heads(1, 2, 16), 3, &[4, 6])
}

pub(super) fn many_factors() -> Case {
    case(1027, 2, heads(1, 1, 64), 2, &[32, 32, 16])
}
