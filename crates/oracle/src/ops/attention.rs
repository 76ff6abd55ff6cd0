//! `attention`: for each query its set of keys, then a softmax over the set.

use crate::array::Array;
use crate::fault::{Fault, index};
use crate::product::dot;
use crate::sets;
use reformer_tensor::op::{Attention, KEY_EPSILON, SELF_LOGIT};
use reformer_tensor::{HeadRange, Pattern};
use std::collections::BTreeSet;

pub(super) fn run(op: &Attention, reads: &[&Array], writes: &mut [Array]) -> Result<(), Fault> {
    let [context, z] = writes else { unreachable!("the op has two writes") };
    for head in 0..op.heads.count {
        let own = Head::new(op.pattern, op.heads, reads, head)?;
        for (query, set) in own.sets.iter().enumerate() {
            let (out, log_sum) = softmax(set, |key| own.logit(query, key), |key| &own.v[key], op.heads.width);
            let start = query * op.heads.columns() + head * op.heads.width;
            context.real_mut()[start..start + op.heads.width].copy_from_slice(&out);
            z.real_mut()[head * own.sets.len() + query] = log_sum;
        }
    }
    Ok(())
}

/// Σ exp(logit − z)·v and z = log Σ exp(logit) over a set, with the maximum taken out.
pub(super) fn softmax<'a>(
    set: &BTreeSet<usize>,
    logit: impl Fn(usize) -> f64,
    value: impl Fn(usize) -> &'a [f64],
    width: usize,
) -> (Vec<f64>, f64) {
    let most = set.iter().map(|&key| logit(key)).fold(f64::NEG_INFINITY, f64::max);
    let z = most + set.iter().map(|&key| (logit(key) - most).exp()).sum::<f64>().ln();
    let mut out = vec![0.0; width];
    for &key in set {
        for (out, v) in out.iter_mut().zip(value(key)) {
            *out += (logit(key) - z).exp() * v;
        }
    }
    (out, z)
}

/// One head's rows and sets.
pub(super) struct Head {
    /// Whether queries and keys are one vector (LSH).
    pub shared: bool,
    /// The set of each query.
    pub sets: Vec<BTreeSet<usize>>,
    /// As they enter the product: 1/√D is in here.
    pub q: Vec<Vec<f64>>,
    /// As they enter the product: of unit length where shared.
    pub k: Vec<Vec<f64>>,
    pub v: Vec<Vec<f64>>,
    /// What each query was scaled by, and each key divided by.
    pub scale: f64,
    pub norms: Vec<f64>,
}

impl Head {
    pub fn new(pattern: Pattern, heads: HeadRange, reads: &[&Array], head: usize) -> Result<Self, Fault> {
        let rows = |array: &Array| own_rows(array, heads, head);
        match pattern {
            Pattern::Lsh { rounds, .. } => {
                let (qk, v) = (rows(reads[0]), rows(reads[1]));
                let count = qk.len();
                let [order, slot, low] = [reads[2], reads[3], reads[4]]
                    .map(|array| &array.integer()[head * rounds * count..(head + 1) * rounds * count]);
                check_slots(order, slot, low, head * rounds * count, count)?;
                let norms: Vec<f64> = qk.iter().map(|qk| norm(qk)).collect();
                let k = qk.iter().zip(&norms).map(|(qk, norm)| qk.iter().map(|x| x / norm).collect()).collect();
                let sets = sets::of_intervals(order, slot, low, count);
                Ok(Self { shared: true, sets, q: qk, k, v, scale: 1.0, norms })
            }
            Pattern::Local { .. } | Pattern::Full => {
                let window = if let Pattern::Local { window } = pattern { Some(window) } else { None };
                let scale = 1.0 / (heads.width as f64).sqrt();
                let q: Vec<Vec<f64>> = rows(reads[0]).iter().map(|q| q.iter().map(|x| x * scale).collect()).collect();
                let norms = vec![1.0; q.len()];
                let sets = sets::local(reads[3].integer(), window);
                Ok(Self { shared: false, sets, q, k: rows(reads[1]), v: rows(reads[2]), scale, norms })
            }
        }
    }

    pub fn logit(&self, query: usize, key: usize) -> f64 {
        if self.is_masked(query, key) { f64::from(SELF_LOGIT) } else { dot(&self.q[query], &self.k[key]) }
    }

    /// Whether the logit is a constant.
    pub fn is_masked(&self, query: usize, key: usize) -> bool {
        self.shared && query == key
    }
}

/// One head's part of `[rows, heads·head_width]`.
pub(super) fn own_rows(array: &Array, heads: HeadRange, head: usize) -> Vec<Vec<f64>> {
    let columns = head * heads.width..(head + 1) * heads.width;
    array.real().chunks_exact(heads.columns().max(1)).map(|row| row[columns.clone()].to_vec()).collect()
}

/// √(Σqk² + D·ε).
pub(super) fn norm(qk: &[f64]) -> f64 {
    (dot(qk, qk) + qk.len() as f64 * f64::from(KEY_EPSILON)).sqrt()
}

/// `order` and `slot` must be each other's inverse and each interval end at the token's slot, or there is no set to speak of.
fn check_slots(order: &[u32], slot: &[u32], low: &[u32], before: usize, rows: usize) -> Result<(), Fault> {
    for at in 0..order.len() {
        let round = at / rows * rows;
        let token = index("order", order[at], before + at, rows)?;
        if slot[round + token] as usize != at - round {
            return Err(Fault::Index { operand: "order", value: order[at], at: before + at, largest: rows as u32 - 1 });
        }
    }
    for at in 0..low.len() {
        if low[at] > slot[at] {
            return Err(Fault::Index { operand: "low", value: low[at], at: before + at, largest: slot[at] });
        }
    }
    Ok(())
}
