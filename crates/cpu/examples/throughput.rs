//! Measures each op's speed against `gemm`'s own on a 1024³ product in the same process:
//! `cargo run --release -p reformer-cpu --example throughput [rows] [threads] [ops whose names hold this]`. It times; what is right
//! is the tests' matter.
#![allow(clippy::print_stdout)]

use gemm::{Parallelism, gemm};
use reformer_cpu::Cpu;
use reformer_tensor::op::{
    AdamW, Embed, EmbedGradient, EmbedParameters, FeedForward, FeedForwardGradient, FeedForwardParameters,
    HeadParameters, MergeHeads, MergeHeadsGradient, NormParameters,
};
use reformer_tensor::{
    Activation, Backend, Checks, DType, Direction, Dropout, HeadRange, HostTensor, Inputs, Key, Plan, PlanOptions,
    PositionKind, Program, Shape, Tensor, shape,
};
use std::time::Instant;

const WIDTH: usize = 256;
const HIDDEN: usize = 1024;
const VOCABULARY: usize = 4096;
const HEADS: HeadRange = HeadRange { first: 0, count: 4, width: 64 };
/// Seconds that each measurement takes.
const SECONDS: f64 = 1.0;

fn main() {
    let argument =
        |at: usize, otherwise: usize| std::env::args().nth(at).and_then(|text| text.parse().ok()).unwrap_or(otherwise);
    let (rows, threads) = (argument(1, 4096), argument(2, 0));
    let cpu = Cpu::new(threads);
    let cores = cpu.environment().threads;
    println!("{}, {rows} rows of width {WIDTH}, hidden {HIDDEN}, vocabulary {VOCABULARY}", cpu.adapter());
    let peak = gemm_speed(cores);
    println!("{:<24} {:>8.1} GFLOP/s", format!("gemm 1024³, {cores} threads"), peak);
    let wanted = std::env::args().nth(3).unwrap_or_default();
    for (name, record) in OPS.into_iter().filter(|(name, _)| name.contains(&wanted)) {
        let mut program = Program::new();
        record(&mut program, rows);
        let (speed, milliseconds) = op_speed(&cpu, &program, rows);
        let share = 100.0 * speed / peak;
        println!("{name:<24} {speed:>8.1} GFLOP/s {share:>6.1} % of gemm {milliseconds:>9.3} ms");
    }
}

/// Billions of operations a second of 1024³ products of one thread, times the threads.
fn gemm_speed(threads: usize) -> f64 {
    let size = 1024;
    let (a, b) = (vec![1.0f32; size * size], vec![1.0f32; size * size]);
    let mut out = vec![0.0f32; size * size];
    let stride = size as isize;
    let seconds = best(1, || {
        // SAFETY: the three matrices are size×size, row-major, and do not overlap.
        #[allow(unsafe_code)]
        unsafe {
            let (out, a, b, none) = (out.as_mut_ptr(), a.as_ptr(), b.as_ptr(), Parallelism::None);
            let (n, s) = (size, stride);
            gemm(n, n, n, out, 1, s, false, a, 1, s, b, 1, s, 0.0, 1.0, false, false, false, none);
        }
    });
    threads as f64 * 2e-9 * (size * size * size) as f64 / seconds
}

/// The shortest of many runs, in seconds of a processor and thread where the system says them: other programs don't count.
fn best(threads: usize, mut work: impl FnMut()) -> f64 {
    work();
    let (start, mut shortest) = (Instant::now(), f64::INFINITY);
    while start.elapsed().as_secs_f64() < SECONDS {
        let (before, processor) = (Instant::now(), processor_seconds());
        work();
        let spent = match (processor, processor_seconds()) {
            (Some(before), Some(after)) => (after - before) / threads as f64,
            _ => before.elapsed().as_secs_f64(),
        };
        shortest = shortest.min(spent);
    }
    shortest
}

/// Seconds that this process's threads have had a processor (Linux).
fn processor_seconds() -> Option<f64> {
    let threads = std::fs::read_dir("/proc/self/task").ok()?;
    let nanoseconds = |entry: std::io::Result<std::fs::DirEntry>| -> Option<f64> {
        let text = std::fs::read_to_string(entry.ok()?.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse().ok()
    };
    threads.map(nanoseconds).sum::<Option<f64>>().map(|sum| sum * 1e-9)
}

fn op_speed(cpu: &Cpu, program: &Program, rows: usize) -> (f64, f64) {
    let plan = Plan::new(program, &PlanOptions::default()).expect("the op is recorded correctly");
    let flops = plan.flops() as f64;
    let mut store = cpu.store();
    plan.declare_states(store.as_mut()).expect("the store is new");
    for (number, state) in program.states.iter().enumerate() {
        let value = program.info(state.value);
        let numbers = Key::from_seed(number as u64).normal(value.shape.elements());
        let tensor = match value.dtype {
            DType::F32 | DType::F16 | DType::Bf16 => {
                HostTensor::f32(value.shape, numbers.iter().map(|x| x * 0.02).collect())
            }
            DType::Fixed { .. } => HostTensor::i32(value.shape, numbers.iter().map(|x| (x * 5e5) as i32).collect()),
            DType::U32 => HostTensor::u32(value.shape, (0..value.shape.elements() as u32).map(|x| x % 512).collect()),
        };
        store.write(&state.name, &tensor).expect("the tensor fits the state");
    }
    let mut inputs = Inputs::new();
    let mut give = |name: &str, tensor| inputs.insert(name.to_owned(), tensor);
    give("key", HostTensor::u32(shape![2], vec![1, 2]));
    give("targets", HostTensor::u32(shape![rows], (0..rows).map(|row| (row * 7 % VOCABULARY) as u32).collect()));
    give("weights", HostTensor::f32(shape![rows], vec![1e-3; rows]));
    give("tokens", HostTensor::u32(shape![rows], (0..rows).map(|row| (row * 31 % VOCABULARY) as u32).collect()));
    give("positions", HostTensor::u32(shape![rows], (0..rows).map(|row| (row % 512) as u32).collect()));
    give("chosen", HostTensor::u32(shape![1], vec![3]));
    give("schedule", HostTensor::f32(shape![4], vec![1e-9, 0.1, 0.1, 1.0]));
    let mut prepared = cpu.prepare(plan, Checks::Off).expect("there is memory");
    let seconds = best(cpu.environment().threads, || {
        prepared.run(store.as_mut(), &inputs).expect("the op runs");
    });
    (flops / seconds * 1e-9, seconds * 1e3)
}

type Record = fn(&mut Program, usize);

const DROPOUT: Dropout = Dropout { rate: 0.1, site: 3 };

const OPS: [(&str, Record); 16] = [
    ("embed", embed),
    ("embed_gradient", embed_gradient),
    ("project_heads", project_heads),
    ("project_heads_gradient", project_heads_gradient),
    ("layer_norm_gradient", layer_norm_gradient),
    ("merge_heads", merge_heads),
    ("merge_heads_gradient", merge_heads_gradient),
    ("feed_forward", feed_forward),
    ("feed_forward, dropout", feed_forward_dropout),
    ("feed_forward_gradient", |program, rows| feed_forward_gradient(program, rows, false)),
    ("  with rebuild, dropout", |program, rows| feed_forward_gradient(program, rows, true)),
    ("head_loss", head_loss),
    ("head_loss_gradient", head_loss_gradient),
    ("logits of one row", logits),
    ("gradient_norm", gradient_norm),
    ("adamw", adamw),
];

fn number(program: &mut Program, name: &str, shape: Shape) -> Tensor {
    program.state(name, shape, DType::F32)
}

fn stream(program: &mut Program, name: &str, rows: usize) -> Tensor {
    program.state(name, shape![rows, WIDTH], DType::STREAM)
}

fn key(program: &mut Program) -> Tensor {
    program.input("key", shape![2], DType::U32)
}

fn norm(program: &mut Program, prefix: &str) -> NormParameters {
    let mut one = |name: &str| number(program, &format!("{prefix}{name}"), shape![WIDTH]);
    NormParameters { gamma: one("gamma"), beta: one("beta") }
}

fn tables(program: &mut Program) -> EmbedParameters {
    let table = number(program, "table", shape![VOCABULARY, WIDTH]);
    EmbedParameters { table, positions: vec![number(program, "positions", shape![512, WIDTH])] }
}

fn indices(program: &mut Program, rows: usize) -> (Tensor, Tensor) {
    let mut one = |name: &str| program.input(name, shape![rows], DType::U32);
    (one("tokens"), one("positions"))
}

fn embed(program: &mut Program, rows: usize) {
    let tables = tables(program);
    let (tokens, positions) = indices(program, rows);
    let op = Embed { position: PositionKind::Learned, dropout: DROPOUT, stream: DType::STREAM };
    let key = key(program);
    let stream = program.embed(op, tokens, positions, key, &tables);
    // The smallest op that needs the result: outputs are copied, which would be measured.
    consume(program, stream);
}

fn consume(program: &mut Program, stream: Tensor) {
    let norm = norm(program, "");
    let heads = HeadRange { first: 0, count: 1, width: 1 };
    let weight = number(program, "consume.weight", shape![WIDTH, 1]);
    let result = program.project_heads(heads, stream, norm, &[weight], &["consumed"]);
    program.output("consumed", result[0]);
}

fn embed_gradient(program: &mut Program, rows: usize) {
    let tables = tables(program);
    let (tokens, positions) = indices(program, rows);
    let key = key(program);
    let (dx1, dx2) = (number(program, "dx1", shape![rows, WIDTH]), number(program, "dx2", shape![rows, WIDTH]));
    let op = EmbedGradient { position: PositionKind::Learned, dropout: DROPOUT };
    program.embed_gradient(op, tokens, positions, key, dx1, dx2, &tables);
}

fn project_heads(program: &mut Program, rows: usize) {
    let x = stream(program, "x", rows);
    let norm = norm(program, "");
    let weights = ["wq", "wk", "wv"].map(|name| number(program, name, shape![WIDTH, HEADS.columns()]));
    let results = program.project_heads(HEADS, x, norm, &weights, &["q", "k", "v"]);
    let small = number(program, "small", shape![HEADS.columns(), WIDTH]);
    let key = key(program);
    // Something must need the results; a merge is cheap beside, and its operations are counted.
    for result in results {
        let op = MergeHeads { heads: HEADS, direction: Direction::Forward, dropout: Dropout { rate: 0.0, site: 0 } };
        let stream = stream(program, "out", rows);
        program.merge_heads(op, stream, result, small, key);
    }
}

fn project_heads_gradient(program: &mut Program, rows: usize) {
    let x = stream(program, "x", rows);
    let norm = norm(program, "");
    let columns = HEADS.columns();
    let weights = ["wq", "wk", "wv"].map(|name| number(program, name, shape![WIDTH, columns]));
    let upstream = ["dq", "dk", "dv"].map(|name| number(program, name, shape![rows, columns]));
    let gradients = ["dwq", "dwk", "dwv"].map(|name| number(program, name, shape![WIDTH, columns]));
    let d_normed = number(program, "d_normed", shape![rows, WIDTH]);
    program.project_heads_gradient(HEADS, x, norm, &upstream, &weights, d_normed, &gradients);
}

fn layer_norm_gradient(program: &mut Program, rows: usize) {
    let x = stream(program, "x", rows);
    let (norm, gradients) = (norm(program, ""), norm(program, "d"));
    let mut one = |name: &str| number(program, name, shape![rows, WIDTH]);
    let (d_normed, dx) = (one("d_normed"), one("dx"));
    program.layer_norm_gradient(x, norm.gamma, d_normed, dx, gradients);
}

fn merge_heads(program: &mut Program, rows: usize) {
    let stream = stream(program, "stream", rows);
    let context = number(program, "context", shape![rows, HEADS.columns()]);
    let weight = number(program, "weight", shape![HEADS.columns(), WIDTH]);
    let key = key(program);
    let op = MergeHeads { heads: HEADS, direction: Direction::Forward, dropout: DROPOUT };
    program.merge_heads(op, stream, context, weight, key);
}

fn merge_heads_gradient(program: &mut Program, rows: usize) {
    let dy = number(program, "dy", shape![rows, WIDTH]);
    let context = number(program, "context", shape![rows, HEADS.columns()]);
    let weight = number(program, "weight", shape![HEADS.columns(), WIDTH]);
    let dweight = number(program, "dweight", shape![HEADS.columns(), WIDTH]);
    let key = key(program);
    program.merge_heads_gradient(
        MergeHeadsGradient { heads: HEADS, dropout: DROPOUT },
        dy,
        context,
        weight,
        key,
        dweight,
    );
}

fn feed_forward_parameters(program: &mut Program, prefix: &str) -> FeedForwardParameters {
    let norm = norm(program, prefix);
    let mut one = |name: &str, shape| number(program, &format!("{prefix}{name}"), shape);
    FeedForwardParameters {
        norm,
        w1: one("w1", shape![WIDTH, HIDDEN]),
        b1: one("b1", shape![HIDDEN]),
        w2: one("w2", shape![HIDDEN, WIDTH]),
        b2: one("b2", shape![WIDTH]),
    }
}

fn feed_forward_with(program: &mut Program, rows: usize, dropout: Dropout) {
    let (x, stream) = (stream(program, "x", rows), stream(program, "stream", rows));
    let parameters = feed_forward_parameters(program, "");
    let key = key(program);
    let op = FeedForward { direction: Direction::Forward, activation: Activation::Gelu, dropout };
    program.feed_forward(op, stream, x, &parameters, key);
}

fn feed_forward(program: &mut Program, rows: usize) {
    feed_forward_with(program, rows, Dropout { rate: 0.0, site: 0 });
}

fn feed_forward_dropout(program: &mut Program, rows: usize) {
    feed_forward_with(program, rows, DROPOUT);
}

fn feed_forward_gradient(program: &mut Program, rows: usize, rebuild: bool) {
    let x = stream(program, "x", rows);
    let y = rebuild.then(|| stream(program, "stream", rows));
    let (parameters, gradients) = (feed_forward_parameters(program, ""), feed_forward_parameters(program, "d"));
    let mut one = |name: &str| number(program, name, shape![rows, WIDTH]);
    let (dy, dx) = (one("dy"), one("dx"));
    let key = key(program);
    let dropout = if rebuild { DROPOUT } else { Dropout { rate: 0.0, site: 0 } };
    let op = FeedForwardGradient { activation: Activation::Gelu, dropout, rebuild };
    program.feed_forward_gradient(op, x, dy, &parameters, key, dx, &gradients, y);
}

fn head_parameters(program: &mut Program, prefix: &str) -> HeadParameters {
    let mut one = |name: &str, shape| number(program, &format!("{prefix}{name}"), shape);
    HeadParameters {
        gamma: one("gamma", shape![2 * WIDTH]),
        beta: one("beta", shape![2 * WIDTH]),
        weight: one("weight", shape![2 * WIDTH, VOCABULARY]),
        bias: one("bias", shape![VOCABULARY]),
    }
}

fn head_operands(program: &mut Program, rows: usize) -> (Tensor, Tensor, HeadParameters) {
    (stream(program, "y1", rows), stream(program, "y2", rows), head_parameters(program, ""))
}

fn scores(program: &mut Program, rows: usize) -> (Tensor, Tensor) {
    let targets = program.input("targets", shape![rows], DType::U32);
    (targets, program.input("weights", shape![rows], DType::F32))
}

fn head_loss(program: &mut Program, rows: usize) {
    let (y1, y2, head) = head_operands(program, rows);
    let (targets, weights) = scores(program, rows);
    let losses = program.head_loss(y1, y2, &head, targets, weights);
    program.output("losses", losses);
}

fn head_loss_gradient(program: &mut Program, rows: usize) {
    let (y1, y2, head) = head_operands(program, rows);
    let gradients = head_parameters(program, "d");
    let (targets, weights) = scores(program, rows);
    let (_, _, losses) = program.head_loss_gradient(y1, y2, &head, targets, weights, &gradients);
    program.output("losses", losses);
}

fn logits(program: &mut Program, rows: usize) {
    let (y1, y2, head) = head_operands(program, rows);
    let chosen = program.input("chosen", shape![1], DType::U32);
    let logits = program.logits(y1, y2, chosen, &head);
    program.output("logits", logits);
}

fn gradient_norm(program: &mut Program, _rows: usize) {
    let gradient = number(program, "gradient", shape![VOCABULARY, WIDTH]);
    let norm = program.gradient_norm(&[gradient]);
    program.output("norm", norm);
}

fn adamw(program: &mut Program, _rows: usize) {
    let mut one = |name: &str| number(program, name, shape![VOCABULARY, WIDTH]);
    let (parameter, moments, gradient) = (one("parameter"), [one("first"), one("second")], one("gradient"));
    let (norm, schedule) = (number(program, "norm", shape![1]), program.input("schedule", shape![4], DType::F32));
    let op = AdamW { beta1: 0.9, beta2: 0.98, epsilon: 1e-8, decay: 0.01 };
    program.adamw(op, norm, schedule, parameter, moments, gradient);
}
