//! One more token behind a context, attention alone, by the fast kernel and by the simple one:
//! `cargo run --release -p reformer-gpu --example decoding [CONTEXT] [lsh|local|full] [CONVERSATIONS]`.

#![allow(clippy::print_stdout, reason = "an example that measures prints what it measured")]

use reformer_gpu::{Choice, Gpu, Kernels};
use reformer_tensor::op::AttentionCached;
use reformer_tensor::{
    Backend, BackendError, CachePattern, Checks, DType, HeadRange, HostTensor, Inputs, Key, Plan, PlanOptions,
    Prepared, Program, RunError, Store, shape,
};

const HEADS: HeadRange = HeadRange { first: 0, count: 8, width: 64 };
/// As in the benches: lists of the length of a local window.
const WINDOW: usize = 64;
const ROUNDS: usize = 2;
/// Steps, of which the fastest counts.
const REPEATS: usize = 40;
/// Tokens of a run while the context is filled, of all conversations.
const PREFILL: usize = 256;

/// One attention over caches, and how long they are.
struct Decoding {
    pattern: CachePattern,
    conversations: usize,
    length: usize,
    store: Box<dyn Store>,
}

impl Decoding {
    fn prepare(&mut self, gpu: &Gpu, op: AttentionCached, rows: usize) -> Result<Box<dyn Prepared>, BackendError> {
        let mut program = Program::new();
        let names: &[&str] =
            if matches!(self.pattern, CachePattern::Lsh { .. }) { &["q", "v"] } else { &["q", "k", "v"] };
        let queries: Vec<_> =
            names.iter().map(|name| program.input(name, shape![rows, HEADS.columns()], DType::F32)).collect();
        let [positions, cache_rows] =
            ["positions", "cache_rows"].map(|name| program.input(name, shape![rows], DType::U32));
        let buckets = match self.pattern {
            CachePattern::Lsh { .. } => Some(program.input("buckets", shape![HEADS.count, ROUNDS, rows], DType::U32)),
            CachePattern::Local { .. } | CachePattern::Full => None,
        };
        let layout = op.layout();
        let entries = shape![self.conversations, HEADS.count, layout.capacity, HEADS.width];
        let cache = [
            program.state("keys", entries, DType::F32),
            program.state("values", entries, DType::F32),
            program.state("index", shape![self.conversations, HEADS.count, layout.words], DType::U32),
        ];
        let context = program.attention_cached(op, &queries, positions, cache_rows, buckets, cache);
        program.output("context", context);
        let plan =
            Plan::new(&program, &PlanOptions::default()).map_err(|error| BackendError::Device(error.to_string()))?;
        plan.declare_states(self.store.as_mut())?;
        gpu.prepare(plan, Checks::Off)
    }

    /// Seconds of the attention over one more part of every conversation.
    fn step(&mut self, prepared: &mut dyn Prepared, rows: usize) -> Result<f64, RunError> {
        let columns = HEADS.columns();
        let mut inputs = Inputs::new();
        let key = Key::from_seed(self.length as u64);
        for (number, name) in ["q", "k", "v"].into_iter().enumerate() {
            let numbers = key.fold_in(number as u32).normal(rows * columns);
            inputs.insert(name.to_owned(), HostTensor::f32(shape![rows, columns], numbers));
        }
        let row = |row: usize| (row % self.conversations) as u32;
        let position = |row: usize| (self.length + row / self.conversations) as u32;
        inputs.insert("cache_rows".to_owned(), HostTensor::u32(shape![rows], (0..rows).map(row).collect()));
        inputs.insert("positions".to_owned(), HostTensor::u32(shape![rows], (0..rows).map(position).collect()));
        if let CachePattern::Lsh { buckets, .. } = self.pattern {
            let shape = shape![HEADS.count, ROUNDS, rows];
            let words = (0..shape.elements() as u64).map(|at| (key.uniform(at) * buckets as f64) as u32).collect();
            inputs.insert("buckets".to_owned(), HostTensor::u32(shape, words));
            inputs.remove("k");
        }
        self.length += rows / self.conversations;
        let (_, times) = prepared.run_timed(self.store.as_mut(), &inputs)?;
        Ok(times.iter().sum())
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let context: usize = arguments.next().map_or(Ok(1024), |text| text.parse())?;
    let pattern = match arguments.next().as_deref() {
        None | Some("lsh") => CachePattern::Lsh { rounds: ROUNDS, window: WINDOW, buckets: (context / WINDOW).max(2) },
        Some("local") => CachePattern::Local { window: WINDOW },
        Some("full") => CachePattern::Full,
        Some(other) => return Err(format!("`{other}`: choose lsh, local or full").into()),
    };
    let conversations: usize = arguments.next().map_or(Ok(1), |text| text.parse())?;
    let prefill = conversations * (PREFILL / conversations).max(1);
    let gpu = Gpu::new(&Choice::Best)?;
    println!(
        "{}: {pattern:?}, {conversations} conversation(s), {} heads of {}",
        gpu.described(),
        HEADS.count,
        HEADS.width
    );
    for kernels in [Kernels::Fast, Kernels::Software] {
        let gpu = gpu.clone().with_kernels(kernels);
        let op = AttentionCached { pattern, heads: HEADS, max_positions: context + prefill + REPEATS + 1 };
        let mut decoding = Decoding { pattern, conversations, length: 0, store: gpu.store() };
        let mut filling = decoding.prepare(&gpu, op, prefill)?;
        let mut seconds = 0.0;
        while decoding.length < context {
            seconds += decoding.step(filling.as_mut(), prefill)?;
        }
        let filled = decoding.length;
        let mut one = decoding.prepare(&gpu, op, conversations)?;
        let mut best = f64::INFINITY;
        for _ in 0..REPEATS {
            best = best.min(decoding.step(one.as_mut(), conversations)?);
        }
        println!("{kernels:?}: {:.3} ms a step behind {filled} tokens, which took {seconds:.2} s", best * 1e3);
    }
    Ok(())
}
