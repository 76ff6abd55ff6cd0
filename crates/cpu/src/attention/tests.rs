//! The law on hard cases: fast kernels give the naive twins' bits at every tiling, level and number of threads; both are the
//! softmax over the set in float64.

mod case;

use super::pieces::check_order;
use super::{Problem, Tiling};
use crate::environment::{Environment, Fault, Kernels, Level};
use case::Case;
use reformer_tensor::op::{Pattern, SELF_LOGIT};
use std::collections::BTreeSet;

fn environment(threads: usize, level: Level, kernels: Kernels) -> Environment {
    Environment { threads, level, kernels }
}

fn naive(level: Level) -> Environment {
    environment(1, level, Kernels::Naive)
}

fn usual() -> Tiling {
    Tiling::new(Pattern::Full, 100)
}

/// Tilings that cut windows, groups and pieces at odd places.
fn tilings() -> Vec<Tiling> {
    let tiling = |keys, kept, queries, piece| Tiling { keys, kept, queries, piece };
    vec![usual(), tiling(7, 0, 16, 1), tiling(16, 75, 48, 40), tiling(33, 40, 32, 64), tiling(200, 0, 16, 129)]
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
    let [_, z] = case.forward(naive(Level::Portable), usual());
    let warm: Vec<f32> = z.iter().copied().filter(|&z| z > -1e4).collect();
    let mean = warm.iter().sum::<f32>() / warm.len() as f32;
    assert!(warm.iter().any(|z| (z - mean).abs() > 2.0), "logits are flat");
}

#[test]
fn attention_is_the_softmax_over_the_set() {
    for (name, case) in cases() {
        let (context, z) = case.reference();
        let [got, got_z] = case.forward(environment(2, Level::detect(), Kernels::Fast), usual());
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
    let [context, z] = case.forward(environment(1, Level::detect(), Kernels::Fast), usual());
    let columns = case.heads.columns();
    assert_eq!(context[70 * columns..71 * columns], case.value[70 * columns..71 * columns]);
    assert_eq!(z[70], SELF_LOGIT);
}

#[test]
fn tiles_threads_and_levels_change_no_bit_of_the_forward() {
    for (name, case) in cases() {
        for level in Level::available() {
            let expected = case.forward(naive(level), usual());
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
            let expected = case.backward(naive(level), usual());
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
    let fused: Vec<Level> = Level::available().into_iter().filter(|level| level.is_fused()).collect();
    for (name, case) in cases() {
        let all: Vec<_> = fused
            .iter()
            .map(|&level| {
                let environment = environment(2, level, Kernels::Fast);
                let mut results = case.backward(environment, usual());
                results.extend(case.forward(environment, usual()));
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
        let gradients = case.backward(environment(2, Level::detect(), Kernels::Fast), usual());
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
    let problem = Problem { sorted: Some((&order, &case.slot)), ..case.problem(usual()) };
    let largest = case.rows() as u32 - 1;
    let expected = Fault::Index { operand: "order", value: order[3], at: 3, largest };
    assert_eq!(check_order(&problem), Err(expected));
}
