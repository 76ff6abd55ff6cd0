//! More steps for a run that is done, and how often it is saved and evaluated from then on.

use crate::fixture::{Run, copy, training};
use reformer_trainer::{Control, DoneEvent, Event, Schedule, TrainError, TrainingConfig};
use std::path::Path;

/// `steps` with the warm-up of the fixture, which a run keeps.
fn of(steps: u64) -> TrainingConfig {
    TrainingConfig { warmup: 3, ..training(steps) }
}

fn longer(folder: &Path, steps: u64) -> DoneEvent {
    Run::new(folder, &of(steps)).finish(true).0
}

#[test]
fn a_run_that_is_done_goes_on_along_the_schedule_of_a_longer_one() {
    let folder = tempfile::tempdir().unwrap();
    let run = Run::new(folder.path(), &of(6));
    let (done, _) = run.finish(false);
    let before = run.metrics();
    let aside = tempfile::tempdir().unwrap();
    copy(folder.path(), aside.path());

    let wanted = Run::new(folder.path(), &of(10));
    let extension = wanted.trainer(true).unwrap().extension().unwrap();
    assert_eq!((extension.had, extension.steps), (6, 10));
    // Its config says so by now, its newest checkpoint does not: what a kill at this moment leaves.
    assert_eq!(wanted.run_folder().read_config().unwrap().training["steps"], 10);
    let (killed, events) = wanted.finish(true);
    assert_eq!((killed.steps, killed.tokens > done.tokens), (10, true));
    let rates: Vec<f64> = events
        .iter()
        .filter_map(|event| match event {
            Event::Step(step) => Some(step.learning_rate),
            _ => None,
        })
        .collect();
    let schedule = Schedule::new(&of(10));
    assert_eq!(rates, [7, 8, 9, 10].map(|step| schedule.learning_rate(step)));
    assert_eq!(rates[0], extension.next_rate);
    assert_eq!(Schedule::new(&of(6)).learning_rate(6), extension.last_rate);
    assert_eq!(wanted.metrics()[..before.len()], before, "what it was is still there");

    let at_once = longer(aside.path(), 10);
    assert_eq!(at_once.parameters_sha256, killed.parameters_sha256);
    // Stopped on the way it is an unfinished run like any other.
    let third = tempfile::tempdir().unwrap();
    Run::new(third.path(), &of(6)).finish(false);
    let run = Run::new(third.path(), &of(10));
    let stop = |event: &Event| match event {
        Event::Step(step) if step.step == 8 => Control::Stop,
        _ => Control::Continue,
    };
    run.run(true, &mut { stop }).unwrap();
    match Run::new(third.path(), &of(12)).trainer(true) {
        Err(TrainError::Differs { differences, .. }) => assert_eq!(differences[0].field, "training.steps"),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it is not done"),
    }
    assert_eq!(run.finish(true).0.parameters_sha256, killed.parameters_sha256);
    assert!(matches!(
        Run::new(third.path(), &of(9)).trainer(true),
        Err(TrainError::FewerSteps { done: 10, asked: 9, .. })
    ));
}

#[test]
fn how_often_a_run_is_saved_and_evaluated_changes_no_parameter_and_is_kept() {
    let (folder, whole) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (expected, _) = Run::new(whole.path(), &of(9)).finish(false);
    let stop = |event: &Event| match event {
        Event::Step(step) if step.step == 5 => Control::Stop,
        _ => Control::Continue,
    };
    Run::new(folder.path(), &of(9)).run(false, &mut { stop }).unwrap();
    let other = Run::new(folder.path(), &TrainingConfig { evaluate_every: 2, save_every: 1, ..of(9) });
    let (done, events) = other.finish(true);
    assert_eq!(done.parameters_sha256, expected.parameters_sha256);
    let evaluated: Vec<u64> = events
        .iter()
        .filter_map(|event| match event {
            Event::Evaluation(event) => Some(event.step),
            _ => None,
        })
        .collect();
    assert_eq!(evaluated, [6, 8, 9]);
    let kept = other.run_folder().read_config().unwrap().training;
    assert_eq!(
        [&kept["evaluate_every"], &kept["save_every"], &kept["first_evaluate_every"]].map(|value| value.as_u64()),
        [Some(2), Some(1), Some(4)]
    );
    // The same part of the split as before, so that losses can be compared: that of step 8 both runs have.
    let loss = |run: &Run, step: u64| {
        let line = run.metrics().into_iter().find(|line| line["event"] == "evaluation" && line["step"] == step);
        line.unwrap()["loss"].clone()
    };
    assert_eq!(loss(&other, 8), loss(&Run::new(whole.path(), &of(9)), 8));
}
