//! Cached decoding of the chat preset against one full forward pass over 2,000 tokens, and its speed at contexts 100 and
//! 2,000: `cargo run --release -p reformer-benches --example decoding`.

#![allow(clippy::print_stdout, reason = "an example that measures prints what it measured")]

use reformer_cpu::Cpu;
use reformer_model::{ModelConfig, evaluation_inputs, initial_parameter, record};
use reformer_tensor::{Backend, Checks, DType, HostTensor, Inputs, Key, Plan, PlanOptions, Prepared, Store, shape};
use std::time::Instant;

/// Tokens of the conversation.
const TOKENS: usize = 2000;
/// Steps that a speed is averaged over.
const TIMED: usize = 50;

type Failure = Box<dyn std::error::Error>;

fn prepare(
    backend: &Cpu,
    store: &mut dyn Store,
    program: &reformer_tensor::Program,
) -> Result<Box<dyn Prepared>, Failure> {
    let plan = Plan::new(program, &PlanOptions::default())?;
    plan.declare_states(store)?;
    Ok(backend.prepare(plan, Checks::Off)?)
}

fn words(inputs: &mut Inputs, name: &str, data: Vec<u32>) {
    inputs.insert(name.to_owned(), HostTensor::u32(shape![data.len()], data));
}

fn main() -> Result<(), Failure> {
    let config = ModelConfig { max_positions: 2048, ..ModelConfig::chat() };
    let backend = Cpu::new(0);
    let mut store = backend.store();
    for spec in config.parameters() {
        store.declare(&spec.name, spec.shape, DType::F32)?;
        store.write(&spec.name, &initial_parameter(&spec, Key::from_seed(1)))?;
    }
    let tokens: Vec<u32> =
        (0..TOKENS as u64).map(|row| (Key::from_seed(3).uniform(row) * config.vocabulary as f64) as u32).collect();
    let mut inputs = evaluation_inputs(&config);
    words(&mut inputs, "tokens", tokens.clone());
    words(&mut inputs, "positions", (0..TOKENS as u32).collect());
    words(&mut inputs, "segments", vec![0; TOKENS]);
    words(&mut inputs, "chosen", (0..TOKENS as u32).collect());
    let mut full = prepare(&backend, store.as_mut(), &record::full_logits(&config, TOKENS, TOKENS, config.heads))?;
    let expected = full.run(store.as_mut(), &inputs)?;
    let expected = expected["logits"].as_f32().unwrap_or(&[]);

    let mut step = prepare(&backend, store.as_mut(), &record::decoding(&config, 1, 1, 1))?;
    let (mut greatest, mut started) = (0.0f32, Instant::now());
    for position in 0..TOKENS {
        let mut inputs = evaluation_inputs(&config);
        words(&mut inputs, "tokens", vec![tokens[position]]);
        words(&mut inputs, "positions", vec![position as u32]);
        words(&mut inputs, "cache_rows", vec![0]);
        words(&mut inputs, "chosen", vec![0]);
        if (position + TIMED).is_multiple_of(100) {
            started = Instant::now();
        }
        let outputs = step.run(store.as_mut(), &inputs)?;
        if position + 1 == 100 || position + 1 == TOKENS {
            let speed = TIMED as f64 / started.elapsed().as_secs_f64();
            println!("{}: {speed:.0} tokens/s at a context of {}", backend.adapter(), position + 1);
        }
        let row = &expected[position * config.vocabulary..(position + 1) * config.vocabulary];
        for (got, expected) in outputs["logits"].as_f32().unwrap_or(&[]).iter().zip(row) {
            greatest = greatest.max((got - expected).abs());
        }
    }
    println!("greatest difference of a logit, cached against full, over {TOKENS} tokens: {greatest:e}");
    Ok(())
}
