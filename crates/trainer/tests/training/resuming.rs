//! Stopped, killed and resumed runs are the same runs.

use crate::fixture::{Run, copy, training};
use reformer_cpu::Cpu;
use reformer_tensor::Backend;
use reformer_trainer::{Control, Event, Outcome};
use std::io::Write;

#[test]
fn a_run_that_is_stopped_and_resumed_is_the_same_run() {
    let whole = tempfile::tempdir().unwrap();
    let config = training(12);
    let uninterrupted = Run::new(whole.path(), &config);
    let (expected, _) = uninterrupted.finish(false);

    let folder = tempfile::tempdir().unwrap();
    let run = Run::new(folder.path(), &config);
    let mut steps = Vec::new();
    // Stopped at once, then after one, two, and three steps, and so on.
    for (round, after) in [0, 1, 2, 3, 5].into_iter().enumerate() {
        let mut left = after;
        let outcome = run.run(round > 0, &mut |event| match event {
            Event::Step(_) if left <= 1 => Control::Stop,
            Event::Step(_) => {
                left -= 1;
                Control::Continue
            }
            Event::Plan(_) if after == 0 => Control::Stop,
            _ => Control::Continue,
        });
        let Outcome::Stopped { step, checkpoint } = outcome.unwrap() else { panic!("it was asked to stop") };
        assert_eq!(checkpoint.is_some(), step > 0);
        steps.push(step);
    }
    assert_eq!(steps, [0, 1, 3, 6, 11]);
    let (done, _) = run.finish(true);
    assert_eq!(done.parameters_sha256, expected.parameters_sha256);
    assert_eq!((done.tokens, done.loss), (expected.tokens, expected.loss));
    assert_eq!(run.metrics(), uninterrupted.metrics(), "evaluations that a stop came before are made later");
}

#[test]
fn a_run_that_is_killed_at_any_event_and_resumed_is_the_same_run() {
    let whole = tempfile::tempdir().unwrap();
    let copies = tempfile::tempdir().unwrap();
    let config = training(10);
    let uninterrupted = Run::new(whole.path(), &config);
    let mut killed = Vec::new();
    let outcome = uninterrupted.run(false, &mut |_| {
        let folder = copies.path().join(format!("run-{}", killed.len()));
        copy(whole.path(), &folder);
        // The process died in the middle of a line.
        let metrics = folder.join("metrics.jsonl");
        let mut file = std::fs::OpenOptions::new().append(true).open(metrics).unwrap();
        file.write_all(b"{\"event\":\"step\",\"ste").unwrap();
        killed.push(folder);
        Control::Continue
    });
    let Outcome::Done(expected) = outcome.unwrap() else { panic!("nobody stopped it") };
    // Before the first checkpoint, just before and after each, after each evaluation, at the end.
    assert!(killed.len() > 15, "{} events", killed.len());
    for folder in &killed {
        let run = Run::new(folder, &config);
        let (done, _) = run.finish(true);
        assert_eq!(done.parameters_sha256, expected.parameters_sha256, "killed when {} was copied", folder.display());
        assert_eq!(run.metrics(), uninterrupted.metrics(), "killed when {} was copied", folder.display());
    }
}

#[test]
fn a_finished_run_is_done_again_and_trains_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let run = Run::new(folder.path(), &training(5));
    let (first, _) = run.finish(false);
    let before = run.metrics();
    let (again, events) = run.finish(true);
    assert!(matches!(events.as_slice(), [Event::Plan(_), Event::Done(_)]), "{events:?}");
    assert_eq!(again.parameters_sha256, first.parameters_sha256);
    assert_eq!((again.steps, again.tokens, again.loss, again.seconds), (5, first.tokens, first.loss, first.seconds));
    assert_eq!(run.metrics(), before);
}

/// Where it goes on is noted in its config, once for each machine, and is nobody's mistake.
#[test]
fn a_run_notes_the_machines_that_computed_it() {
    let folder = tempfile::tempdir().unwrap();
    let alone = Run::new(folder.path(), &training(4));
    alone
        .run(false, &mut |event| if matches!(event, Event::Step(_)) { Control::Stop } else { Control::Continue })
        .unwrap();
    let by_two = Run { backend: Box::new(Cpu::new(2)), ..Run::new(folder.path(), &training(4)) };
    by_two
        .run(true, &mut |event| if matches!(event, Event::Step(_)) { Control::Stop } else { Control::Continue })
        .unwrap();
    alone.finish(true);
    // Only told of again.
    Run { backend: Box::new(Cpu::new(3)), ..Run::new(folder.path(), &training(4)) }.finish(true);
    let machines = by_two.run_folder().read_config().unwrap().machines;
    let expected: Vec<String> = [1, 2].map(|threads| format!("cpu ({})", Cpu::new(threads).adapter())).to_vec();
    assert_eq!(machines, expected);
}

#[test]
fn resuming_without_a_checkpoint_starts_afresh() {
    let folder = tempfile::tempdir().unwrap();
    let run = Run::new(folder.path(), &training(4));
    let (done, _) = run.finish(true);
    let other = tempfile::tempdir().unwrap();
    assert_eq!(Run::new(other.path(), &training(4)).finish(false).0.parameters_sha256, done.parameters_sha256);
}

#[test]
fn a_run_that_starts_from_another_has_its_parameters() {
    let first = tempfile::tempdir().unwrap();
    let (done, _) = Run::new(first.path(), &training(4)).finish(false);
    let second = tempfile::tempdir().unwrap();
    let mut config = training(4);
    config.init_from = Some(first.path().into());
    let run = Run::new(second.path(), &config);
    let outcome = run.run(false, &mut |_| Control::Stop).unwrap();
    let Outcome::Stopped { step: 0, checkpoint: Some(_) } = outcome else {
        panic!("saved before the first step: {outcome:?}")
    };
    let saved = run.run_folder().checkpoints().newest().unwrap().unwrap();
    let state = saved.state::<serde_json::Value>().unwrap();
    assert_eq!(state.parameters_sha256, done.parameters_sha256);
    // The other run is gone; this one goes on from what it has saved.
    drop(first);
    assert_eq!(run.finish(true).0.steps, 4);
}
