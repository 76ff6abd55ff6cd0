//! A training step op by op, and its speed as a share of our own matrix product's in the same process:
//! `cargo run --release -p reformer-gpu --example gpu_training_step [ROWS] [lsh|local|full] [ADAPTER]`.

#![allow(clippy::print_stdout, reason = "an example that measures prints what it measured")]

use reformer_gpu::{Choice, Gpu, ProductVariant};
use reformer_model::{LayerKind, MemoryChoice, ModelConfig, initial_parameter, random_inputs, record};
use reformer_tensor::{Backend, Checks, DType, HostTensor, Inputs, Key, Plan, PlanOptions, shape};
use std::collections::BTreeMap;
use std::time::Instant;

/// The size of the product that the step is compared with.
const SIDE: usize = 1024;

/// Bytes of one long text: width 256, 2 layers, 2 rounds.
fn config(rows: usize, kind: LayerKind) -> ModelConfig {
    let buckets = (rows / 64).max(2).next_power_of_two();
    let buckets = if buckets > 32 { vec![32, buckets / 32] } else { vec![buckets] };
    ModelConfig { vocabulary: 258, layers: 2, pattern: vec![kind], max_positions: rows, buckets, ..ModelConfig::chat() }
}

fn inputs(config: &ModelConfig, rows: usize) -> Inputs {
    let mut inputs = random_inputs(config, Key::from_seed(2));
    let token = |seed: u64, row: usize| (Key::from_seed(seed).uniform(row as u64) * config.vocabulary as f64) as u32;
    let mut put = |name: &str, value: &dyn Fn(usize) -> u32| {
        inputs.insert(name.to_owned(), HostTensor::u32(shape![rows], (0..rows).map(value).collect()));
    };
    put("tokens", &|row| token(3, row));
    put("targets", &|row| token(4, row));
    put("positions", &|row| row as u32);
    put("segments", &|_| 0);
    inputs.insert("weights".to_owned(), HostTensor::f32(shape![rows], vec![1.0 / rows as f32; rows]));
    inputs
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let rows: usize = arguments.next().map_or(Ok(4096), |text| text.parse())?;
    let kind = match arguments.next().as_deref() {
        None | Some("lsh") => LayerKind::Lsh,
        Some("local") => LayerKind::Local,
        Some("full") => LayerKind::Full,
        Some(other) => return Err(format!("`{other}`: choose lsh, local or full").into()),
    };
    let config = config(rows, kind);
    let gpu = Gpu::new(&arguments.next().map_or(Choice::Best, Choice::Named))?;
    let usual = [ProductVariant::usual(gpu.described().kind)];
    let product = gpu.measure_products(SIDE, 3, &usual)?[0].1.as_secs_f64();
    let product = 2.0 * (SIDE as f64).powi(3) / product / 1e9;
    println!("{}: product at 1024³ {product:.1} GFLOP/s", gpu.adapter());
    let mut store = gpu.store();
    for spec in config.parameters() {
        store.declare(&spec.name, spec.shape, DType::F32)?;
        store.write(&spec.name, &initial_parameter(&spec, Key::from_seed(1)))?;
    }
    let plan = Plan::new(&record::training(&config, rows, MemoryChoice::everything(&config)), &PlanOptions::default())?;
    plan.declare_states(store.as_mut())?;
    let flops = plan.flops() as f64;
    let mut step = gpu.prepare(plan, Checks::Off)?;
    let inputs: Inputs = inputs(&config, rows)
        .into_iter()
        .filter(|(name, _)| step.plan().program.inputs.iter().any(|(known, _)| known == name))
        .collect();
    step.run(store.as_mut(), &inputs)?;
    let mut best = f64::INFINITY;
    for _ in 0..3 {
        let start = Instant::now();
        step.run(store.as_mut(), &inputs)?;
        best = best.min(start.elapsed().as_secs_f64());
    }
    let (_, times) = step.run_timed(store.as_mut(), &inputs)?;
    let mut by_op: BTreeMap<&str, (f64, u64, usize)> = BTreeMap::new();
    let plan = step.plan();
    for (&at, seconds) in plan.schedule.iter().zip(&times) {
        let instruction = &plan.program.instructions[at];
        let entry = by_op.entry(instruction.op.name()).or_default();
        entry.0 += seconds;
        entry.1 += instruction.op.flops(&plan.program, instruction);
        entry.2 += 1;
    }
    let total: f64 = times.iter().sum();
    let mut table: Vec<_> = by_op.into_iter().collect();
    table.sort_by(|a, b| b.1.0.total_cmp(&a.1.0));
    for (name, (seconds, flops, count)) in table {
        println!(
            "{name:24} {count:4} x {:9.2} ms {:5.1} %  {:7.2} GFLOP/s",
            seconds * 1e3,
            100.0 * seconds / total,
            flops as f64 / seconds / 1e9
        );
    }
    println!(
        "step of {rows} tokens: {:.0} ms (sum of ops {:.0} ms), {:.1} GFLOP/s, {:.0} % of the product, {:.0} tokens/s",
        best * 1e3,
        total * 1e3,
        flops / best / 1e9,
        100.0 * flops / best / 1e9 / product,
        rows as f64 / best
    );
    Ok(())
}
