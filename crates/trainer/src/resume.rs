//! What a run that goes on may have else than it began with: how often it is evaluated and saved, and more steps once it is done. Everything
//! else is refused by name. What a checkpoint holds is not known here.

use crate::{Difference, Schedule, TrainError, TrainingConfig, differences};
use reformer_session::{RunConfig, RunFolder, read_section};

/// A run that was done goes on to more steps.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Extension {
    /// The steps that it had.
    pub had: u64,
    /// The steps that it will have.
    pub steps: u64,
    /// The learning rate of its last step.
    pub last_rate: f64,
    /// The learning rate of its next step: that of a run which has so many steps from the start.
    pub next_rate: f64,
}

impl Extension {
    /// Of a run that was done after `had` steps, if its config has more.
    pub(crate) fn of(training: &TrainingConfig, had: u64) -> Option<Self> {
        let steps = training.steps.filter(|&steps| steps > had)?;
        let before = TrainingConfig { steps: Some(had), ..training.clone() };
        let (last_rate, next_rate) =
            (Schedule::new(&before).learning_rate(had), Schedule::new(training).learning_rate(had + 1));
        Some(Self { had, steps, last_rate, next_rate })
    }
}

/// The config that a run goes on with: its own, and of `wanted` what changes no bit of what was trained so far. `done` are the steps after
/// which it was done, if it was.
///
/// # Errors
/// [`TrainError::Differs`] with every field that may not be another; [`TrainError::FewerSteps`] for a run that was done and is to have
/// fewer steps.
pub fn resumed(
    run: &RunFolder,
    begun: &RunConfig,
    wanted: &RunConfig,
    done: Option<u64>,
) -> Result<RunConfig, TrainError> {
    let mut own = TrainingConfig::of(run, begun)?;
    // It may be impossible, but what differs is what to say.
    let mut wish: TrainingConfig = read_section(&run.config_path(), "training", &wanted.training)?;
    // While the steps that fit some minutes are not counted yet, evaluations and checkpoints have a say in their number.
    if own.steps.is_some() {
        if wish.evaluate_every != own.evaluate_every {
            own.first_evaluate_every.get_or_insert(own.evaluate_every);
        }
        (own.evaluate_every, own.save_every) = (wish.evaluate_every, wish.save_every);
    }
    wish.first_evaluate_every = own.first_evaluate_every;
    if let (Some(done), Some(steps)) = (done, wish.steps) {
        if steps < done {
            return Err(TrainError::FewerSteps { run: run.path().to_owned(), done, asked: steps });
        }
        own.steps = Some(steps);
        // Who asks for steps says nothing of minutes.
        wish.minutes = wish.minutes.or(own.minutes);
    }
    let mut config = begun.clone();
    config.training = own.to_value();
    let wanted = RunConfig { training: wish.to_value(), ..wanted.clone() };
    let differences: Vec<Difference> = differences(&config, &wanted);
    if differences.is_empty() {
        Ok(config)
    } else {
        Err(TrainError::Differs { run: run.path().to_owned(), differences })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Duration;
    use reformer_model::ModelConfig;
    use std::path::Path;

    fn config(duration: Duration, change: impl FnOnce(&mut TrainingConfig)) -> RunConfig {
        let mut training = TrainingConfig::new(64, 2, duration, 1e-3, 0);
        change(&mut training);
        RunConfig::new(ModelConfig::tiny(), training.to_value(), serde_json::json!({}))
    }

    fn resumed_as(begun: &RunConfig, wanted: &RunConfig, done: Option<u64>) -> Result<RunConfig, String> {
        let folder = tempfile::tempdir().unwrap();
        let run = RunFolder::create(&folder.path().join("r")).unwrap();
        resumed(&run, begun, wanted, done)
            .map_err(|error| error.to_string().replace(&Path::new(run.path()).display().to_string(), "r"))
    }

    #[test]
    fn how_often_may_change_and_what_is_evaluated_stays() {
        let begun = config(Duration::Steps(300), |_| {});
        let other = config(Duration::Steps(300), |training| (training.evaluate_every, training.save_every) = (7, 9));
        let went_on = resumed_as(&begun, &other, None).unwrap();
        assert_eq!((&went_on.training["evaluate_every"], &went_on.training["save_every"]), (&7.into(), &9.into()));
        assert_eq!(went_on.training["first_evaluate_every"], begun.training["evaluate_every"]);
        let again = resumed_as(&went_on, &begun, None).unwrap();
        assert_eq!(again.training["evaluate_every"], begun.training["evaluate_every"]);
        assert_eq!(again.training["first_evaluate_every"], begun.training["evaluate_every"]);
        let open = config(Duration::Minutes(5.0), |_| {});
        let other = config(Duration::Minutes(5.0), |training| training.save_every = 9);
        let error = resumed_as(&open, &other, None).unwrap_err();
        assert!(error.contains("`training.save_every` is 100 in the run, 9 was asked for"), "{error}");
    }

    #[test]
    fn only_a_run_that_is_done_gets_more_steps() {
        let begun = config(Duration::Steps(300), |_| {});
        let of = |steps| config(Duration::Steps(steps), |training| training.warmup = 30);
        let error = resumed_as(&begun, &of(600), None).unwrap_err();
        assert!(error.contains("`training.steps` is 300 in the run, 600 was asked for"), "{error}");
        assert_eq!(resumed_as(&begun, &of(600), Some(300)).unwrap().training["steps"], 600);
        assert_eq!(resumed_as(&begun, &of(300), Some(300)).unwrap(), begun);
        let error = resumed_as(&begun, &of(200), Some(300)).unwrap_err();
        assert_eq!(error, "the run r has its 300 steps, --steps 200 are fewer: name more to go on, or start a new run");
        // A run of minutes is one of steps by then.
        let timed = config(Duration::Minutes(5.0), |training| training.steps = Some(300));
        let mut wish = timed.clone();
        (wish.training["steps"], wish.training["minutes"]) = (600.into(), serde_json::Value::Null);
        let went_on = resumed_as(&timed, &wish, Some(300)).unwrap();
        assert_eq!((&went_on.training["steps"], &went_on.training["minutes"]), (&600.into(), &5.0.into()));
        wish.training["minutes"] = 7.0.into();
        let error = resumed_as(&timed, &wish, Some(300)).unwrap_err();
        assert!(error.contains("`training.minutes` is 5.0 in the run, 7.0 was asked for"), "{error}");
    }

    #[test]
    fn more_steps_go_along_the_schedule_of_a_run_that_always_had_them() {
        let training = TrainingConfig { steps: Some(600), ..TrainingConfig::new(64, 2, Duration::Steps(300), 1.0, 0) };
        let extension = Extension::of(&training, 300).unwrap();
        assert_eq!((extension.had, extension.steps), (300, 600));
        assert!(extension.last_rate < 0.101, "the end of a run of 300 steps: {}", extension.last_rate);
        assert!((0.5..0.6).contains(&extension.next_rate), "the middle of a run of 600: {}", extension.next_rate);
        assert_eq!(Extension::of(&training, 600), None);
    }
}
