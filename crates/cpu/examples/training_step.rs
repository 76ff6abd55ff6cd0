//! Speed of a training step as a share of gemm's at 1024³, in the same process and with as many threads.
//!
//! `cargo run --release -p reformer-cpu --example training_step` takes the chat preset, 4,096 tokens in dialogues of 256.
//! `… -- LENGTH [lsh|local|full]` takes one text of LENGTH bytes, two such layers of width 256, 4 heads, feed-forward 1,024, two
//! rounds, W = 64; docs/performance.md has the figures.

#![allow(clippy::print_stdout, reason = "an example that measures prints what it measured")]

use reformer_autodiff::Optimiser;
use reformer_cpu::Cpu;
use reformer_model::{LayerKind, MemoryChoice, ModelConfig, initial_parameter, random_inputs, record};
use reformer_tensor::{Backend, Checks, DType, HostTensor, Inputs, Key, Plan, PlanOptions, shape};
use std::error::Error;
use std::time::Instant;

/// Tokens of a step of the chat preset, and of each dialogue in it.
const CHAT_ROWS: usize = 4096;
const DIALOGUE: usize = 256;
/// Bytes, the two special tokens of a text of bytes.
const BYTES: usize = 258;
/// The size of the product that the step is compared with.
const SIDE: usize = 1024;

/// The best of five, in seconds.
fn best(mut work: impl FnMut()) -> f64 {
    let time = |work: &mut dyn FnMut()| {
        let start = Instant::now();
        work();
        start.elapsed().as_secs_f64()
    };
    (0..5).map(|_| time(&mut work)).fold(f64::INFINITY, f64::min)
}

/// gemm's speed at 1024³ with so many threads, in GFLOP/s.
#[allow(unsafe_code, reason = "gemm's interface is pointers; the three slices are SIDE² long, as the strides say")]
fn product_speed(threads: usize) -> f64 {
    let (a, b) = (Key::from_seed(1).normal(SIDE * SIDE), Key::from_seed(2).normal(SIDE * SIDE));
    let mut c = vec![0.0f32; SIDE * SIDE];
    let (one, many) = (1isize, SIDE as isize);
    let parallelism = if threads == 1 { gemm::Parallelism::None } else { gemm::Parallelism::Rayon(threads) };
    let seconds = best(|| {
        // SAFETY: every matrix is SIDE·SIDE, row-major, and `c` overlaps neither operand.
        unsafe {
            gemm::gemm(
                SIDE,
                SIDE,
                SIDE,
                c.as_mut_ptr(),
                one,
                many,
                false,
                a.as_ptr(),
                one,
                many,
                b.as_ptr(),
                one,
                many,
                0.0,
                1.0,
                false,
                false,
                false,
                parallelism,
            );
        }
    });
    2.0 * (SIDE as f64).powi(3) / seconds / 1e9
}

/// What is trained: a model, the tokens of a step, and of each segment in it.
struct Setting {
    config: ModelConfig,
    rows: usize,
    segment: usize,
}

impl Setting {
    fn chat() -> Self {
        Self { config: ModelConfig::chat(), rows: CHAT_ROWS, segment: DIALOGUE }
    }

    fn long(rows: usize, kind: LayerKind) -> Self {
        let mut buckets = Vec::new();
        let mut rest = (rows / 64).max(2);
        while rest > 64 {
            buckets.push(32);
            rest /= 32;
        }
        buckets.push(rest.next_multiple_of(2));
        let config = ModelConfig {
            vocabulary: BYTES,
            layers: 2,
            pattern: vec![kind],
            buckets,
            max_positions: rows,
            ..ModelConfig::chat()
        };
        Self { config, rows, segment: rows }
    }

    fn inputs(&self) -> Inputs {
        let (rows, segment) = (self.rows, self.segment);
        let mut inputs = random_inputs(&self.config, Key::from_seed(2));
        let most = self.config.vocabulary as f64;
        let token = |seed: u64, row: usize| (Key::from_seed(seed).uniform(row as u64) * most) as u32;
        let mut put = |name: &str, value: &dyn Fn(usize) -> u32| {
            inputs.insert(name.to_owned(), HostTensor::u32(shape![rows], (0..rows).map(value).collect()));
        };
        put("tokens", &|row| token(3, row));
        put("targets", &|row| token(4, row));
        put("positions", &|row| (row % segment) as u32);
        put("segments", &|row| (row / segment * segment) as u32);
        inputs.insert("weights".to_owned(), HostTensor::f32(shape![rows], vec![1.0 / rows as f32; rows]));
        inputs
    }
}

/// The whole step: gradients, then AdamW. Seconds, and FLOPs.
fn step(setting: &Setting, choice: MemoryChoice, threads: usize) -> Result<(f64, f64, u64), Box<dyn Error>> {
    let backend = Cpu::new(threads);
    let config = &setting.config;
    let mut store = backend.store();
    for spec in config.parameters() {
        store.declare(&spec.name, spec.shape, DType::F32)?;
        store.write(&spec.name, &initial_parameter(&spec, Key::from_seed(1)))?;
    }
    let training = Plan::new(&record::training(config, setting.rows, choice), &PlanOptions::default())?;
    let apply = Plan::new(&record::apply(config, &Optimiser::default()), &PlanOptions::default())?;
    training.declare_states(store.as_mut())?;
    apply.declare_states(store.as_mut())?;
    let (flops, peak) = ((training.flops() + apply.flops()) as f64, training.peak_bytes());
    let mut training = backend.prepare(training, Checks::Off)?;
    let mut apply = backend.prepare(apply, Checks::Off)?;
    let inputs = setting.inputs();
    let schedule: Inputs = [("schedule".to_owned(), HostTensor::f32(shape![4], vec![1e-4, 0.1, 0.02, 1.0]))].into();
    let mut failed = None;
    let seconds = best(|| {
        let result = training.run(store.as_mut(), &inputs).and_then(|_| apply.run(store.as_mut(), &schedule));
        failed = result.err().or(failed.take());
    });
    failed.map_or(Ok((seconds, flops, peak)), |error| Err(error.into()))
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let setting = match &arguments[..] {
        [] => Setting::chat(),
        [length] => Setting::long(length.parse()?, LayerKind::Lsh),
        [length, kind, ..] => Setting::long(length.parse()?, kind.parse()?),
    };
    for threads in [1, 2] {
        let gemm = product_speed(threads);
        println!("{}: gemm at 1024³ {gemm:.0} GFLOP/s", Cpu::new(threads).adapter());
        let choices = [("stored", MemoryChoice::everything(&setting.config)), ("rebuilt", MemoryChoice::minimum())];
        for (name, choice) in choices {
            let (seconds, flops, peak) = step(&setting, choice, threads)?;
            let speed = flops / seconds / 1e9;
            println!(
                "  {name:8} {:.0} ms, {:.0} tokens/s, {:.1} MFLOP a token, {speed:.0} GFLOP/s: {:.0} % of gemm; {} MiB planned",
                seconds * 1e3,
                setting.rows as f64 / seconds,
                flops / setting.rows as f64 / 1e6,
                100.0 * speed / gemm,
                peak >> 20
            );
        }
    }
    Ok(())
}
