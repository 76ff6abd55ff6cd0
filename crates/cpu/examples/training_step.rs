//! Speed of a training step of the chat preset, as a share of gemm's speed at 1024³ in the same process and with as many
//! threads: `cargo run --release -p reformer-cpu --example training_step`.

#![allow(clippy::print_stdout, reason = "an example that measures prints what it measured")]

use reformer_cpu::Cpu;
use reformer_model::{MemoryChoice, ModelConfig, initial_parameter, random_inputs, record};
use reformer_tensor::{Backend, Checks, DType, HostTensor, Inputs, Key, Plan, PlanOptions, shape};
use std::time::Instant;

/// Tokens of a step, and of each dialogue in it.
const ROWS: usize = 4096;
const SEGMENT: usize = 256;
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

fn inputs(config: &ModelConfig) -> Inputs {
    let mut inputs = random_inputs(config, Key::from_seed(2));
    let token = |seed: u64, row: usize| (Key::from_seed(seed).uniform(row as u64) * config.vocabulary as f64) as u32;
    let mut put = |name: &str, value: &dyn Fn(usize) -> u32| {
        inputs.insert(name.to_owned(), HostTensor::u32(shape![ROWS], (0..ROWS).map(value).collect()));
    };
    put("tokens", &|row| token(3, row));
    put("targets", &|row| token(4, row));
    put("positions", &|row| (row % SEGMENT) as u32);
    put("segments", &|row| (row / SEGMENT * SEGMENT) as u32);
    inputs.insert("weights".to_owned(), HostTensor::f32(shape![ROWS], vec![1.0 / ROWS as f32; ROWS]));
    inputs
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let config = ModelConfig::chat();
    for threads in [1, 2] {
        let backend = Cpu::new(threads);
        let gemm = product_speed(threads);
        println!("{}: gemm at 1024³ {gemm:.0} GFLOP/s", backend.adapter());
        for (name, choice) in [("stored", MemoryChoice::everything(&config)), ("rebuilt", MemoryChoice::minimum())] {
            let mut store = backend.store();
            for spec in config.parameters() {
                store.declare(&spec.name, spec.shape, DType::F32)?;
                store.write(&spec.name, &initial_parameter(&spec, Key::from_seed(1)))?;
            }
            let plan = Plan::new(&record::training(&config, ROWS, choice), &PlanOptions::default())?;
            plan.declare_states(store.as_mut())?;
            let (flops, peak) = (plan.flops() as f64, plan.peak_bytes());
            let mut prepared = backend.prepare(plan, Checks::Off)?;
            let inputs = inputs(&config);
            let mut failed = None;
            let seconds = best(|| failed = prepared.run(store.as_mut(), &inputs).err().or(failed.take()));
            if let Some(error) = failed {
                return Err(error.into());
            }
            let speed = flops / seconds / 1e9;
            println!(
                "  {name:8} {:.0} ms, {:.0} tokens/s, {:.1} MFLOP a token, {speed:.0} GFLOP/s: {:.0} % of gemm; {} MiB planned",
                seconds * 1e3,
                ROWS as f64 / seconds,
                flops / ROWS as f64 / 1e6,
                100.0 * speed / gemm,
                peak >> 20
            );
        }
    }
    Ok(())
}
