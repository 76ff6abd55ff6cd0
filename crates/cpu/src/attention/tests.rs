//! The law on hard cases: fast kernels give the naive twins' bits at every tiling, level and number of threads; both are the
//! softmax over the set in float64.

use super::pieces::check_order;
use super::{Problem, Tiling, Upstream, backward, first_seen, forward, naive_backward, naive_forward};
use crate::environment::{Environment, Fault, Kernels, Level};
use reformer_tensor::Key;
use reformer_tensor::op::{HeadRange, KEY_EPSILON, SELF_LOGIT};
use std::collections::BTreeSet;

/// One attention with everything that it reads.
#[derive(Clone)]
struct Case {
    heads: HeadRange,
    rounds: usize,
    window: usize,
    /// First row of each token's segment.
    segments: Vec<u32>,
    /// `[heads, rounds, rows]`; empty if queries and keys are separate.
    buckets: Vec<u32>,
    order: Vec<u32>,
    slot: Vec<u32>,
    low: Vec<u32>,
    query: Vec<f32>,
    key: Vec<f32>,
    value: Vec<f32>,
    d_context: Vec<f32>,
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
    fn new(lengths: &[usize], heads: usize, width: usize, rounds: usize, window: usize, shared: bool) -> Self {
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

    fn lsh() -> Self {
        Self::new(&[70, 1, 150, 33], 2, 24, 3, 16, true)
    }

    fn rows(&self) -> usize {
        self.segments.len()
    }

    /// order, slot and low from the buckets.
    fn sort(&mut self) {
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

    fn shared(&self) -> bool {
        !self.buckets.is_empty()
    }

    fn problem(&self, tiling: Tiling) -> Problem<'_> {
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
    fn set(&self, head: usize, token: usize) -> Vec<BTreeSet<usize>> {
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
    fn reference(&self) -> (Vec<f64>, Vec<f64>) {
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

    fn forward(&self, environment: Environment, tiling: Tiling) -> [Vec<f32>; 2] {
        let problem = self.problem(tiling);
        let (mut context, mut z) = (vec![f32::NAN; self.query.len()], vec![f32::NAN; self.heads.count * self.rows()]);
        in_pool(environment, || match environment.kernels {
            Kernels::Fast => forward(&problem, &environment, &mut context, &mut z),
            Kernels::Naive => naive_forward(&problem, &environment, &mut context, &mut z),
        });
        [context, z]
    }

    fn delta(&self, context: &[f32]) -> Vec<f32> {
        let (rows, width) = (self.rows(), self.heads.width);
        let mut delta = vec![0.0; self.heads.count * rows];
        for (at, (context, up)) in context.chunks(width).zip(self.d_context.chunks(width)).enumerate() {
            let (row, head) = (at / self.heads.count, at % self.heads.count);
            delta[head * rows + row] = context.iter().zip(up).map(|(a, b)| a * b).sum();
        }
        delta
    }

    fn backward(&self, environment: Environment, tiling: Tiling) -> Vec<Vec<f32>> {
        let [context, z] = self.forward(environment, Tiling::default());
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

fn environment(threads: usize, level: Level, kernels: Kernels) -> Environment {
    Environment { threads, level, kernels }
}

fn naive(level: Level) -> Environment {
    environment(1, level, Kernels::Naive)
}

/// Tilings that cut windows, groups and pieces at odd places.
fn tilings() -> Vec<Tiling> {
    let tiling = |keys, queries, piece| Tiling { keys, queries, piece };
    vec![Tiling::default(), tiling(7, 16, 1), tiling(16, 48, 40), tiling(33, 32, 64), tiling(200, 16, 129)]
}

fn cases() -> Vec<(&'static str, Case)> {
    vec![
        ("lsh", Case::lsh()),
        ("lsh, one head of 64", Case::new(&[300], 1, 64, 2, 32, true)),
        ("lsh, window over all", Case::new(&[90, 40], 1, 8, 4, 1000, true)),
        ("local", Case::new(&[70, 1, 150, 33], 2, 24, 1, 16, false)),
        ("local, width 64", Case::new(&[300], 1, 64, 1, 64, false)),
        ("full", Case::new(&[70, 1, 150, 33], 2, 8, 1, usize::MAX, false)),
        ("full, width 80", Case::new(&[90], 1, 80, 1, usize::MAX, false)),
    ]
}

fn bits(numbers: &[f32]) -> Vec<u32> {
    numbers.iter().map(|number| number.to_bits()).collect()
}

fn assert_bits(got: &[Vec<f32>], expected: &[Vec<f32>], what: &str) {
    for (tensor, (got, expected)) in got.iter().zip(expected).enumerate() {
        let different = bits(got).iter().zip(bits(expected)).position(|(&a, b)| a != b);
        if let Some(at) = different {
            panic!("{what}: result {tensor} differs at {at}: {} against {}", got[at], expected[at]);
        }
    }
}

#[test]
fn the_lsh_case_is_hard() {
    let case = Case::lsh();
    let rows = case.rows();
    let (mut evicted, mut cold, mut twice) = (0, 0, 0);
    for token in 0..rows {
        let rounds = case.set(0, token);
        let all: BTreeSet<usize> = rounds.iter().flatten().copied().collect();
        evicted += usize::from(rounds.iter().any(|round| round.len() == case.window));
        cold += usize::from(all.len() == 1);
        twice += usize::from(rounds.iter().map(BTreeSet::len).sum::<usize>() > all.len() + rounds.len() - 1);
    }
    let of_first = &case.buckets[..rows];
    let crowd = (0..64).map(|bucket| of_first.iter().filter(|&&other| other == bucket).count()).collect::<Vec<_>>();
    assert!(evicted > 20 && cold > 0 && twice > 20, "evicted {evicted}, cold {cold}, twice {twice}");
    assert!(crowd.iter().max() > Some(&(4 * case.window)) && crowd.contains(&0), "{crowd:?}");
    assert!(150 > 4 * case.window);
    let [_, z] = case.forward(naive(Level::Portable), Tiling::default());
    let warm: Vec<f32> = z.iter().copied().filter(|&z| z > -1e4).collect();
    let mean = warm.iter().sum::<f32>() / warm.len() as f32;
    assert!(warm.iter().any(|z| (z - mean).abs() > 2.0), "logits are flat");
}

#[test]
fn attention_is_the_softmax_over_the_set() {
    for (name, case) in cases() {
        let (context, z) = case.reference();
        let [got, got_z] = case.forward(environment(2, Level::detect(), Kernels::Fast), Tiling::default());
        for (at, (&got, &expected)) in got.iter().zip(&context).enumerate() {
            // Logits up to 30 in f32 have errors of 1e-5 or less, and so have their exponentials, relatively.
            assert!((f64::from(got) - expected).abs() < 3e-5, "{name}: context {at} is {got}, expected {expected}");
        }
        for (at, (&got, &expected)) in got_z.iter().zip(&z).enumerate() {
            assert!((f64::from(got) - expected).abs() < 2e-5, "{name}: z {at} is {got}, expected {expected}");
        }
    }
}

#[test]
fn a_lone_token_returns_its_own_value() {
    let case = Case::lsh();
    let [context, z] = case.forward(environment(1, Level::detect(), Kernels::Fast), Tiling::default());
    let columns = case.heads.columns();
    assert_eq!(context[70 * columns..71 * columns], case.value[70 * columns..71 * columns]);
    assert_eq!(z[70], SELF_LOGIT);
}

#[test]
fn tiles_threads_and_levels_change_no_bit_of_the_forward() {
    for (name, case) in cases() {
        for level in Level::available() {
            let expected = case.forward(naive(level), Tiling::default());
            for tiling in tilings() {
                for threads in [1, 2] {
                    let got = case.forward(environment(threads, level, Kernels::Fast), tiling);
                    assert_bits(&got, &expected, &format!("{name}, {level:?}, {threads} threads, {tiling:?}"));
                }
            }
        }
    }
}

#[test]
fn tiles_threads_and_levels_change_no_bit_of_the_backward() {
    for (name, case) in cases() {
        for level in Level::available() {
            let expected = case.backward(naive(level), Tiling::default());
            for tiling in tilings() {
                for threads in [1, 2] {
                    let got = case.backward(environment(threads, level, Kernels::Fast), tiling);
                    assert_bits(&got, &expected, &format!("{name}, {level:?}, {threads} threads, {tiling:?}"));
                }
            }
        }
    }
}

#[test]
fn levels_with_fused_multiply_add_agree() {
    let fused: Vec<Level> = Level::available().into_iter().filter(|&level| level > Level::Portable).collect();
    for (name, case) in cases() {
        let all: Vec<_> = fused
            .iter()
            .map(|&level| {
                let environment = environment(2, level, Kernels::Fast);
                let mut results = case.backward(environment, Tiling::default());
                results.extend(case.forward(environment, Tiling::default()));
                results
            })
            .collect();
        for pair in all.windows(2) {
            assert_bits(&pair[0], &pair[1], name);
        }
    }
}

/// Central differences of Σ d_context · context in float64.
#[test]
fn gradients_are_slopes() {
    for (name, case) in cases() {
        let gradients = case.backward(environment(2, Level::detect(), Kernels::Fast), Tiling::default());
        let loss = |case: &Case| -> f64 {
            case.reference().0.iter().zip(&case.d_context).map(|(&a, &b)| a * f64::from(b)).sum()
        };
        for (tensor, gradient) in gradients.iter().enumerate() {
            for probe in 0..6 {
                let at = (probe * 7919 + 31 * tensor) % gradient.len();
                let step = 1.0 / 256.0;
                let moved = |by: f32| {
                    let mut case = case.clone();
                    let numbers = match (case.shared(), tensor) {
                        (_, 0) => &mut case.query,
                        (false, 1) => &mut case.key,
                        _ => &mut case.value,
                    };
                    let before = numbers[at];
                    numbers[at] += by;
                    let exact = f64::from(numbers[at]) - f64::from(before);
                    (loss(&case), exact)
                };
                let ((up, rise), (down, fall)) = (moved(step), moved(-step));
                let slope = (up - down) / (rise - fall);
                let got = f64::from(gradient[at]);
                // Third derivatives of a softmax are a few times its slopes: h² of them.
                let bound = 1e-3 * slope.abs().max(1.0);
                assert!((got - slope).abs() < bound, "{name}: gradient {tensor} at {at} is {got}, slope {slope}");
            }
        }
    }
}

#[test]
fn a_broken_order_is_named() {
    let case = Case::lsh();
    let mut order = case.order.clone();
    order[3] = order[4];
    let problem = Problem { sorted: Some((&order, &case.slot)), ..case.problem(Tiling::default()) };
    let largest = case.rows() as u32 - 1;
    let expected = Fault::Index { operand: "order", value: order[3], at: 3, largest };
    assert_eq!(check_order(&problem), Err(expected));
}
