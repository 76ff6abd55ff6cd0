//! Throughput of attention on this machine beside gemm's: 65,536 rows, one head of 64, W = 64, 2 rounds; one segment or 32; local,
//! LSH, and full over [`FULL_ROWS`] rows; forward and backward; one thread and all. Counted are the pairs that queries really see,
//! 4 and 10 operations a pair and dimension.
//!
//! `cargo run --release -p reformer-cpu --example attention_throughput [rows [threads [local|lsh|full]]]`

use reformer_cpu::Cpu;
use reformer_tensor::op::{AttentionKeys, Intervals, LshHash, SortByBucket};
use reformer_tensor::{
    Backend, Checks, DType, HeadRange, HostTensor, Inputs, Key, Outputs, Pattern, Plan, PlanOptions, Program, Tensor,
    shape,
};
use std::io::Write;
use std::time::Instant;

const HEADS: HeadRange = HeadRange { first: 0, count: 1, width: 64 };
const WINDOW: usize = 64;
const ROUNDS: usize = 2;
/// Full attention is quadratic.
const FULL_ROWS: usize = 8192;
/// Runs of which the fastest counts.
const RUNS: usize = 7;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let rows = arguments.next().map_or(Ok(65_536), |rows| rows.parse())?;
    let threads = std::thread::available_parallelism()?.get();
    let only_threads: Option<usize> = arguments.next().map(|threads| threads.parse()).transpose()?;
    let only_kind = arguments.next();
    let mut out = std::io::stdout();
    let peak = gemm_speed();
    writeln!(out, "gemm 512³, one thread: {peak:.0} GFLOP/s; {}", Cpu::new(threads).adapter())?;
    for threads in only_threads.map_or(vec![1, threads], |threads| vec![threads]) {
        for segments in [1, 32] {
            for kind in ["local", "lsh", "full"] {
                if only_kind.as_deref().is_some_and(|only| only != kind) || kind == "full" && segments > 1 {
                    continue;
                }
                let rows = if kind == "full" { rows.min(FULL_ROWS) } else { rows };
                let segment = rows / segments;
                let speeds = measure(kind, rows, segment, threads)?;
                let peak = peak * threads as f64;
                for (name, milliseconds, gigaflops) in speeds {
                    writeln!(
                        out,
                        "{threads} threads, segments of {segment}, {kind} {name}: {milliseconds:.1} ms, {gigaflops:.0} GFLOP/s, {:.0} % of gemm",
                        100.0 * gigaflops / peak
                    )?;
                }
            }
        }
    }
    Ok(())
}

/// The fastest of some calls, in seconds.
fn fastest<E>(mut work: impl FnMut() -> Result<(), E>) -> Result<f64, E> {
    let mut best = f64::INFINITY;
    for _ in 0..RUNS {
        let start = Instant::now();
        work()?;
        best = best.min(start.elapsed().as_secs_f64());
    }
    Ok(best)
}

fn gemm_speed() -> f64 {
    const N: usize = 512;
    let (a, b, mut c) = (vec![1.0f32; N * N], vec![1.0f32; N * N], vec![0.0f32; N * N]);
    let seconds = fastest(|| {
        // SAFETY: three N·N matrices, row by row.
        #[allow(unsafe_code)]
        unsafe {
            gemm::gemm(
                N,
                N,
                N,
                c.as_mut_ptr(),
                1,
                N as isize,
                false,
                a.as_ptr(),
                1,
                N as isize,
                b.as_ptr(),
                1,
                N as isize,
                0.0,
                1.0,
                false,
                false,
                false,
                gemm::Parallelism::None,
            );
        }
        Ok::<(), ()>(())
    });
    2.0 * (N * N * N) as f64 / seconds.unwrap_or(f64::INFINITY) / 1e9
}

fn measure(
    kind: &str,
    rows: usize,
    segment: usize,
    threads: usize,
) -> Result<Vec<(&'static str, f64, f64)>, Box<dyn std::error::Error>> {
    let backend = Cpu::new(threads);
    let numbers = |seed| HostTensor::f32(shape![rows, HEADS.width], Key::from_seed(seed).normal(rows * HEADS.width));
    let mut inputs = Inputs::new();
    for (name, seed) in [("q", 1), ("k", 2), ("v", 3), ("d_context", 4)] {
        inputs.insert(name.to_owned(), numbers(seed));
    }
    let starts = (0..rows).map(|row| (row / segment * segment) as u32).collect();
    inputs.insert("segments".to_owned(), HostTensor::u32(shape![rows], starts));
    let buckets = (segment / WINDOW).next_multiple_of(2);
    let hash = LshHash { heads: HEADS, rounds: ROUNDS, factors: vec![buckets.min(32), (buckets / 32).max(2)] };
    let dims = shape![1, ROUNDS, HEADS.width, hash.columns()];
    inputs.insert("rotations".to_owned(), HostTensor::f32(dims, Key::from_seed(5).normal(dims.elements())));

    let mut results = Vec::new();
    let mut run = |name: &'static str, program: Program, inputs: &Inputs, flops: f64| {
        let scratch_bytes = backend.scratch_bytes(&program);
        let plan = Plan::new(&program, &PlanOptions { scratch_bytes, ..PlanOptions::default() })?;
        let mut prepared = backend.prepare(plan, Checks::Off)?;
        let mut store = backend.store();
        let mut outputs = Outputs::new();
        let seconds = fastest(|| prepared.run(store.as_mut(), inputs).map(|got| outputs = got))?;
        results.push((name, seconds * 1e3, flops / seconds / 1e9));
        Ok::<Outputs, Box<dyn std::error::Error>>(outputs)
    };
    let shape = shape![rows, HEADS.width];
    let (window, pattern) = match kind {
        "lsh" => (WINDOW, Pattern::Lsh { rounds: ROUNDS, window: WINDOW }),
        "local" => (WINDOW, Pattern::Local { window: WINDOW }),
        _ => (segment, Pattern::Full),
    };
    let mut pairs = (0..segment).map(|row| (row + 1).min(window) as f64).sum::<f64>() * (rows / segment) as f64;
    if kind == "lsh" {
        let mut program = Program::new();
        let qk = program.input("q", shape, DType::F32);
        let rotations = program.input("rotations", dims, DType::F32);
        let buckets = program.lsh_hash(hash.clone(), qk, rotations);
        program.output("buckets", buckets);
        let hashed = run("hash", program, &inputs, 0.0)?;
        inputs.extend(hashed);
        let mut program = Program::new();
        let buckets = program.input("buckets", buckets.shape, DType::U32);
        let segments = program.input("segments", shape![rows], DType::U32);
        let (order, slot) = program.sort_by_bucket(SortByBucket { buckets: hash.buckets() }, buckets, segments);
        let low = program.intervals(Intervals { window: WINDOW }, buckets, segments, order, slot);
        for (name, tensor) in [("order", order), ("slot", slot), ("low", low)] {
            program.output(name, tensor);
        }
        let sorted = run("sort", program, &inputs, 0.0)?;
        let words = |name: &str| sorted.get(name).and_then(HostTensor::as_u32).unwrap_or_default().iter();
        pairs = words("slot").zip(words("low")).map(|(slot, low)| f64::from(slot - low + 1)).sum();
        inputs.extend(sorted);
    }
    let record = |program: &mut Program| -> (Pattern, AttentionKeys) {
        let mut float = |name: &str| program.input(name, shape, DType::F32);
        let (q, v) = (float("q"), float("v"));
        if kind == "lsh" {
            let dims = shape![1, ROUNDS, rows];
            let mut word = |name: &str| -> Tensor { program.input(name, dims, DType::U32) };
            let keys = AttentionKeys::Lsh { qk: q, v, order: word("order"), slot: word("slot"), low: word("low") };
            (pattern, keys)
        } else {
            let k = float("k");
            let segments = program.input("segments", shape![rows], DType::U32);
            (pattern, AttentionKeys::Separate { q, k, v, segments })
        }
    };
    let operations = pairs * HEADS.width as f64;
    let mut program = Program::new();
    let (pattern, keys) = record(&mut program);
    let (_, z) = program.attention(pattern, HEADS, &keys);
    program.output("z", z);
    let forward = run("forward", program, &inputs, 4.0 * operations)?;
    inputs.extend(forward);
    inputs.insert("delta".to_owned(), HostTensor::f32(shape![1, rows], vec![0.0; rows]));
    let mut program = Program::new();
    let (pattern, keys) = record(&mut program);
    let [z, delta] = ["z", "delta"].map(|name| program.input(name, shape![1, rows], DType::F32));
    let d_context = program.input("d_context", shape, DType::F32);
    let gradients = program.attention_gradient(pattern, HEADS, &keys, z, delta, d_context);
    let norm = program.gradient_norm(&gradients);
    program.output("norm", norm);
    run("backward (with the gradient's norm)", program, &inputs, 10.0 * operations)?;
    Ok(results)
}
