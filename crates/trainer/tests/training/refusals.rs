//! What is refused, and how a run that diverges ends.

use crate::fixture::{Run, dialogues, model, training};
use reformer_model::{MemoryLimit, ModelConfig};
use reformer_session::Tokenizer;
use reformer_trainer::{Control, Corpus, Event, Outcome, TrainError};

fn error(run: &Run, resume: bool) -> String {
    match run.trainer(resume) {
        Ok(_) => panic!("it must be refused"),
        Err(error) => error.to_string(),
    }
}

fn expect(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "expected {part:?} in: {message}");
    }
}

#[test]
fn a_trained_run_is_not_started_over() {
    let folder = tempfile::tempdir().unwrap();
    let run = Run::new(folder.path(), &training(3));
    run.finish(false);
    expect(&error(&run, false), &["was trained for 3 steps", "--resume", "--run"]);
    run.run(true, &mut |_| Control::Continue).unwrap();
}

#[test]
fn other_options_and_other_data_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let mut run = Run::new(folder.path(), &training(3));
    run.finish(false);
    let own = run.config.clone();
    let other = Run::new(folder.path(), &reformer_trainer::TrainingConfig { batch: 5, seed: 1, ..training(3) });
    expect(&error(&other, true), &["`training.batch` is 4 in the run, 5 was asked for", "`training.seed` is 11"]);
    run.config = own.clone();
    run.config.model.layers = 3;
    expect(&error(&run, true), &["`model.layers` is 2 in the run, 3 was asked for"]);
    run.config = own;
    run.corpus.train.pop();
    expect(&error(&run, true), &["the training data of", "changed since step 3"]);
}

#[test]
fn what_cannot_be_trained_is_refused_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let run = || Run::new(folder.path(), &training(3));
    let corpus = |train| Corpus::from_dialogues(&Tokenizer::bytes(), train, &[], &[]).unwrap();
    expect(&error(&Run { corpus: corpus(&[]), ..run() }, false), &["the train split holds no text"]);
    let mut small = run();
    small.config.model.vocabulary = 100;
    expect(&error(&small, false), &["the train split holds token", "`vocabulary` is 100"]);
    let mut impossible = run();
    impossible.config.model.heads = 0;
    expect(&error(&impossible, false), &["`heads` is 0"]);
    let mut unknown = run();
    unknown.config.training["bacth"] = 3.into();
    expect(&error(&unknown, false), &["config.json", "unknown field `bacth`"]);
    expect(&error(&Run { memory: MemoryLimit::Bytes(1000), ..run() }, false), &["1000"]);
    assert!(!run().run_folder().is_started());
    // Without a validation split there is nothing to evaluate, and that is no fault.
    let run = Run { corpus: corpus(&dialogues(1, 20)), ..run() };
    let (_, events) = run.finish(false);
    assert!(!events.iter().any(|event| matches!(event, Event::Evaluation(_))));
}

#[test]
fn another_model_is_no_start() {
    let first = tempfile::tempdir().unwrap();
    Run::new(first.path(), &training(3)).finish(false);
    let second = tempfile::tempdir().unwrap();
    let mut config = training(3);
    config.init_from = Some(first.path().into());
    let mut run = Run::new(second.path(), &config);
    run.config.model = ModelConfig { width: 48, ..model() };
    expect(&error(&run, false), &["has another model", "`model.width` is 32 in the run, 48 was asked for"]);
}

#[test]
fn a_run_that_diverges_stops_and_names_the_last_good_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let calm = training(100);
    // The rate that throws the parameters out of all bounds comes after a checkpoint.
    let wild = reformer_trainer::TrainingConfig { warmup: 1000, learning_rate: 3e9, clip: 0.0, ..calm };
    let run = Run::new(folder.path(), &wild);
    let mut last = 0;
    let result = run.run(false, &mut |event| {
        if let Event::Step(step) = event {
            last = step.step;
        }
        Control::Continue
    });
    match result {
        Err(TrainError::Diverged { step, what, last_good }) => {
            assert_eq!(step, last + 1);
            let message = TrainError::Diverged { step, what, last_good }.to_string();
            let good = run.run_folder().checkpoints().latest_good().unwrap();
            let expected = match good {
                Some(checkpoint) => format!("The last good checkpoint is {}", checkpoint.path().display()),
                None => "No checkpoint was saved before".to_owned(),
            };
            expect(&message, &[&format!("step {step}: "), "has diverged", &expected, "--learning-rate"]);
        }
        Err(other) => panic!("another error: {other}"),
        Ok(Outcome::Done(_) | Outcome::Stopped { .. }) => panic!("a rate of three billion trained"),
    }
}
