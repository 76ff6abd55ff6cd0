//! The naive twins of `attention` and `attention_gradient`: one query after another, in plain loops over lists of keys. They keep
//! the order of sums, so even their bits are those of the fast kernels.

use super::backward::add_key_gradient;
use super::drive::Upstream;
use super::gather::{Round, inverse_norm, query_scale, whole};
use super::lanes::{self, Kernel, Lanes};
use super::softmax::{self, Running, sees};
use super::{Problem, single};
use crate::environment::Environment;
use crate::math;
use crate::simd::Arithmetic;

/// `attention`.
pub(crate) fn forward(problem: &Problem<'_>, environment: &Environment, context: &mut [f32], z: &mut [f32]) {
    lanes::run(environment.level, Forward { problem, context, z });
}

/// `attention_gradient`.
pub(crate) fn backward(
    problem: &Problem<'_>,
    environment: &Environment,
    upstream: &Upstream<'_>,
    gradients: Vec<&mut [f32]>,
) {
    lanes::run(environment.level, Backward { problem, upstream, gradients });
}

struct Forward<'a, 's> {
    problem: &'a Problem<'a>,
    context: &'s mut [f32],
    z: &'s mut [f32],
}

struct Backward<'a, 's> {
    problem: &'a Problem<'a>,
    upstream: &'a Upstream<'a>,
    gradients: Vec<&'s mut [f32]>,
}

/// The tokens that `token` sees for the first time in the last of the rounds, in the order of their slots.
fn new_keys(rounds: &[Round<'_>], token: usize) -> Vec<u32> {
    let (current, earlier) = rounds.split_last().expect("there is a round");
    let interval = current.low[token] as usize..=current.slot(token);
    let tokens = interval.map(|slot| current.token(slot));
    let new = tokens.filter(|&key| {
        earlier.iter().all(|round| {
            let low = round.low[token];
            !sees(round.slot(key) as u32, low, round.slot(token) as u32 - low)
        })
    });
    new.map(|key| key as u32).collect()
}

/// One head's queries and keys as attention multiplies them, one row after another, and 1/ν.
struct Prepared {
    queries: Vec<f32>,
    keys: Vec<f32>,
    norms: Vec<f32>,
}

#[inline(always)]
fn prepare<A: Arithmetic>(problem: &Problem<'_>, head: usize) -> Prepared {
    let view = problem.head(head);
    let scale = query_scale(problem.heads.width, view.shared);
    let mut prepared = Prepared { queries: Vec::new(), keys: Vec::new(), norms: Vec::new() };
    for row in 0..problem.rows {
        let norm = if view.shared { inverse_norm::<A>(view.key.row(row)) } else { 1.0 };
        prepared.queries.extend(view.query.row(row).iter().map(|number| number * scale));
        prepared.keys.extend(view.key.row(row).iter().map(|number| number * norm));
        prepared.norms.push(norm);
    }
    prepared
}

impl Kernel for Forward<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, _lanes: L) {
        let Self { problem, context, z } = self;
        let width = problem.heads.width;
        let mut logits = Vec::new();
        let mut weighted = vec![0.0; width];
        for head in 0..problem.heads.count {
            let (view, rounds) = (problem.head(head), problem.rounds(head));
            let prepared = prepare::<L::Arithmetic>(problem, head);
            for token in 0..problem.rows {
                let query = whole(&prepared.queries, width).row(token);
                let row = &mut context[token * view.query.stride + view.query.first..][..width];
                let own = view.shared.then_some(token as u32);
                let mut running = Running::NONE;
                for round in 0..rounds.len() {
                    let entries = new_keys(&rounds[..=round], token);
                    let keys = whole(&prepared.keys, width);
                    let result = single::round::<L::Arithmetic>(
                        query,
                        &entries,
                        own,
                        &keys,
                        &view.value,
                        &mut logits,
                        &mut weighted,
                    );
                    single::add_round::<L::Arithmetic>(&mut running, row, round == 0, result, &weighted);
                }
                z[head * problem.rows + token] = single::finish::<L::Arithmetic>(running, row);
            }
        }
    }
}

impl Kernel for Backward<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, _lanes: L) {
        let Self { problem, upstream, mut gradients } = self;
        let (rows, width) = (problem.rows, problem.heads.width);
        let mut logits = Vec::new();
        for head in 0..problem.heads.count {
            let (view, rounds) = (problem.head(head), problem.rounds(head));
            let prepared = prepare::<L::Arithmetic>(problem, head);
            let (queries, keys) = (whole(&prepared.queries, width), whole(&prepared.keys, width));
            let d_context = problem.columns(upstream.d_context, head);
            for round in 0..rounds.len() {
                let mut d_query = vec![0.0; rows * width];
                let mut d_key = vec![0.0; rows * width];
                let mut d_value = vec![0.0; rows * width];
                for slot in 0..rows {
                    let token = rounds[round].token(slot);
                    let entries = new_keys(&rounds[..=round], token);
                    let up = d_context.row(token);
                    let (z, delta) = (upstream.z[head * rows + token], upstream.delta[head * rows + token]);
                    single::dots::<L::Arithmetic>(queries.row(token), &keys, &entries, &mut logits);
                    for (&logit, &key) in logits.iter().zip(&entries) {
                        let key = key as usize;
                        let own = view.shared && key == token;
                        let logit = if own { softmax::SELF } else { logit };
                        let probability = math::exp::<L::Arithmetic>(logit - z);
                        let mut product = 0.0;
                        for (&up, &value) in up.iter().zip(view.value.row(key)) {
                            product = L::Arithmetic::multiply_add(up, value, product);
                        }
                        let slope = if own { 0.0 } else { probability * (product - delta) };
                        for d in 0..width {
                            let (at, to) = (token * width + d, key * width + d);
                            let (query, key) = (queries.row(token)[d], keys.row(key)[d]);
                            d_query[at] = L::Arithmetic::multiply_add(slope, key, d_query[at]);
                            d_key[to] = L::Arithmetic::multiply_add(slope, query, d_key[to]);
                            d_value[to] = L::Arithmetic::multiply_add(probability, up[d], d_value[to]);
                        }
                    }
                }
                for token in 0..rows {
                    let part = token * width..(token + 1) * width;
                    let d_query = &mut d_query[part.clone()];
                    if view.shared {
                        let norm = prepared.norms[token];
                        add_key_gradient::<L::Arithmetic>(d_query, keys.row(token), &d_key[part], norm);
                    } else {
                        d_query.iter_mut().for_each(|number| *number *= query_scale(width, false));
                    }
                }
                let results = if view.shared { vec![d_query, d_value] } else { vec![d_query, d_key, d_value] };
                for (gradient, result) in gradients.iter_mut().zip(results) {
                    for token in 0..rows {
                        let row = &mut gradient[token * view.query.stride + view.query.first..][..width];
                        for (sum, &number) in row.iter_mut().zip(&result[token * width..]) {
                            *sum = if round == 0 { number } else { *sum + number };
                        }
                    }
                }
            }
        }
    }
}
