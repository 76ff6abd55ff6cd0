//! `attention`, all three patterns, with buckets held fixed.

use super::differences::*;
use reformer_conformance::{Fixture, segments};
use reformer_tensor::op::{AttentionKeys, Intervals, MergeHeadsGradient, SortByBucket};
use reformer_tensor::{DType, Dropout, HeadRange, HostTensor, Pattern, Tensor, shape};

const LSH: Pattern = Pattern::Lsh { rounds: 2, window: 4 };
const LOCAL: Pattern = Pattern::Local { window: 4 };

fn keys(fixture: &mut Fixture, pattern: Pattern) -> AttentionKeys {
    let (rows, columns) = (fixture.rows, HEADS.columns());
    let starts = segments(rows, &[3]);
    let starts = fixture.integers("segments", shape![rows], starts);
    match pattern {
        Pattern::Lsh { rounds, window } => {
            let qk = fixture.activation("qk", columns, 1.0);
            let v = fixture.activation("v", columns, 1.0);
            let buckets = fixture.choices("buckets", HEADS.count * rounds * rows, 3);
            let buckets = fixture.integers("buckets", shape![HEADS.count, rounds, rows], buckets);
            let (order, slot) = fixture.program.sort_by_bucket(SortByBucket { buckets: 3 }, buckets, starts);
            let low = fixture.program.intervals(Intervals { window }, buckets, starts, order, slot);
            AttentionKeys::Lsh { qk, v, order, slot, low }
        }
        Pattern::Local { .. } | Pattern::Full => {
            let [q, k, v] = ["q", "k", "v"].map(|name| fixture.activation(name, columns, 1.0));
            AttentionKeys::Separate { q, k, v, segments: starts }
        }
    }
}

fn attention_of(fixture: &mut Fixture, pattern: Pattern) -> Vec<(Tensor, &'static str)> {
    let keys = keys(fixture, pattern);
    vec![(fixture.program.attention(pattern, HEADS, &keys).0, "d_context")]
}

fn attention_gradient_of(fixture: &mut Fixture, pattern: Pattern, names: &[&str]) {
    let keys = keys(fixture, pattern);
    let (context, z) = fixture.program.attention(pattern, HEADS, &keys);
    // delta = Σ d_context·context comes from merge_heads' gradient: with the unit matrix d_context is dy.
    let columns = HEADS.columns();
    let dy = cotangent_input(fixture, "d_context", shape![ROWS, columns]);
    let unit = (0..columns * columns).map(|at| if at % (columns + 1) == 0 { 1.0 } else { 0.0 }).collect();
    let unit = fixture.state("unit", HostTensor::f32(shape![columns, columns], unit), DType::F32);
    let dweight = sum(fixture, "dweight", unit.shape);
    let key = fixture.random_key();
    let heads = HeadRange { first: 0, ..HEADS };
    let op = MergeHeadsGradient { heads, dropout: Dropout { rate: 0.0, site: 0 } };
    let (d_context, delta) = fixture.program.merge_heads_gradient(op, dy, context, unit, key, dweight);
    let results = fixture.program.attention_gradient(pattern, HEADS, &keys, z, delta, d_context);
    for (name, result) in names.iter().zip(results) {
        output(fixture, name, result);
    }
}

#[test]
fn lsh_attention() {
    check(
        "attention, lsh",
        SEED,
        &Pair {
            operands: &["qk", "v"],
            forward: |fixture| attention_of(fixture, LSH),
            backward: |fixture| attention_gradient_of(fixture, LSH, &["d qk", "d v"]),
        },
    );
}

#[test]
fn local_attention() {
    check(
        "attention, local",
        SEED,
        &Pair {
            operands: &["q", "k", "v"],
            forward: |fixture| attention_of(fixture, LOCAL),
            backward: |fixture| attention_gradient_of(fixture, LOCAL, &["d q", "d k", "d v"]),
        },
    );
}

#[test]
fn full_attention() {
    check(
        "attention, full",
        SEED,
        &Pair {
            operands: &["q", "k", "v"],
            forward: |fixture| attention_of(fixture, Pattern::Full),
            backward: |fixture| attention_gradient_of(fixture, Pattern::Full, &["d q", "d k", "d v"]),
        },
    );
}
