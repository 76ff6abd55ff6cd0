//! Attention by kind and length, forward and backward: LSH (hash, sort and intervals included), local, full. One head group
//! of two heads of 64, W = 64, 2 rounds, buckets about length/W, on the CPU backend with all cores, and beside it on the best
//! GPU adapter, if there is one.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use reformer_cpu::Cpu;
use reformer_gpu::{AdapterKind, Choice, Gpu};
use reformer_tensor::op::{AttentionKeys, Intervals, LshHash, MergeHeadsGradient, SortByBucket};
use reformer_tensor::{
    Backend, Checks, DType, Dropout, HeadRange, HostTensor, Inputs, Key, Pattern, Plan, PlanOptions, Prepared, Program,
    Store, Tensor, shape,
};

const HEADS: HeadRange = HeadRange { first: 0, count: 2, width: 64 };
const WINDOW: usize = 64;
const ROUNDS: usize = 2;
/// Full attention is quadratic: beyond this length one sample would take minutes.
const LONGEST_FULL: usize = 8192;
/// A software adapter is some five times slower than the CPU's own kernels.
const LONGEST_SOFTWARE: usize = 4096;

/// The backends, and the longest text of each.
fn backends() -> Vec<(&'static str, Box<dyn Backend>, usize)> {
    let mut backends: Vec<(&'static str, Box<dyn Backend>, usize)> = vec![("", Box::new(Cpu::new(0)), usize::MAX)];
    // No adapter, no GPU beside the CPU.
    if let Ok(gpu) = Gpu::new(&Choice::Best) {
        let is_software = gpu.described().kind == AdapterKind::Software;
        backends.push(("gpu_", Box::new(gpu), if is_software { LONGEST_SOFTWARE } else { usize::MAX }));
    }
    backends
}

struct Bench {
    prepared: Box<dyn Prepared>,
    store: Box<dyn Store>,
    inputs: Inputs,
}

impl Bench {
    fn run(&mut self) {
        self.prepared.run(self.store.as_mut(), &self.inputs).expect("the bench's inputs fit its program");
    }
}

/// Even factors whose product is about `length / WINDOW`.
fn factors(length: usize) -> Vec<usize> {
    let mut rest = (length / WINDOW).max(2);
    let mut factors = Vec::new();
    while rest > 64 {
        factors.push(32);
        rest /= 32;
    }
    factors.push(rest.next_multiple_of(2));
    factors
}

fn projection(program: &mut Program, inputs: &mut Inputs, name: &str, length: usize, seed: u64) -> Tensor {
    let dims = shape![length, HEADS.columns()];
    inputs.insert(name.to_owned(), HostTensor::f32(dims, Key::from_seed(seed).normal(dims.elements())));
    program.input(name, dims, DType::F32)
}

fn bench(backend: &dyn Backend, kind: &str, length: usize, backward: bool) -> Bench {
    let mut program = Program::new();
    let mut inputs = Inputs::new();
    let segments = program.input("segments", shape![length], DType::U32);
    inputs.insert("segments".to_owned(), HostTensor::u32(shape![length], vec![0; length]));
    let v = projection(&mut program, &mut inputs, "v", length, 1);
    let q = projection(&mut program, &mut inputs, "q", length, 2);
    let (pattern, keys) = if kind == "lsh" {
        let factors = factors(length);
        let op = LshHash { heads: HEADS, rounds: ROUNDS, factors };
        let dims = shape![HEADS.count, ROUNDS, HEADS.width, op.columns()];
        inputs.insert("rotations".to_owned(), HostTensor::f32(dims, Key::from_seed(4).normal(dims.elements())));
        let rotations = program.input("rotations", dims, DType::F32);
        let sort = SortByBucket { buckets: op.buckets() };
        let buckets = program.lsh_hash(op, q, rotations);
        let (order, slot) = program.sort_by_bucket(sort, buckets, segments);
        let low = program.intervals(Intervals { window: WINDOW }, buckets, segments, order, slot);
        (Pattern::Lsh { rounds: ROUNDS, window: WINDOW }, AttentionKeys::Lsh { qk: q, v, order, slot, low })
    } else {
        let k = projection(&mut program, &mut inputs, "k", length, 3);
        let pattern = if kind == "local" { Pattern::Local { window: WINDOW } } else { Pattern::Full };
        (pattern, AttentionKeys::Separate { q, k, v, segments })
    };
    let (context, z) = program.attention(pattern, HEADS, &keys);
    if backward {
        let upstream = projection(&mut program, &mut inputs, "upstream", length, 5);
        // The identity as output weight: delta and d_context as a training step makes them.
        let columns = HEADS.columns();
        let identity = (0..columns * columns).map(|at| if at / columns == at % columns { 1.0 } else { 0.0 }).collect();
        inputs.insert("weight".to_owned(), HostTensor::f32(shape![columns, columns], identity));
        inputs.insert("key".to_owned(), HostTensor::u32(shape![2], vec![0, 0]));
        let weight = program.input("weight", shape![columns, columns], DType::F32);
        let key = program.input("key", shape![2], DType::U32);
        let sum = program.zeros("dweight", shape![columns, columns]);
        let op = MergeHeadsGradient { heads: HEADS, dropout: Dropout { rate: 0.0, site: 0 } };
        let (d_context, delta) = program.merge_heads_gradient(op, upstream, context, weight, key, sum);
        for (index, gradient) in
            program.attention_gradient(pattern, HEADS, &keys, z, delta, d_context).into_iter().enumerate()
        {
            program.output(&format!("gradient.{index}"), gradient);
        }
    } else {
        program.output("context", context);
    }
    let scratch_bytes = backend.scratch_bytes(&program);
    let plan =
        Plan::new(&program, &PlanOptions { scratch_bytes, ..PlanOptions::default() }).expect("the recording is right");
    let prepared = backend.prepare(plan, Checks::Off).expect("the plan fits");
    Bench { prepared, store: backend.store(), inputs }
}

fn attention(criterion: &mut Criterion) {
    for (prefix, backend, longest) in backends() {
        for (name, backward) in [("attention", false), ("attention_backward", true)] {
            let mut group = criterion.benchmark_group(format!("{prefix}{name}"));
            group.sample_size(10);
            for length in [1024, 4096, 16_384, 65_536] {
                group.throughput(Throughput::Elements(length as u64));
                for kind in ["lsh", "local", "full"] {
                    if length > longest || kind == "full" && length > LONGEST_FULL {
                        continue;
                    }
                    let mut bench = bench(backend.as_ref(), kind, length, backward);
                    group.bench_function(BenchmarkId::new(kind, length), |bencher| bencher.iter(|| bench.run()));
                }
            }
            group.finish();
        }
    }
}

criterion_group!(benches, attention);
criterion_main!(benches);
