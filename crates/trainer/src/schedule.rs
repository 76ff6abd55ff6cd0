//! The learning rate and AdamW's bias corrections as functions of the step, in f64. Holds no state.

use crate::TrainingConfig;
use reformer_tensor::{HostTensor, shape};

/// What each step takes.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Schedule {
    peak: f64,
    warmup: u64,
    final_share: f64,
    total: Option<u64>,
    beta1: f64,
    beta2: f64,
    clip: f32,
}

impl Schedule {
    /// The schedule of a run. While the number of steps isn't fixed, it is right for the steps of the warm-up.
    pub fn new(config: &TrainingConfig) -> Self {
        Self {
            peak: f64::from(config.learning_rate),
            warmup: config.warmup,
            final_share: f64::from(config.final_rate_share),
            total: config.steps,
            beta1: f64::from(config.optimiser.beta1),
            beta2: f64::from(config.optimiser.beta2),
            clip: config.clip,
        }
    }

    /// The learning rate of `step`, counted from 1: up a line to the highest at the last step of the warm-up, then down half a cosine,
    /// which reaches the final share one step after the last, so that no step is lost where that share is 0.
    pub fn learning_rate(&self, step: u64) -> f64 {
        let after = step.saturating_sub(self.warmup);
        let Some(total) = self.total.filter(|_| after > 0) else {
            return self.peak * (step as f64 / self.warmup as f64).min(1.0);
        };
        let falling = total.saturating_sub(self.warmup) + 1;
        let progress = (after as f64 / falling as f64).min(1.0);
        let cosine = (1.0 + (std::f64::consts::PI * progress).cos()) / 2.0;
        self.peak * (self.final_share + (1.0 - self.final_share) * cosine)
    }

    /// The input `schedule` of [`reformer_model::record::apply`]: the learning rate, 1−β₁ᵗ, 1−β₂ᵗ and the clip.
    pub fn input(&self, step: u64) -> HostTensor {
        // By logarithms, since 1−β₂ᵗ is small at first and an f64 power loses nothing that f32 would keep.
        let correction = |beta: f64| -(step as f64 * beta.ln()).exp_m1();
        let row = [self.learning_rate(step), correction(self.beta1), correction(self.beta2)];
        let [rate, first, second] = row.map(|number| number as f32);
        HostTensor::f32(shape![4], vec![rate, first, second, self.clip])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Duration;

    fn schedule(change: impl FnOnce(&mut TrainingConfig)) -> Schedule {
        let mut config = TrainingConfig::new(8, 1, Duration::Steps(100), 1.0, 0);
        config.warmup = 10;
        change(&mut config);
        Schedule::new(&config)
    }

    #[test]
    fn the_rate_rises_then_falls_to_its_share() {
        let schedule = schedule(|_| {});
        let rate = |step| schedule.learning_rate(step);
        assert_eq!([rate(1), rate(5), rate(10)], [0.1, 0.5, 1.0]);
        // 91 steps from the top to the share; the middle of the cosine is (1 + 0.1) / 2.
        assert!((rate(55) - 0.5578).abs() < 1e-3 && (rate(56) - 0.5423).abs() < 1e-3, "{} {}", rate(55), rate(56));
        assert!(rate(100) > 0.1 && rate(100) < 0.101, "{}", rate(100));
        assert!((11..=100).all(|step| rate(step) < rate(step - 1)), "it must fall all the way");
        // 0.1 as f32 is 1.5e-9 off.
        assert!((rate(101) - 0.1).abs() < 1e-8, "{}", rate(101));
    }

    #[test]
    fn the_warm_up_does_not_know_the_total() {
        let (open, fixed) = (schedule(|c| c.steps = None), schedule(|_| {}));
        assert!((1..=10).all(|step| open.input(step) == fixed.input(step)));
    }

    #[test]
    fn a_run_shorter_than_its_warm_up_only_rises() {
        let schedule = schedule(|c| c.steps = Some(5));
        assert_eq!((1..=5).map(|step| schedule.learning_rate(step)).collect::<Vec<_>>(), [0.1, 0.2, 0.3, 0.4, 0.5]);
    }

    #[test]
    fn corrections_are_exact() {
        let schedule = schedule(|_| {});
        for step in [1u64, 2, 7, 1000] {
            let input = schedule.input(step);
            let [_, first, second, clip] = input.as_f32().unwrap()[..] else { panic!("four numbers: {input:?}") };
            let power = |beta: f32| (1.0 - f64::from(beta).powi(step as i32)) as f32;
            // A unit in the last place of f32 each.
            assert!(
                (first - power(0.9)).abs() <= f32::EPSILON * first,
                "step {step}: {first}, expected {}",
                power(0.9)
            );
            assert!((second - power(0.98)).abs() <= f32::EPSILON * second, "step {step}: {second}");
            assert_eq!(clip, 1.0);
        }
    }
}
