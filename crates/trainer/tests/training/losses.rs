//! What is learned: golden losses, evaluation, and what changes no bit.

use crate::fixture::{Run, corpus, losses, model, training};
use crate::golden::has_the_golden_losses;
use reformer_cpu::{Cpu, Environment, Kernels, Level};
use reformer_model::{MemoryLimit, initial_parameter};
use reformer_oracle::Oracle;
use reformer_tensor::{Backend, DType, Key};
use reformer_trainer::{Event, TrainError, evaluate};

#[test]
fn ten_steps_have_their_losses_on_every_level() {
    for level in Level::available() {
        has_the_golden_losses(Box::new(Cpu::with(Environment { threads: 1, level, kernels: Kernels::Fast })));
    }
}

#[test]
fn ten_steps_of_the_oracle_have_them_too() {
    has_the_golden_losses(Box::new(Oracle::new()));
}

#[test]
fn threads_and_memory_change_no_bit() {
    let hash = |threads: usize, memory: MemoryLimit| {
        let folder = tempfile::tempdir().unwrap();
        let backend = Box::new(Cpu::new(threads));
        let run = Run { backend, memory, ..Run::new(folder.path(), &training(6)) };
        let (done, events) = run.finish(false);
        let Some(Event::Plan(plan)) = events.first() else { panic!("no plan: {events:?}") };
        (done.parameters_sha256, losses(&events), plan.stored_layers, done.planned_peak_bytes)
    };
    let (sha256, losses, stored, peak) = hash(1, MemoryLimit::Bytes(u64::MAX));
    assert_eq!(stored, 2);
    // Scratch grows with the threads, so a limit between all and least is one thread's.
    let all = MemoryLimit::Bytes(u64::MAX);
    for (threads, memory) in [(2, all), (2, MemoryLimit::Minimum), (1, MemoryLimit::Bytes(peak - 1))] {
        let other = hash(threads, memory);
        assert!(memory == all || other.2 < 2, "{memory:?} should store less");
        assert_eq!((&other.0, &other.1), (&sha256, &losses), "{threads} threads, {memory:?}");
    }
}

#[test]
fn a_run_tells_what_it_does_and_leaves_its_folder_so() {
    let folder = tempfile::tempdir().unwrap();
    let run = Run::new(folder.path(), &training(9));
    let (done, events) = run.finish(false);
    let kind = |event: &Event| serde_json::to_value(event).unwrap()["event"].as_str().unwrap().to_owned();
    let kinds: Vec<String> = events.iter().map(kind).collect();
    let expected = "plan step step step checkpoint step evaluation step step checkpoint step step evaluation step checkpoint evaluation checkpoint done";
    assert_eq!(kinds.join(" "), expected);
    let fields = |event: &Event| {
        let mut names: Vec<String> =
            serde_json::to_value(event).unwrap().as_object().unwrap().keys().cloned().collect();
        names.sort();
        names.join(" ")
    };
    let expected = [
        "adapter backend event flops_per_step head_group parameters planned_peak_bytes stored_layers",
        "event gradient_norm learning_rate loss step tokens_per_second",
        "bits_per_byte event loss perplexity step",
        "event loss parameters_sha256 peak_rss_bytes planned_peak_bytes seconds steps tokens tokens_per_second",
    ];
    for (at, expected) in [0, 1, 6, 17].into_iter().zip(expected) {
        assert_eq!(fields(&events[at]), expected);
    }
    assert_eq!((done.steps, done.tokens > 9 * 2 * 200), (9, true), "{} tokens", done.tokens);
    assert!(done.planned_peak_bytes > 0 && done.parameters_sha256.len() == 64 && done.seconds > 0.0);
    let written: Vec<_> = run.metrics().iter().map(|line| line["event"].as_str().unwrap().to_owned()).collect();
    assert_eq!(written.iter().filter(|kind| *kind == "step").count(), 9);
    assert_eq!(written.last().unwrap(), "evaluation");
    let run = run.run_folder();
    assert!(std::fs::read_to_string(run.picture_path()).unwrap().contains("validation"));
    let steps: Vec<u64> = run.checkpoints().all().unwrap().iter().map(|checkpoint| checkpoint.step()).collect();
    assert_eq!(steps, [3, 6, 9]);
    assert_eq!(run.read_config().unwrap().training["steps"], 9);
}

#[test]
fn a_loss_falls() {
    let folder = tempfile::tempdir().unwrap();
    let (_, events) = Run::new(folder.path(), &training(40)).finish(false);
    let losses = losses(&events);
    let flat = (260f64).ln();
    assert!((losses[0] - flat).abs() < 0.1, "an untrained model knows nothing: {} instead of {flat}", losses[0]);
    // Letters of eight words: their frequencies alone give about 2.9 nats.
    assert!(losses[39] < 3.2, "after 40 steps the loss is still {}", losses[39]);
}

#[test]
fn evaluation_scores_every_token_once_however_it_is_packed() {
    let backend = Cpu::new(1);
    let model = model();
    let mut store = backend.store();
    for spec in model.parameters() {
        store.declare(&spec.name, spec.shape, DType::F32).unwrap();
        store.write(&spec.name, &initial_parameter(&spec, Key::from_seed(3))).unwrap();
    }
    let examples = corpus().dev;
    let longest = examples.iter().map(|example| example.rows()).max().unwrap();
    assert!(longest <= 128, "no example may be cut in this test: {longest}");
    let mut evaluate = |rows| evaluate(&backend, store.as_mut(), &model, &examples, rows, &|| false);
    let whole = evaluate(100_000).unwrap();
    assert_eq!(whole.tokens, examples.iter().map(|example| example.scored_tokens()).sum::<u64>());
    assert_eq!(whole.bytes, examples.iter().map(|example| example.bytes).sum::<u64>());
    let bits = whole.loss * whole.tokens as f64 / std::f64::consts::LN_2 / whole.bytes as f64;
    assert!((whole.bits_per_byte - bits).abs() < 1e-12 && (whole.perplexity - whole.loss.exp()).abs() < 1e-9);
    for rows in [128, 300, 1024] {
        let other = evaluate(rows).unwrap();
        assert_eq!(other.tokens, whole.tokens);
        // A row's bits don't depend on its neighbours, so only the order of an f64 sum of some 2000 terms differs: 2000 · 2^-53.
        assert!((other.loss - whole.loss).abs() < 1e-12, "{rows} rows: {} instead of {}", other.loss, whole.loss);
    }
    assert!(matches!(
        reformer_trainer::evaluate(&backend, store.as_mut(), &model, &[], 64, &|| false),
        Err(TrainError::NoText { .. })
    ));
}
