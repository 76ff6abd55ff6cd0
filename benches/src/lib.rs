//! What several benches share: backends, models, and programs that are ready to run with their states and inputs. What is
//! measured is in `benches/`.

pub mod operations;

use criterion::Criterion;
use reformer_autodiff::Optimiser;
use reformer_cpu::Cpu;
use reformer_gpu::{AdapterKind, Choice, Gpu};
use reformer_model::{LayerKind, MemoryChoice, ModelConfig, Precision, initial_parameter, random_inputs, record};
use reformer_tensor::{
    Backend, Checks, DType, HostTensor, Inputs, Key, Plan, PlanOptions, Prepared, Program, Store, shape,
};
use std::time::Duration;

/// Few samples, each a second's share: the whole suite is to take minutes, and what is compared differs by more than they do.
const SAMPLES: usize = 10;
const WARM_UP: Duration = Duration::from_millis(200);
const MEASURED: Duration = Duration::from_secs(1);
/// Bytes, and the two special tokens of a text of bytes.
const BYTES: usize = 258;
/// Layers of a model for long texts.
const TEXT_LAYERS: usize = 2;
/// The largest factor of a number of buckets, as the program chooses them.
const LARGEST_FACTOR: usize = 32;

/// The suite's settings.
pub fn criterion() -> Criterion {
    Criterion::default().sample_size(SAMPLES).warm_up_time(WARM_UP).measurement_time(MEASURED)
}

/// A backend that is measured.
pub struct Measured {
    /// What its groups' names begin with: nothing for the CPU, `gpu_` for the best adapter.
    pub prefix: &'static str,
    /// The backend.
    pub backend: Box<dyn Backend>,
    /// Whether it is an adapter that computes on the CPU: some five times slower than the CPU's own kernels.
    pub is_software: bool,
}

/// The CPU with all of its cores, and the best GPU adapter, if there is one.
pub fn backends() -> Vec<Measured> {
    let mut backends = vec![Measured { prefix: "", backend: Box::new(Cpu::new(0)), is_software: false }];
    if let Ok(gpu) = Gpu::new(&Choice::Best) {
        let is_software = gpu.described().kind == AdapterKind::Software;
        backends.push(Measured { prefix: "gpu_", backend: Box::new(gpu), is_software });
    }
    backends
}

/// Even factors whose product is about `length / window`.
pub fn bucket_factors(length: usize, window: usize) -> Vec<usize> {
    let mut rest = (length / window).max(2);
    let mut factors = Vec::new();
    while rest > 2 * LARGEST_FACTOR {
        factors.push(LARGEST_FACTOR);
        rest /= LARGEST_FACTOR;
    }
    factors.push(rest.next_multiple_of(2));
    factors
}

/// The model of the long-context figures: bytes, two layers of one kind; width 256, 4 heads, feed-forward 1,024, two rounds of
/// W = 64 as in the chat preset.
pub fn text_model(kind: LayerKind, length: usize) -> ModelConfig {
    let chat = ModelConfig::chat();
    ModelConfig {
        vocabulary: BYTES,
        layers: TEXT_LAYERS,
        pattern: vec![kind],
        buckets: bucket_factors(length, chat.window),
        max_positions: length,
        ..chat
    }
}

/// The model of decoding's figures: two layers (local, LSH) of width 512, feed-forward 2,048, vocabulary 8,192.
pub fn decoding_model(precision: Precision) -> ModelConfig {
    ModelConfig {
        vocabulary: 8192,
        width: 512,
        heads: 8,
        feed_forward: 2048,
        layers: 2,
        buckets: vec![32],
        max_positions: 1 << 16,
        precision,
        ..ModelConfig::chat()
    }
}

/// Programs over one store, each with its inputs.
pub struct Bench {
    /// Parameters and whatever else the programs keep.
    pub store: Box<dyn Store>,
    /// What a run runs, in order.
    pub programs: Vec<(Box<dyn Prepared>, Inputs)>,
}

impl Bench {
    /// No programs and no states.
    pub fn new(backend: &dyn Backend) -> Self {
        Self { store: backend.store(), programs: Vec::new() }
    }

    /// No programs; the model's parameters, in f32 for training, as the config stores them otherwise.
    ///
    /// # Panics
    /// If the backend has no room for them.
    pub fn of_model(backend: &dyn Backend, config: &ModelConfig, is_training: bool) -> Self {
        let mut bench = Self::new(backend);
        for spec in config.parameters() {
            let dtype = if is_training { DType::F32 } else { spec.stored };
            bench.store.declare(&spec.name, spec.shape, dtype).expect("a new store takes any state");
            let first = initial_parameter(&spec, Key::from_seed(1));
            bench.store.write(&spec.name, &first).expect("it was declared just so");
        }
        bench
    }

    /// A whole step of training on one text, or on `rows / segment` of them: gradients, everything stored, then AdamW.
    pub fn training(backend: &dyn Backend, config: &ModelConfig, rows: usize, segment: usize) -> Self {
        let mut bench = Self::of_model(backend, config, true);
        let training = record::training(config, rows, MemoryChoice::everything(config));
        bench.add(backend, &training, text_inputs(config, rows, segment));
        // Learning rate, decay, and the corrections of both moments, as at step 50.
        let schedule = HostTensor::f32(shape![4], vec![1e-4, 0.1, 0.02, 1.0]);
        let apply = record::apply(config, &Optimiser::default());
        bench.add(backend, &apply, Inputs::from([("schedule".to_owned(), schedule)]));
        bench
    }

    /// Adds a program.
    ///
    /// # Panics
    /// If it can't be planned or prepared: a bench records what is possible.
    pub fn add(&mut self, backend: &dyn Backend, program: &Program, inputs: Inputs) {
        let scratch_bytes = backend.scratch_bytes(program);
        let options = PlanOptions { scratch_bytes, ..PlanOptions::default() };
        let plan = Plan::new(program, &options).expect("the recording is right");
        plan.declare_states(self.store.as_mut()).expect("the states of the programs agree");
        self.programs.push((backend.prepare(plan, Checks::Off).expect("the plan fits"), inputs));
    }

    /// Runs every program once and looks at what it computes: nobody is served by the time of nonsense.
    ///
    /// # Panics
    /// If an output holds something that is no finite number.
    pub fn verify(&mut self) {
        for (prepared, inputs) in &mut self.programs {
            let outputs = prepared.run(self.store.as_mut(), inputs).expect("the inputs fit the program");
            for (name, output) in &outputs {
                let is_finite = output.as_f32().is_none_or(|numbers| numbers.iter().all(|number| number.is_finite()));
                assert!(is_finite, "`{name}` is not finite: there is nothing to measure");
            }
        }
    }

    /// Itself, once it is verified.
    ///
    /// # Panics
    /// As [`Bench::verify`].
    pub fn verified(mut self) -> Self {
        self.verify();
        self
    }

    /// Runs every program.
    ///
    /// # Panics
    /// If a run fails; the first one, of [`Bench::verified`], did not.
    pub fn run(&mut self) {
        for (prepared, inputs) in &mut self.programs {
            prepared.run(self.store.as_mut(), inputs).expect("the inputs fit the program");
        }
    }
}

/// Adds a vector of words, one a row.
pub fn put(inputs: &mut Inputs, name: &str, rows: usize, value: impl Fn(usize) -> u32) {
    inputs.insert(name.to_owned(), HostTensor::u32(shape![rows], (0..rows).map(value).collect()));
}

/// Tokens at random, the same every time.
pub fn token(config: &ModelConfig, seed: u64, at: usize) -> u32 {
    (Key::from_seed(seed).uniform(at as u64) * config.vocabulary as f64) as u32
}

/// What training and evaluation take: texts of `segment` tokens, each scored.
pub fn text_inputs(config: &ModelConfig, rows: usize, segment: usize) -> Inputs {
    let mut inputs = random_inputs(config, Key::from_seed(2));
    put(&mut inputs, "tokens", rows, |row| token(config, 3, row));
    put(&mut inputs, "targets", rows, |row| token(config, 4, row));
    put(&mut inputs, "positions", rows, |row| (row % segment) as u32);
    put(&mut inputs, "segments", rows, |row| (row / segment * segment) as u32);
    inputs.insert("weights".to_owned(), HostTensor::f32(shape![rows], vec![1.0 / rows as f32; rows]));
    inputs
}

/// What decoding takes: the next `rows` tokens of so many conversations, each at `position` and on; logits of the last `chosen`.
pub fn next_tokens(
    inputs: &mut Inputs,
    config: &ModelConfig,
    position: usize,
    conversations: usize,
    rows: usize,
    chosen: usize,
) {
    put(inputs, "tokens", rows, |row| token(config, 3, position + row));
    put(inputs, "positions", rows, |row| (position + row / conversations) as u32);
    put(inputs, "cache_rows", rows, |row| (row % conversations) as u32);
    put(inputs, "chosen", chosen, |at| (rows - chosen + at) as u32);
}
