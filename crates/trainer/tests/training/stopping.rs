//! A wish to stop that comes during an evaluation: it ends within one operation, and the run that goes on is the same run.

use crate::fixture::{Run, corpus, model, training};
use reformer_cpu::Cpu;
use reformer_tensor::{Backend, DType, Key, StopWish};
use reformer_trainer::{Control, Event, Outcome, Setup, Start, TrainError, Trainer, TrainingConfig, evaluate};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Runs until the wish was asked for `polls` times, or to the end.
fn stopped_after(polls: u64, run: &Run) -> (Outcome, u64, Vec<Event>) {
    let asked = AtomicU64::new(0);
    let wish = || asked.fetch_add(1, Ordering::SeqCst) >= polls;
    let setup = Setup { stop: &wish, ..run.setup() };
    let start = Start::find(&setup.run, &setup.lock, true).unwrap();
    let mut events = Vec::new();
    let outcome = Trainer::new(setup, start).unwrap().run(&mut |event| {
        events.push(event.clone());
        Control::Continue
    });
    (outcome.unwrap(), asked.load(Ordering::SeqCst), events)
}

fn run(folder: &Path) -> Run {
    Run::new(folder, &training(10))
}

#[test]
fn an_evaluation_that_is_broken_off_comes_first_when_the_run_goes_on() {
    let whole = tempfile::tempdir().unwrap();
    let uninterrupted = run(whole.path());
    let (Outcome::Done(expected), polls, _) = stopped_after(u64::MAX, &uninterrupted) else {
        panic!("nobody stopped it")
    };
    // Asked before each instruction of three evaluations, of which the last is of more than one batch.
    assert!(polls > 100, "asked only {polls} times");
    let mut in_evaluations = 0;
    for after in (0..polls).step_by(polls as usize / 23) {
        let folder = tempfile::tempdir().unwrap();
        let run = run(folder.path());
        let (outcome, asked, events) = stopped_after(after, &run);
        let Outcome::Stopped { step, checkpoint } = outcome else {
            panic!("after {after} polls it went on to the end")
        };
        // What asks is inside the evaluation, and then the loop around it.
        assert!(asked <= after + 4, "it went on for {} more instructions", asked - after);
        assert_eq!(checkpoint.is_some(), step > 0);
        let last = events.iter().rev().find(|event| !matches!(event, Event::Checkpoint(_)));
        in_evaluations += usize::from(step % 4 == 0 && matches!(last, Some(Event::Step(_))));
        if step == 10 {
            let saved = run.run_folder().checkpoints().newest().unwrap().unwrap();
            assert_eq!(saved.step(), 10, "its steps are worth more than the last evaluation");
        }
        let (done, _) = run.finish(true);
        assert_eq!(done.parameters_sha256, expected.parameters_sha256, "after {after} polls");
        assert_eq!(run.metrics(), uninterrupted.metrics(), "after {after} polls");
        let best = |run: &Run| run.run_folder().checkpoints().best().unwrap().map(|best| best.step());
        assert_eq!(best(&run), best(&uninterrupted), "after {after} polls");
    }
    assert!(in_evaluations > 2, "only {in_evaluations} of them stopped in an evaluation between steps");
}

#[test]
fn an_evaluation_that_is_due_is_made_whatever_the_interval_is_by_then() {
    let whole = tempfile::tempdir().unwrap();
    let uninterrupted = run(whole.path());
    uninterrupted.finish(false);
    let folder = tempfile::tempdir().unwrap();
    let begun = run(folder.path());
    let told = AtomicBool::new(false);
    let wish = || told.load(Ordering::SeqCst);
    let setup = Setup { stop: &wish, ..begun.setup() };
    let mut trainer = Trainer::new(setup, Start::Fresh).unwrap();
    let outcome = trainer.run(&mut |event| {
        if matches!(event, Event::Step(step) if step.step == 4) {
            told.store(true, Ordering::SeqCst);
        }
        Control::Continue
    });
    assert!(matches!(outcome, Ok(Outcome::Stopped { step: 4, .. })), "{outcome:?}");
    drop(trainer);
    let other = Run::new(folder.path(), &TrainingConfig { evaluate_every: 3, ..training(10) });
    other.finish(true);
    let evaluated = |run: &Run| {
        let lines = run.metrics().into_iter().filter(|line| line["event"] == "evaluation");
        lines.map(|line| (line["step"].as_u64().unwrap(), line["loss"].clone())).collect::<Vec<_>>()
    };
    let (other, expected) = (evaluated(&other), evaluated(&uninterrupted));
    assert_eq!(other.iter().map(|(step, _)| *step).collect::<Vec<_>>(), [4, 6, 9, 10]);
    assert_eq!(other[0], expected[0]);
}

#[test]
fn an_evaluation_says_how_far_it_was() {
    let (backend, model, examples) = (Cpu::new(1), model(), corpus().dev);
    let mut store = backend.store();
    for spec in model.parameters() {
        store.declare(&spec.name, spec.shape, DType::F32).unwrap();
        store.write(&spec.name, &reformer_model::initial_parameter(&spec, Key::from_seed(3))).unwrap();
    }
    let all: usize = examples.iter().map(|example| example.rows()).sum();
    let mut stop_at = |polls: u64| {
        let asked = AtomicU64::new(0);
        let wish: &StopWish<'_> = &|| asked.fetch_add(1, Ordering::SeqCst) >= polls;
        let result = evaluate(&backend, store.as_mut(), &model, &examples, 128, wish);
        (result, asked.load(Ordering::SeqCst))
    };
    let (whole, polls) = stop_at(u64::MAX);
    whole.unwrap();
    let (mut least, mut most) = (u64::MAX, 0);
    for after in (0..polls).step_by(polls as usize / 10) {
        match stop_at(after).0 {
            Err(TrainError::Stopped { done, all: of }) => {
                assert_eq!(of, all as u64);
                (least, most) = (least.min(done), most.max(done));
            }
            other => panic!("after {after} of {polls} polls: {other:?}"),
        }
    }
    assert!(least == 0 && most > all as u64 / 2 && most < all as u64, "{least} to {most} of {all}");
}
