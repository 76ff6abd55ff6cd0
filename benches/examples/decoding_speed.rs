//! How near decoding comes to what memory allows, with weights in f32 and bf16: width 512, two layers, vocabulary 8,192; contexts
//! 1,000 and 60,000, one conversation and eight, and prefill: `cargo run --release -p reformer-benches --example decoding_speed`.

#![allow(clippy::print_stdout, reason = "an example that measures prints what it measured")]

use reformer_benches::{Bench, decoding_model, next_tokens};
use reformer_cpu::Cpu;
use reformer_model::{ModelConfig, Precision, evaluation_inputs, record};
use reformer_tensor::{Backend, Checks, Inputs, Plan, PlanOptions, Prepared, Store};
use std::hint::black_box;
use std::time::Instant;

/// Tokens that are appended in one run while a context is filled.
const PREFILL_ROWS: usize = 256;
/// Contexts that speeds are measured at.
const CONTEXTS: [usize; 2] = [1_000, 60_000];
/// Tokens that a speed is measured over; the best of [`REPEATS`].
const TIMED: usize = 40;
const REPEATS: usize = 5;
/// Bytes that are read to measure memory: far more than caches hold.
const MEMORY_BYTES: usize = 512 << 20;

type Failure = Box<dyn std::error::Error>;

/// Bytes a second of reading memory with one thread: a sum over words.
fn bandwidth() -> f64 {
    let words = vec![1u64; MEMORY_BYTES / 8];
    let seconds = (0..REPEATS).map(|_| {
        let start = Instant::now();
        black_box(words.iter().fold(0u64, |sum, &word| sum.wrapping_add(word)));
        start.elapsed().as_secs_f64()
    });
    MEMORY_BYTES as f64 / seconds.fold(f64::INFINITY, f64::min)
}

/// A model with caches.
struct Model {
    config: ModelConfig,
    backend: Cpu,
    store: Box<dyn Store>,
    batch: usize,
}

impl Model {
    fn new(precision: Precision, batch: usize) -> Self {
        let (config, backend) = (decoding_model(precision), Cpu::new(0));
        let store = Bench::of_model(&backend, &config, false).store;
        Self { config, backend, store, batch }
    }

    /// Bytes of the weights that a token reads whole.
    fn weight_bytes(&self) -> usize {
        let parameters = self.config.parameters().into_iter().filter(|spec| !spec.name.starts_with("embed."));
        parameters.map(|spec| spec.stored.bytes(spec.shape.elements())).sum()
    }

    fn prepare(&mut self, rows: usize) -> Result<Box<dyn Prepared>, Failure> {
        let chosen = rows.min(self.batch);
        let plan = Plan::new(&record::decoding(&self.config, rows, self.batch, chosen), &PlanOptions::default())?;
        plan.declare_states(self.store.as_mut())?;
        Ok(self.backend.prepare(plan, Checks::Off)?)
    }

    /// The next `rows` tokens, each conversation's at `position` and on.
    fn inputs(&self, rows: usize, position: usize) -> Inputs {
        let mut inputs = evaluation_inputs(&self.config);
        next_tokens(&mut inputs, &self.config, position, self.batch, rows, rows.min(self.batch));
        inputs
    }

    /// Fills every conversation from `from` up to `to`; tokens a second, and FLOPs of a token.
    fn fill(&mut self, from: usize, to: usize) -> Result<(f64, f64), Failure> {
        let mut prefill = self.prepare(PREFILL_ROWS)?;
        let (mut tokens, start) = (0, Instant::now());
        let each = PREFILL_ROWS / self.batch;
        for position in (from..to).step_by(each) {
            let inputs = self.inputs(PREFILL_ROWS, position);
            prefill.run(self.store.as_mut(), &inputs)?;
            tokens += PREFILL_ROWS;
        }
        Ok((tokens as f64 / start.elapsed().as_secs_f64(), prefill.plan().flops() as f64 / PREFILL_ROWS as f64))
    }

    /// Tokens a second of all conversations together at a context.
    fn speed(&mut self, step: &mut dyn Prepared, context: usize) -> Result<f64, Failure> {
        let mut best = f64::INFINITY;
        for repeat in 0..REPEATS {
            let inputs: Vec<Inputs> =
                (0..TIMED).map(|token| self.inputs(self.batch, context + repeat * TIMED + token)).collect();
            let start = Instant::now();
            for inputs in &inputs {
                step.run(self.store.as_mut(), inputs)?;
            }
            best = best.min(start.elapsed().as_secs_f64());
        }
        Ok((TIMED * self.batch) as f64 / best)
    }
}

fn main() -> Result<(), Failure> {
    let memory = bandwidth();
    println!("memory: {:.1} GB/s with one thread", memory / 1e9);
    for precision in [Precision::F32, Precision::Bf16] {
        let mut single = 0.0;
        for batch in [1, 8] {
            let mut model = Model::new(precision, batch);
            let bytes = model.weight_bytes() as f64;
            let mut step = model.prepare(batch)?;
            let mut filled = 0;
            for context in CONTEXTS {
                let (prefill, flops) = model.fill(filled, context)?;
                filled = context + TIMED * REPEATS;
                let speed = model.speed(step.as_mut(), context)?;
                let share = 100.0 * speed / batch as f64 * bytes / memory;
                println!(
                    "{precision:?}, {batch} at once, context {context}: {speed:.0} tokens/s, {share:.0} % of memory's speed \
                     ({:.1} MB of weights a step); prefill {prefill:.0} tokens/s, {:.0} GFLOP/s",
                    bytes / 1e6,
                    prefill * flops / 1e9
                );
                if context == CONTEXTS[0] {
                    if batch == 1 {
                        single = speed;
                    } else {
                        println!("  {:.1} times the tokens of one conversation", speed / single);
                    }
                }
            }
        }
    }
    Ok(())
}
