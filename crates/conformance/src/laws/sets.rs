//! Sorting, intervals and attention together compute what the definition says: a softmax over pure sets, which are made here
//! from buckets and segments alone. No oracle op is involved.

use crate::compare::reals;
use crate::fixture::{self, Expectation, Fixture};
use crate::harness::{Way, execute};
use crate::tolerance::UNIT_ROUNDOFF;
use reformer_oracle::sets;
use reformer_tensor::op::{AttentionKeys, Intervals, KEY_EPSILON, SELF_LOGIT, SortByBucket};
use reformer_tensor::{Backend, HeadRange, Pattern, shape};
use std::collections::BTreeSet;

/// Trials of random sizes.
const TRIALS: u64 = 24;
const HEADS: HeadRange = HeadRange { first: 0, count: 2, width: 8 };
/// Logits stay below 8 and sums below 130 terms of 8 products: a wide multiple of their roundings. Cases of `attention` are judged
/// more closely; here a wrong member of a set is looked for, which changes the first digits.
const ALLOWED: f64 = 10_000.0 * UNIT_ROUNDOFF;

pub(super) fn lsh(backend: &dyn Backend) -> Result<usize, String> {
    (0..TRIALS).map(|trial| lsh_trial(backend, trial)).sum()
}

pub(super) fn local(backend: &dyn Backend) -> Result<usize, String> {
    (0..TRIALS).map(|trial| local_trial(backend, trial)).sum()
}

/// Random sizes: rows, and segments among them.
fn sizes(trial: u64) -> (Fixture, Vec<u32>) {
    let draw = Fixture::new(trial, 0).choices("sizes", 4, 65);
    let rows = 1 + draw[0] as usize + draw[1] as usize;
    let segments = fixture::segments(rows, &[draw[2] as usize % 20, 1, draw[3] as usize]);
    (Fixture::new(trial, rows), segments)
}

fn lsh_trial(backend: &dyn Backend, trial: u64) -> Result<usize, String> {
    let (mut fixture, segments) = sizes(trial);
    let rows = fixture.rows;
    let draw = fixture.choices("pattern", 3, 1000);
    let (rounds, window, count) = (1 + draw[0] as usize % 3, 1 + draw[1] as usize % 20, 1 + draw[2] as usize % 12);
    let pattern = Pattern::Lsh { rounds, window };
    let qk = fixture.activation("qk", HEADS.columns(), 1.0);
    let v = fixture.activation("v", HEADS.columns(), 1.0);
    let words = fixture.choices("buckets", HEADS.count * rounds * rows, count);
    let buckets = fixture.integers("buckets", shape![HEADS.count, rounds, rows], words.clone());
    let starts = fixture.integers("segments", shape![rows], segments.clone());
    let (order, slot) = fixture.program.sort_by_bucket(SortByBucket { buckets: count }, buckets, starts);
    let low = fixture.program.intervals(Intervals { window }, buckets, starts, order, slot);
    let (context, _) = fixture.program.attention(pattern, HEADS, &AttentionKeys::Lsh { qk, v, order, slot, low });
    for (name, tensor) in [("order", order), ("slot", slot), ("low", low), ("context", context)] {
        fixture.output(name, tensor, Expectation::Judged);
    }
    let results = execute(backend, &fixture, Way::CHECKED)?;
    let [qk, v] = ["qk", "v"].map(|name| reals(&fixture.inputs[name], 1.0));
    for head in 0..HEADS.count {
        let lists = head * rounds * rows..(head + 1) * rounds * rows;
        let [order, slot, low] =
            ["order", "slot", "low"].map(|name| &results[name].as_u32().unwrap_or_default()[lists.clone()]);
        let expected = sets::lsh(&words[lists.clone()], &segments, window);
        let got = sets::of_intervals(order, slot, low, rows);
        if let Some(token) = (0..rows).find(|&token| got[token] != expected[token]) {
            return Err(format!(
                "  {pattern:?}, {count} buckets, {rows} rows, trial {trial}: head {head}, token {token} sees {:?}, by definition {:?}",
                got[token], expected[token]
            ));
        }
        let logit = |query: usize, key: usize| {
            if query == key {
                return f64::from(SELF_LOGIT);
            }
            let (q, k) = (vector(&qk, head, query), vector(&qk, head, key));
            let square: f64 = k.iter().map(|x| x * x).sum();
            dot(q, k) / (square + HEADS.width as f64 * f64::from(KEY_EPSILON)).sqrt()
        };
        judge(&format!("{pattern:?}, trial {trial}"), &reals(&results["context"], 1.0), head, &expected, logit, &v)?;
    }
    Ok(rows * HEADS.columns())
}

fn local_trial(backend: &dyn Backend, trial: u64) -> Result<usize, String> {
    let (mut fixture, segments) = sizes(trial);
    let window = if trial.is_multiple_of(3) { None } else { Some(1 + fixture.choices("window", 1, 30)[0] as usize) };
    let pattern = window.map_or(Pattern::Full, |window| Pattern::Local { window });
    let names = ["q", "k", "v"];
    let [q, k, v] = names.map(|name| fixture.activation(name, HEADS.columns(), 1.0));
    let starts = fixture.integers("segments", shape![fixture.rows], segments.clone());
    let (context, _) =
        fixture.program.attention(pattern, HEADS, &AttentionKeys::Separate { q, k, v, segments: starts });
    fixture.output("context", context, Expectation::Judged);
    let results = execute(backend, &fixture, Way::CHECKED)?;
    let [q, k, v] = names.map(|name| reals(&fixture.inputs[name], 1.0));
    let sets = sets::local(&segments, window);
    for head in 0..HEADS.count {
        let logit = |query: usize, key: usize| {
            dot(vector(&q, head, query), vector(&k, head, key)) / (HEADS.width as f64).sqrt()
        };
        judge(&format!("{pattern:?}, trial {trial}"), &reals(&results["context"], 1.0), head, &sets, logit, &v)?;
    }
    Ok(fixture.rows * HEADS.columns())
}

fn vector(numbers: &[f64], head: usize, row: usize) -> &[f64] {
    &numbers[row * HEADS.columns() + head * HEADS.width..][..HEADS.width]
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The context of one head against Σ exp(logit)·v / Σ exp(logit) over each set.
fn judge(
    what: &str,
    context: &[f64],
    head: usize,
    sets: &[BTreeSet<usize>],
    logit: impl Fn(usize, usize) -> f64,
    v: &[f64],
) -> Result<(), String> {
    for (query, set) in sets.iter().enumerate() {
        // A token that is alone has one logit, whatever it is.
        let weight = |key: usize| if set.len() == 1 { 1.0 } else { logit(query, key).exp() };
        let sum: f64 = set.iter().map(|&key| weight(key)).sum();
        for (column, &got) in vector(context, head, query).iter().enumerate() {
            let expected = set.iter().map(|&key| weight(key) * vector(v, head, key)[column]).sum::<f64>() / sum;
            let error = (got - expected).abs();
            // NaN is not within the allowance.
            let good = error <= ALLOWED;
            if !good {
                return Err(format!(
                    "  {what}: context of head {head}, token {query}, column {column} is {got:.6e}, a softmax over {set:?} gives {expected:.6e}"
                ));
            }
        }
    }
    Ok(())
}
