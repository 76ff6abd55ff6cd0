//! One attention with everything that it reads, its sets and its softmax over them in float64, and the kernels run on it. What is
//! asked of them is in `tests.rs`.

use super::super::pieces::check_order;
use super::super::{Problem, Tiling, Upstream, backward, first_seen, forward, naive_backward, naive_forward};
use super::usual;
use crate::environment::{Environment, Kernels};
use reformer_tensor::Key;
use reformer_tensor::op::{HeadRange, KEY_EPSILON, SELF_LOGIT};
use std::collections::BTreeSet;

/// One attention with everything that it reads.
#[derive(Clone)]
pub(super) struct Case {
    pub heads: HeadRange,
    pub rounds: usize,
    pub window: usize,
    /// First row of each token's segment.
    pub segments: Vec<u32>,
    /// `[heads, rounds, rows]`; empty if queries and keys are separate.
    pub buckets: Vec<u32>,
    pub order: Vec<u32>,
    pub slot: Vec<u32>,
    pub low: Vec<u32>,
    pub query: Vec<f32>,
    pub key: Vec<f32>,
    pub value: Vec<f32>,
    pub d_context: Vec<f32>,
}

/// Segments of these lengths.
fn segments(lengths: &[usize]) -> Vec<u32> {
    let mut starts = Vec::new();
    for &length in lengths {
        let start = starts.len() as u32;
        starts.extend(std::iter::repeat_n(start, length));
    }
    starts
}

/// Buckets as hashing similar tokens gives them: one is crowded, one empty, rounds agree more often than by chance.
fn crowded_buckets(heads: usize, rounds: usize, rows: usize, seed: u64) -> Vec<u32> {
    let key = Key::from_seed(seed);
    let draw = |head: usize, round: usize, row: usize| key.bits([(head * 8 + round) as u32, row as u32])[0];
    let mut buckets = Vec::new();
    for head in 0..heads {
        for round in 0..rounds {
            for row in 0..rows {
                // A topic that all rounds share, by stretches of tokens, and a bucket of the round's own.
                let topic = draw(head, 99, row / 3) % 4;
                let own = draw(head, round, row);
                buckets.push(match own % 8 {
                    0..4 => 2,
                    4..7 => topic,
                    _ => 4 + own / 8 % 60,
                });
                if buckets[buckets.len() - 1] == 1 {
                    *buckets.last_mut().expect("just pushed") = 3;
                }
            }
        }
    }
    buckets
}

impl Case {
    pub fn new(lengths: &[usize], heads: usize, width: usize, rounds: usize, window: usize, shared: bool) -> Self {
        let segments = segments(lengths);
        let rows = segments.len();
        let heads = HeadRange { first: 0, count: heads, width };
        let numbers = |seed: u64, scale: f32| {
            let numbers = Key::from_seed(seed).normal(rows * heads.columns());
            numbers.into_iter().map(|number| number * scale).collect::<Vec<f32>>()
        };
        let buckets = if shared { crowded_buckets(heads.count, rounds, rows, 5) } else { Vec::new() };
        let mut case = Self {
            heads,
            rounds,
            window,
            segments,
            buckets,
            order: Vec::new(),
            slot: Vec::new(),
            low: Vec::new(),
            query: numbers(1, 1.5),
            key: numbers(2, 1.5),
            value: numbers(3, 1.0),
            d_context: numbers(4, 1.0),
        };
        case.sort();
        case
    }

    pub fn lsh() -> Self {
        Self::new(&[70, 1, 150, 33], 2, 24, 3, 16, true)
    }

    pub fn rows(&self) -> usize {
        self.segments.len()
    }

    /// order, slot and low from the buckets.
    pub fn sort(&mut self) {
        let rows = self.rows();
        if !self.shared() {
            self.low = vec![0; rows];
            first_seen(&self.segments, self.window, &mut self.low);
        }
        for buckets in self.buckets.chunks(rows) {
            let mut order: Vec<u32> = (0..rows as u32).collect();
            order.sort_by_key(|&row| (self.segments[row as usize], buckets[row as usize], row));
            let (mut slots, mut low, mut start) = (vec![0; rows], vec![0; rows], 0);
            for (slot, &row) in order.iter().enumerate() {
                let group = |row: u32| (self.segments[row as usize], buckets[row as usize]);
                if slot > 0 && group(order[slot - 1]) != group(row) {
                    start = slot;
                }
                slots[row as usize] = slot as u32;
                low[row as usize] = start.max((slot + 1).saturating_sub(self.window)) as u32;
            }
            self.order.extend(order);
            self.slot.extend(slots);
            self.low.extend(low);
        }
    }

    pub fn shared(&self) -> bool {
        !self.buckets.is_empty()
    }

    pub fn problem(&self, tiling: Tiling) -> Problem<'_> {
        let problem = Problem {
            rows: self.rows(),
            heads: self.heads,
            rounds: if self.shared() { self.rounds } else { 1 },
            query: &self.query,
            key: if self.shared() { &self.query } else { &self.key },
            value: &self.value,
            sorted: self.shared().then_some((&self.order[..], &self.slot[..])),
            low: &self.low,
            tiling,
        };
        check_order(&problem).expect("the case is right");
        problem
    }

    /// The set of a token by the definition: the last `window` tokens of its bucket and segment, in any round.
    pub fn set(&self, head: usize, token: usize) -> Vec<BTreeSet<usize>> {
        let rows = self.rows();
        let mut rounds = Vec::new();
        for round in 0..if self.shared() { self.rounds } else { 1 } {
            let bucket = |row: usize| {
                if self.shared() { self.buckets[(head * self.rounds + round) * rows + row] } else { 0 }
            };
            let earlier = (self.segments[token] as usize..=token).rev();
            rounds.push(earlier.filter(|&row| bucket(row) == bucket(token)).take(self.window).collect());
        }
        rounds
    }

    /// (context, z) in float64.
    pub fn reference(&self) -> (Vec<f64>, Vec<f64>) {
        let (rows, width) = (self.rows(), self.heads.width);
        let at = |head: usize, row: usize| row * self.heads.columns() + head * width;
        let (mut context, mut z) = (vec![0.0; self.query.len()], vec![0.0; self.heads.count * rows]);
        for head in 0..self.heads.count {
            for token in 0..rows {
                let set: BTreeSet<usize> = self.set(head, token).into_iter().flatten().collect();
                let query = &self.query[at(head, token)..][..width];
                let logit = |key: usize| {
                    let rows = if self.shared() { &self.query } else { &self.key };
                    let row = &rows[at(head, key)..][..width];
                    let product: f64 = query.iter().zip(row).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum();
                    let square: f64 = row.iter().map(|&number| f64::from(number).powi(2)).sum();
                    match (self.shared(), key == token) {
                        (true, true) => f64::from(SELF_LOGIT),
                        (true, false) => product / (square + width as f64 * f64::from(KEY_EPSILON)).sqrt(),
                        (false, _) => product / (width as f64).sqrt(),
                    }
                };
                let logits: Vec<(usize, f64)> = set.iter().map(|&key| (key, logit(key))).collect();
                let highest = logits.iter().map(|&(_, logit)| logit).fold(f64::NEG_INFINITY, f64::max);
                let sum: f64 = logits.iter().map(|&(_, logit)| (logit - highest).exp()).sum();
                z[head * rows + token] = highest + sum.ln();
                for (key, logit) in logits {
                    let weight = (logit - highest).exp() / sum;
                    for d in 0..width {
                        context[at(head, token) + d] += weight * f64::from(self.value[at(head, key) + d]);
                    }
                }
            }
        }
        (context, z)
    }

    pub fn forward(&self, environment: Environment, tiling: Tiling) -> [Vec<f32>; 2] {
        let problem = self.problem(tiling);
        let (mut context, mut z) = (vec![f32::NAN; self.query.len()], vec![f32::NAN; self.heads.count * self.rows()]);
        in_pool(environment, || match environment.kernels {
            Kernels::Fast => forward(&problem, &environment, &mut context, &mut z),
            Kernels::Naive => naive_forward(&problem, &environment, &mut context, &mut z),
        });
        [context, z]
    }

    pub fn delta(&self, context: &[f32]) -> Vec<f32> {
        let (rows, width) = (self.rows(), self.heads.width);
        let mut delta = vec![0.0; self.heads.count * rows];
        for (at, (context, up)) in context.chunks(width).zip(self.d_context.chunks(width)).enumerate() {
            let (row, head) = (at / self.heads.count, at % self.heads.count);
            delta[head * rows + row] = context.iter().zip(up).map(|(a, b)| a * b).sum();
        }
        delta
    }

    pub fn backward(&self, environment: Environment, tiling: Tiling) -> Vec<Vec<f32>> {
        let [context, z] = self.forward(environment, usual());
        let delta = self.delta(&context);
        let problem = self.problem(tiling);
        let upstream = Upstream { z: &z, delta: &delta, d_context: &self.d_context };
        let mut gradients = vec![vec![f32::NAN; self.query.len()]; if self.shared() { 2 } else { 3 }];
        let parts = gradients.iter_mut().map(|gradient| &mut gradient[..]).collect();
        in_pool(environment, || match environment.kernels {
            Kernels::Fast => backward(&problem, &environment, &upstream, parts),
            Kernels::Naive => naive_backward(&problem, &environment, &upstream, parts),
        });
        gradients
    }
}

fn in_pool(environment: Environment, work: impl FnOnce() + Send) {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(environment.threads).build().expect("threads start");
    pool.install(work);
}
