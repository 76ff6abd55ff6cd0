//! (e) reversible gradients are the gradients of a program that stores everything and holds no inverse, bit for bit.

use crate::fixture::{Batch, Machine, Place, config, only, same_bits};
use crate::hardness::assert_hard_in;
use reformer_autodiff::Optimiser;
use reformer_model::{LayerKind, MemoryChoice, ModelConfig, Precision, random_inputs, record};
use reformer_tensor::{DType, Direction, HostTensor, Key, Op, Program, shape};

const STEPS: u32 = 10;
/// Three times this makes tokens so alike within ten steps that attention is flat in the last layer.
const LEARNING_RATE: f32 = 1e-3;

fn deep() -> ModelConfig {
    ModelConfig { dropout: 0.1, ..config(&[LayerKind::Local, LayerKind::Lsh], 6) }
}

fn inverses(program: &Program) -> usize {
    let inverse = |op: &Op| match op {
        Op::MergeHeads(op) => op.direction == Direction::Reverse,
        Op::FeedForward(op) => op.direction == Direction::Reverse,
        Op::FeedForwardGradient(op) => op.rebuild,
        _other => false,
    };
    program.instructions.iter().filter(|instruction| inverse(&instruction.op)).count()
}

/// Ten steps of AdamW on changing batches; after each, every gradient and parameter.
fn train(place: Place, config: &ModelConfig, choice: MemoryChoice, stream: DType) -> Vec<(String, Vec<u32>)> {
    let batch = Batch::new(config, &[100, 33, 67], 31);
    let program = record::training_with(config, batch.rows(), choice, stream);
    let apply = record::apply(config, &Optimiser::default());
    let mut machine = Machine::on(place, config, 2);
    let mut accumulate = machine.prepare(&program);
    let mut update = machine.prepare(&apply);
    let mut seen = Vec::new();
    for step in 0..STEPS {
        let batch = Batch::new(config, &[100, 33, 67], 31 + u64::from(step));
        let random = random_inputs(config, Key::from_seed(1).fold_in(step));
        // The other choices go through the same buckets, or their comparison fails. Training must not make the case easy.
        if choice == MemoryChoice::everything(config) && [0, STEPS - 1].contains(&step) {
            let what = format!("{:?}, step {step}", config.pattern);
            assert_hard_in(&what, config, &batch, &mut machine, &program, random.clone());
        }
        let inputs = only(&program, &batch.inputs(random));
        let outputs = accumulate.run(machine.store.as_mut(), &inputs).unwrap();
        seen.push((format!("step {step}: losses"), crate::fixture::bits(&outputs["losses"])));
        for spec in config.parameters() {
            let name = format!("gradient.{}", spec.name);
            let gradient = machine.state(&name);
            assert!(gradient.iter().any(|&word| word << 1 != 0), "step {step}: {name} is all zero");
            seen.push((format!("step {step}: {name}"), gradient));
        }
        let correction = |beta: f32| 1.0 - beta.powi(step as i32 + 1);
        let schedule = HostTensor::f32(shape![4], vec![LEARNING_RATE, correction(0.9), correction(0.98), 1.0]);
        update.run(machine.store.as_mut(), &[("schedule".to_owned(), schedule)].into()).unwrap();
        for spec in config.parameters() {
            seen.push((format!("step {step}: {}", spec.name), machine.state(&spec.name)));
        }
    }
    seen
}

pub fn rebuilt_and_stored_gradients_are_the_same_bits(place: Place) {
    let config = deep();
    let everything = MemoryChoice::everything(&config);
    let stored = train(place, &config, everything, config.stream());
    let halves = ModelConfig { precision: Precision::F16, ..config.clone() };
    let stored_halves = train(place, &halves, everything, halves.stream());
    assert!(stored_halves.iter().zip(&stored).any(|(half, single)| half != single), "weights were not rounded");
    for ((name, got), (_, expected)) in
        train(place, &halves, MemoryChoice::minimum(), halves.stream()).iter().zip(&stored_halves)
    {
        same_bits(&format!("weights in f16, {name}"), got, expected);
    }
    assert_eq!(inverses(&record::training(&config, 200, everything)), 0, "the stored program holds an inverse");
    for choice in [MemoryChoice::minimum(), MemoryChoice { head_group: 3, stored_layers: 2 }] {
        assert!(
            inverses(&record::training(&config, 200, choice)) > 0,
            "{choice:?} rebuilds nothing: nothing is tested"
        );
        for ((name, got), (_, expected)) in train(place, &config, choice, config.stream()).iter().zip(&stored) {
            same_bits(&format!("{choice:?}, {name}"), got, expected);
        }
    }
}

/// The same comparison with streams in plain f32 must fail, or the test above could not.
pub fn plain_f32_streams_do_not_rebuild_the_same_bits(place: Place) {
    let config = deep();
    let stored = train(place, &config, MemoryChoice::everything(&config), DType::F32);
    let rebuilt = train(place, &config, MemoryChoice::minimum(), DType::F32);
    let different = stored.iter().zip(&rebuilt).filter(|(a, b)| a != b).count();
    assert!(different > 0, "f32 streams rebuilt every bit: the comparison is too easy to tell them apart");
}
