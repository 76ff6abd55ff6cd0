//! How many steps fit into the minutes that were asked for. Arithmetic alone: the clock is read in `train.rs`.

/// The first steps of a process are slower (memory is new, clocks rise), so they are not measured where there are others.
const UNMEASURED: usize = 3;

/// What things take, in seconds.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Costs {
    /// A step.
    pub step: f64,
    /// An evaluation on a part of the validation split.
    pub evaluation: f64,
    /// The evaluation at the end.
    pub last_evaluation: f64,
    /// A checkpoint.
    pub checkpoint: f64,
}

/// The seconds of a step, from those of all steps of this process.
pub(crate) fn seconds_per_step(measured: &[f64]) -> f64 {
    let kept = if measured.len() > UNMEASURED { &measured[UNMEASURED..] } else { measured };
    kept.iter().sum::<f64>() / kept.len().max(1) as f64
}

/// Steps of the whole run, `done` of them trained, with `left` seconds to go; at least `done`.
pub(crate) fn steps_that_fit(done: u64, left: f64, costs: Costs, evaluate_every: u64, save_every: u64) -> u64 {
    let for_steps = left - costs.last_evaluation - costs.checkpoint;
    let per_step = costs.step + costs.evaluation / evaluate_every as f64 + costs.checkpoint / save_every as f64;
    // A cast from f64 saturates, so an infinite quotient is a large number of steps.
    let more = (for_steps / per_step).max(0.0) as u64;
    done.saturating_add(more).min(u64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_fill_what_evaluations_and_checkpoints_leave() {
        let costs = Costs { step: 0.5, evaluation: 2.0, last_evaluation: 8.0, checkpoint: 1.0 };
        // 600 - 9 seconds, 0.5 + 2/20 + 1/10 = 0.7 a step.
        assert_eq!(steps_that_fit(20, 600.0, costs, 20, 10), 20 + 844);
        assert_eq!(steps_that_fit(20, 9.5, costs, 20, 10), 20, "no further step fits");
        assert_eq!(steps_that_fit(20, -50.0, costs, 20, 10), 20);
    }

    #[test]
    fn the_first_steps_are_not_measured() {
        assert_eq!(seconds_per_step(&[9.0, 9.0, 9.0, 1.0, 2.0]), 1.5);
        assert_eq!(seconds_per_step(&[9.0, 3.0]), 6.0, "unless there are no others");
    }
}
