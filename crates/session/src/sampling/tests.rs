//! What sampling promises: edge cases of the options, the distribution, and that a seed is a text.

use super::*;
use proptest::prelude::*;

fn options(temperature: f64, top_k: usize, top_p: f64) -> SamplingOptions {
    SamplingOptions { temperature, top_k, top_p, seed: 7 }
}

/// How often each token is drawn.
fn counts(options: SamplingOptions, logits: &[f32], draws: usize) -> Vec<usize> {
    let mut sampler = Sampler::new(options).unwrap();
    let mut counts = vec![0; logits.len()];
    for _ in 0..draws {
        counts[sampler.draw(logits, &[]).unwrap() as usize] += 1;
    }
    counts
}

#[test]
fn greedy_takes_the_best_and_of_equal_ones_the_first() {
    let mut sampler = Sampler::new(options(0.0, 0, 1.0)).unwrap();
    assert_eq!(sampler.draw(&[1.0, 3.0, 3.0, 2.0], &[]).unwrap(), 1);
    assert_eq!(sampler.draw(&[-0.0, 0.0, -1.0], &[]).unwrap(), 0, "the two zeros are equal");
    assert_eq!(sampler.draw(&[1.0, 3.0, 3.0, 2.0], &[1, 2]).unwrap(), 3);
}

#[test]
fn draws_follow_the_softmax_at_the_temperature() {
    let logits = [0.0f32, 1.0, 2.0, f32::NEG_INFINITY];
    let draws = 40_000;
    for temperature in [0.5, 1.0, 2.0] {
        let weights: Vec<f64> = logits.iter().map(|&logit| (f64::from(logit) / temperature).exp()).collect();
        let total: f64 = weights.iter().sum();
        for (count, weight) in counts(options(temperature, 0, 1.0), &logits, draws).into_iter().zip(weights) {
            let probability = weight / total;
            let expected = probability * draws as f64;
            // Five standard deviations of a binomial count.
            let allowed = 5.0 * (expected * (1.0 - probability)).sqrt();
            assert!(
                (count as f64 - expected).abs() <= allowed,
                "temperature {temperature}: {count} draws, expected {expected} ± {allowed}"
            );
        }
    }
}

#[test]
fn top_k_keeps_the_best_k_and_of_equal_ones_the_first() {
    let drawn = counts(options(1.0, 2, 1.0), &[1.0, 1.0, 1.0, 0.0], 2_000);
    assert!(drawn[0] > 0 && drawn[1] > 0, "{drawn:?}");
    assert_eq!(drawn[2..], [0, 0]);
    assert_eq!(counts(options(1.0, 1, 1.0), &[0.0, 0.1], 100), [0, 100], "top_k 1 is greedy");
    let all = counts(options(1.0, 0, 1.0), &[0.0, 0.5, 1.0], 2_000);
    assert_eq!(counts(options(1.0, 99, 1.0), &[0.0, 0.5, 1.0], 2_000), all, "more than there are is all");
}

#[test]
fn top_p_keeps_the_smallest_set_that_reaches_p() {
    // Probabilities 0.5, 0.25, 0.25.
    let logits = [2.0f32.ln(), 0.0, 0.0];
    assert_eq!(counts(options(1.0, 0, 0.5), &logits, 500), [500, 0, 0], "the first alone reaches 0.5");
    let drawn = counts(options(1.0, 0, 0.6), &logits, 500);
    assert!(drawn[1] > 0 && drawn[2] == 0, "0.6 takes the first two: {drawn:?}");
    assert_eq!(counts(options(1.0, 0, 1e-300), &logits, 500), [500, 0, 0], "one is always left");
    let drawn = counts(options(1.0, 0, 0.999_999), &logits, 500);
    assert!(drawn.iter().all(|&count| count > 0), "{drawn:?}");
}

#[test]
fn top_p_counts_within_top_k() {
    // Among the best two, the first has 2/3: with p 0.6 it is alone; among all three it has 1/2.
    assert_eq!(counts(options(1.0, 2, 0.6), &[2.0f32.ln(), 0.0, 0.0], 300), [300, 0, 0]);
}

#[test]
fn a_seed_is_a_sequence_and_another_seed_another() {
    let logits = vec![0.0f32; 50];
    let draw = |seed| {
        let mut sampler = Sampler::new(SamplingOptions { seed, ..options(1.0, 0, 1.0) }).unwrap();
        (0..40).map(|_| sampler.draw(&logits, &[]).unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(draw(1), draw(1));
    assert_ne!(draw(1), draw(2));
    let first = draw(1)[0];
    assert!(draw(1).iter().any(|&token| token != first), "every draw has its own random number");
}

#[test]
fn impossible_options_and_logits_are_refused_by_name() {
    for (options, field) in [
        (options(-0.1, 0, 1.0), "temperature"),
        (options(f64::NAN, 0, 1.0), "temperature"),
        (options(f64::INFINITY, 0, 1.0), "temperature"),
        (options(1.0, 0, 0.0), "top_p"),
        (options(1.0, 0, 1.1), "top_p"),
        (options(1.0, 0, f64::NAN), "top_p"),
    ] {
        let error = Sampler::new(options).unwrap_err().to_string();
        assert!(error.contains(&format!("`{field}`")), "{error}");
    }
    let mut sampler = Sampler::new(options(1.0, 0, 1.0)).unwrap();
    let error = sampler.draw(&[0.0, f32::NAN], &[]).unwrap_err().to_string();
    assert!(error.contains("token 1 is NaN"), "{error}");
    assert_eq!(sampler.draw(&[0.0, 1.0], &[0, 1]), Err(SamplingError::Nothing(2)));
    assert_eq!(sampler.draw(&[], &[]), Err(SamplingError::Nothing(0)));
}

proptest! {
    #[test]
    fn whatever_is_drawn_was_allowed(
        logits in prop::collection::vec(-50.0f32..50.0, 1..40),
        temperature in prop_oneof![Just(0.0), Just(1e-300), Just(1e300), 0.1..3.0f64],
        top_k in 0usize..50,
        top_p in 1e-6..=1.0f64,
        banned in prop::collection::vec(0u32..40, 0..20),
    ) {
        let mut sampler = Sampler::new(options(temperature, top_k, top_p)).unwrap();
        match sampler.draw(&logits, &banned) {
            Ok(token) => {
                prop_assert!((token as usize) < logits.len() && !banned.contains(&token));
                let better = logits.iter().enumerate()
                    .filter(|&(other, &logit)| !banned.contains(&(other as u32)) && logit > logits[token as usize])
                    .count();
                prop_assert!(top_k == 0 || better < top_k);
            }
            Err(error) => {
                prop_assert_eq!(error, SamplingError::Nothing(logits.len()));
                prop_assert!((0..logits.len() as u32).all(|token| banned.contains(&token)));
            }
        }
    }
}
