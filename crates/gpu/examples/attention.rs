//! Hashing, sorting and attention of one head, forward and backward, op by op:
//! `cargo run --release -p reformer-gpu --example attention [ROWS] [lsh|local|full]`.

#![allow(clippy::print_stdout, reason = "an example that measures prints what it measured")]

use reformer_gpu::{Choice, Gpu};
use reformer_tensor::op::{AttentionKeys, Intervals, LshHash, SortByBucket};
use reformer_tensor::{
    Backend, Checks, DType, HeadRange, HostTensor, Inputs, Key, Pattern, Plan, PlanOptions, Program, shape,
};

/// Tokens that a query sees in a round, and rounds.
const WINDOW: usize = 64;
const ROUNDS: usize = 2;
const HEADS: HeadRange = HeadRange { first: 0, count: 1, width: 64 };

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let rows: usize = arguments.next().map_or(Ok(4096), |text| text.parse())?;
    let pattern = match arguments.next().as_deref() {
        None | Some("lsh") => Pattern::Lsh { rounds: ROUNDS, window: WINDOW },
        Some("local") => Pattern::Local { window: WINDOW },
        Some("full") => Pattern::Full,
        Some(other) => return Err(format!("`{other}`: choose lsh, local or full").into()),
    };
    let mut program = Program::new();
    let mut inputs = Inputs::new();
    let mut vectors = |program: &mut Program, name: &str| {
        let seed = Key::from_seed(7).fold_in(name.len() as u32);
        inputs.insert(name.to_owned(), HostTensor::f32(shape![rows, HEADS.width], seed.normal(rows * HEADS.width)));
        program.input(name, shape![rows, HEADS.width], DType::F32)
    };
    let (q, v, d_context) =
        (vectors(&mut program, "q"), vectors(&mut program, "value"), vectors(&mut program, "d_context"));
    let segments = program.input("segments", shape![rows], DType::U32);
    let keys = if let Pattern::Lsh { window, .. } = pattern {
        // As many buckets as windows, in even factors of at most 32, as the preset for books has them.
        let mut left = (rows / WINDOW).max(2).next_power_of_two();
        let mut factors = Vec::new();
        while left > 1 {
            factors.push(left.min(32));
            left /= left.min(32);
        }
        let op = LshHash { heads: HEADS, rounds: ROUNDS, factors };
        let shape = shape![1, ROUNDS, HEADS.width, op.columns()];
        let rotations = program.input("rotations", shape, DType::F32);
        inputs.insert("rotations".to_owned(), HostTensor::f32(shape, Key::from_seed(3).normal(shape.elements())));
        let buckets = op.buckets();
        let hashed = program.lsh_hash(op, q, rotations);
        let (order, slot) = program.sort_by_bucket(SortByBucket { buckets }, hashed, segments);
        let low = program.intervals(Intervals { window }, hashed, segments, order, slot);
        AttentionKeys::Lsh { qk: q, v, order, slot, low }
    } else {
        AttentionKeys::Separate { q, k: vectors(&mut program, "key"), v, segments }
    };
    inputs.insert("segments".to_owned(), HostTensor::u32(shape![rows], vec![0; rows]));
    let (context, z) = program.attention(pattern, HEADS, &keys);
    let delta = program.zeros("delta", shape![1, rows]);
    let gradients = program.attention_gradient(pattern, HEADS, &keys, z, delta, d_context);
    // What nobody asks for does not run.
    program.output("context", context);
    program.output("gradient", gradients[0]);
    let gpu = Gpu::new(&Choice::Best)?;
    let plan = Plan::new(&program, &PlanOptions::default())?;
    let mut prepared = gpu.prepare(plan, Checks::Off)?;
    let mut store = gpu.store();
    prepared.run(store.as_mut(), &inputs)?;
    let mut best: Vec<f64> = Vec::new();
    for _ in 0..3 {
        let (_, times) = prepared.run_timed(store.as_mut(), &inputs)?;
        best = if best.is_empty() { times } else { best.iter().zip(&times).map(|(a, b)| a.min(*b)).collect() };
    }
    println!("{}: {pattern:?}, {rows} rows, one head of {}", gpu.adapter(), HEADS.width);
    let plan = prepared.plan();
    for (&at, seconds) in plan.schedule.iter().zip(&best) {
        let instruction = &plan.program.instructions[at];
        let rate = instruction.op.flops(&plan.program, instruction) as f64 / seconds / 1e9;
        println!("{:20} {:10.2} ms {rate:8.2} GFLOP/s", instruction.op.name(), seconds * 1e3);
    }
    Ok(())
}
