//! `attention` and `attention_gradient`: softmax attention over sets, as `docs/attention.md` defines it.

use super::{HeadRange, Pattern, pairs};
use crate::{DType, Program, Tensor, shape};

/// context_i = Σ_{j∈S(i)} exp(q_i·k_j − z_i) v_j, z_i = log Σ_{j∈S(i)} exp(q_i·k_j), per head.
///
/// LSH: q = qk, k = qk/√(Σqk² + D·10⁻⁶), no further scale; S(i) the union of the rounds' intervals, each key once (the first
/// round that sees a pair takes it); the token's own logit is replaced by −10⁵. Local and full: q·k/√D, own token included.
///
/// Order of a row's result: per round the exact maximum of its new logits first, then Σ over keys in ascending slot order;
/// rounds in ascending order, merged with a running maximum. A row's bits depend on its own keys only.
///
/// Reads, LSH: `qk`, `v` `[rows, range.columns()]`, `order`, `slot`, `low` `[range.count, rounds, rows]` u32.
/// Reads, local and full: `q`, `k`, `v` `[rows, range.columns()]`, `segments` `[rows]` u32 (the row where the token's segment starts).
/// Writes: `context` `[rows, range.columns()]`, `z` `[range.count, rows]`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Attention {
    /// Which keys are seen.
    pub pattern: Pattern,
    /// The heads (only count and width matter here).
    pub heads: HeadRange,
}

/// Gradient of [`Attention`] with the buckets held fixed, from the final z alone: p = exp(q_i·k_j − z_i), dS = p·(do_i·v_j − δ_i),
/// dq = Σ dS k, dk = Σ dS q, dv = Σ p do; the own token of LSH is left out of dS, not of dv.
/// LSH: dqk = dq + (dk − k(k·dk))/ν, ν = √(Σqk² + D·10⁻⁶).
///
/// Reads: what [`Attention`] reads, then `z` `[range.count, rows]`, `delta` `[range.count, rows]` (do·context), `d_context` `[rows, columns]`.
/// Writes: LSH `dqk`, `dv`; local and full `dq`, `dk`, `dv`; `[rows, columns]` each.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct AttentionGradient {
    /// Which keys are seen.
    pub pattern: Pattern,
    /// The heads (only count and width matter here).
    pub heads: HeadRange,
}

/// The operands of attention that depend on its pattern.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum AttentionKeys {
    /// Shared queries and keys, sorted.
    Lsh {
        /// Queries and keys.
        qk: Tensor,
        /// Values.
        v: Tensor,
        /// Token of each slot.
        order: Tensor,
        /// Slot of each token.
        slot: Tensor,
        /// First slot that each token sees.
        low: Tensor,
    },
    /// Separate queries and keys, in order of position.
    Separate {
        /// Queries.
        q: Tensor,
        /// Keys.
        k: Tensor,
        /// Values.
        v: Tensor,
        /// First row of each token's segment.
        segments: Tensor,
    },
}

impl AttentionKeys {
    fn reads(&self) -> Vec<Tensor> {
        match *self {
            AttentionKeys::Lsh { qk, v, order, slot, low } => vec![qk, v, order, slot, low],
            AttentionKeys::Separate { q, k, v, segments } => vec![q, k, v, segments],
        }
    }
}

impl Attention {
    pub(super) fn flops(&self, rows: usize) -> u64 {
        4 * pairs(self.pattern, rows) * self.heads.columns() as u64
    }
}

impl AttentionGradient {
    pub(super) fn flops(&self, rows: usize) -> u64 {
        10 * pairs(self.pattern, rows) * self.heads.columns() as u64
    }
}

fn check_keys(
    program: &mut Program,
    op: &'static str,
    pattern: Pattern,
    heads: HeadRange,
    keys: &AttentionKeys,
) -> usize {
    let rows = keys.reads()[0].shape.dim(0);
    let columns = [rows, heads.columns()];
    let advice = "Activations of heads are [rows, heads·head_width]";
    match (pattern, *keys) {
        (Pattern::Lsh { rounds, window }, AttentionKeys::Lsh { qk, v, order, slot, low }) => {
            program.check_field(op, window > 0, || "window 0: a token sees at least itself".to_owned());
            program.check_f32(op, "qk", qk, &columns, advice);
            program.check_f32(op, "v", v, &columns, advice);
            for (name, tensor) in [("order", order), ("slot", slot), ("low", low)] {
                program.check_u32(op, name, tensor, &[heads.count, rounds, rows], "They are [heads, rounds, rows]");
            }
        }
        (Pattern::Local { .. } | Pattern::Full, AttentionKeys::Separate { q, k, v, segments }) => {
            if let Pattern::Local { window } = pattern {
                program.check_field(op, window > 0, || "window 0: a token sees at least itself".to_owned());
            }
            for (name, tensor) in [("q", q), ("k", k), ("v", v)] {
                program.check_f32(op, name, tensor, &columns, advice);
            }
            program.check_u32(op, "segments", segments, &[rows], "There is one a row");
        }
        (pattern, _) => {
            program.check_field(op, false, || {
                format!("{pattern:?} has other operands: LSH shares queries and keys, the others don't")
            });
        }
    }
    rows
}

impl Program {
    /// Records [`Attention`]; returns (`context`, `z`).
    pub fn attention(&mut self, pattern: Pattern, heads: HeadRange, keys: &AttentionKeys) -> (Tensor, Tensor) {
        let rows = check_keys(self, "attention", pattern, heads, keys);
        let context = ("context", shape![rows, heads.columns()], DType::F32);
        let z = ("z", shape![heads.count, rows], DType::F32);
        let results = self.push(Attention { pattern, heads }.into(), &keys.reads(), &[], &[context, z]);
        (results[0], results[1])
    }

    /// Records [`AttentionGradient`]; returns the gradients of the projections, in their order.
    pub fn attention_gradient(
        &mut self,
        pattern: Pattern,
        heads: HeadRange,
        keys: &AttentionKeys,
        z: Tensor,
        delta: Tensor,
        d_context: Tensor,
    ) -> Vec<Tensor> {
        const OP: &str = "attention_gradient";
        let rows = check_keys(self, OP, pattern, heads, keys);
        self.check_f32(OP, "z", z, &[heads.count, rows], "There is one a head and row");
        self.check_f32(OP, "delta", delta, &[heads.count, rows], "There is one a head and row");
        self.check_f32(OP, "d_context", d_context, &[rows, heads.columns()], "It has the context's shape");
        let names: &[&str] = match keys {
            AttentionKeys::Lsh { .. } => &["dqk", "dv"],
            AttentionKeys::Separate { .. } => &["dq", "dk", "dv"],
        };
        let writes: Vec<_> = names.iter().map(|name| (*name, shape![rows, heads.columns()], DType::F32)).collect();
        let mut reads = keys.reads();
        reads.extend([z, delta, d_context]);
        self.push(AttentionGradient { pattern, heads }.into(), &reads, &[], &writes)
    }
}
