//! Runs of so many minutes, by a clock of the test's own.

use crate::fixture::{Run, training};
use reformer_trainer::{Control, Event, Outcome, Start, Trainer, TrainingConfig};
use std::cell::Cell;

fn minutes(minutes: f64) -> TrainingConfig {
    TrainingConfig {
        steps: None,
        minutes: Some(minutes),
        warmup: 40,
        evaluate_every: 50,
        save_every: 1000,
        ..training(1)
    }
}

/// Runs until the end or until so many steps were trained, on a clock that moves on by `tick` whenever it is read. Returns the total after
/// each step, and how it ended.
fn run(run: &Run, resume: bool, tick: f64, stop_after: usize) -> (Vec<Option<u64>>, Outcome) {
    let now = Cell::new(0.0);
    let mut setup = run.setup();
    setup.clock = Box::new(move || {
        now.set(now.get() + tick);
        now.get()
    });
    let start = Start::find(&setup.run, &setup.lock, resume).unwrap();
    let mut totals = Vec::new();
    let outcome = Trainer::new(setup, start).unwrap().run(&mut |event| {
        if let Event::Step(step) = event {
            totals.push(step.total_steps);
        }
        if totals.len() >= stop_after { Control::Stop } else { Control::Continue }
    });
    (totals, outcome.unwrap())
}

#[test]
fn after_twenty_steps_the_number_of_steps_is_fixed_and_written() {
    let folder = tempfile::tempdir().unwrap();
    let mut it = Run::new(folder.path(), &minutes(1.0));
    // A step takes a tick. While the total is open three of them pass with each, so 20 seconds are gone when it is fixed; in the rest 120
    // steps would fit, less what the evaluations and the checkpoint take.
    let (totals, outcome) = run(&it, false, 1.0 / 3.0, usize::MAX);
    let Outcome::Done(done) = outcome else { panic!("{outcome:?}") };
    assert!(totals[..20].iter().all(Option::is_none), "{totals:?}");
    assert!(totals[20..].iter().all(|&total| total == Some(done.steps)), "{totals:?}");
    assert!((100..140).contains(&done.steps), "{} steps", done.steps);
    let config = it.run_folder().read_config().unwrap();
    assert_eq!(config.training["steps"], done.steps);
    assert_eq!(config.training["minutes"], 1.0);

    // From then on it is a run of that many steps: trained from the start as such, it is the same.
    let other = tempfile::tempdir().unwrap();
    let again = Run { config: config.clone(), ..Run::new(other.path(), &minutes(1.0)) };
    assert_eq!(again.finish(false).0.parameters_sha256, done.parameters_sha256);

    it.config = config;
    assert_eq!(it.finish(true).0.parameters_sha256, done.parameters_sha256);
}

#[test]
fn a_run_stopped_before_that_measures_again() {
    let folder = tempfile::tempdir().unwrap();
    let it = Run::new(folder.path(), &minutes(2.0));
    let (_, outcome) = run(&it, false, 0.3, 12);
    assert!(matches!(outcome, Outcome::Stopped { step: 12, .. }), "{outcome:?}");
    assert_eq!(it.run_folder().read_config().unwrap().training["steps"], serde_json::Value::Null);
    let (totals, outcome) = run(&it, true, 0.3, 21);
    assert!(matches!(outcome, Outcome::Stopped { step: 33, .. }), "{outcome:?}");
    assert!(totals[..20].iter().all(Option::is_none) && totals[20].is_some(), "{totals:?}");
}

#[test]
fn where_not_even_twenty_steps_fit_the_run_ends_in_time() {
    let folder = tempfile::tempdir().unwrap();
    let it = Run::new(folder.path(), &minutes(1.0));
    let (totals, outcome) = run(&it, false, 3.0, usize::MAX);
    let Outcome::Done(done) = outcome else { panic!("{outcome:?}") };
    assert!((3..20).contains(&done.steps), "{} steps", done.steps);
    assert_eq!(totals.len() as u64, done.steps);
    // A step takes nine seconds here; the last evaluation and checkpoint may take what was kept for them.
    assert!(done.seconds < 75.0, "{} seconds", done.seconds);
}
