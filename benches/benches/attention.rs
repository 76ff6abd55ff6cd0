//! Attention by kind and length, forward and backward: LSH (hash, sort and intervals included), local, full. One head group
//! of two heads of 64, W = 64, 2 rounds, buckets about length/W, on the CPU backend with all cores, and beside it on the best
//! GPU adapter, if there is one.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use reformer_benches::{Bench, Measured, backends, bucket_factors, criterion};
use reformer_tensor::op::{AttentionKeys, Intervals, LshHash, MergeHeadsGradient, SortByBucket};
use reformer_tensor::{Backend, DType, Dropout, HeadRange, HostTensor, Inputs, Key, Pattern, Program, Tensor, shape};

const HEADS: HeadRange = HeadRange { first: 0, count: 2, width: 64 };
const WINDOW: usize = 64;
const ROUNDS: usize = 2;
/// Full attention is quadratic: beyond this length one sample would take minutes.
const LONGEST_FULL: usize = 8192;
/// A software adapter is some five times slower than the CPU's own kernels.
const LONGEST_SOFTWARE: usize = 4096;
const LENGTHS: [usize; 6] = [1024, 2048, 4096, 8192, 16_384, 65_536];

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
        let factors = bucket_factors(length, WINDOW);
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
        let gradients = program.attention_gradient(pattern, HEADS, &keys, z, delta, d_context);
        // One number instead of megabytes that would be handed out in every run.
        let norm = program.gradient_norm(&gradients);
        program.output("norm", norm);
    } else {
        program.output("context", context);
    }
    let mut bench = Bench::new(backend);
    bench.add(backend, &program, inputs);
    bench.verified()
}

fn attention(criterion: &mut Criterion) {
    for Measured { prefix, backend, is_software } in backends() {
        let longest = if is_software { LONGEST_SOFTWARE } else { usize::MAX };
        for (name, backward) in [("attention", false), ("attention_backward", true)] {
            let mut group = criterion.benchmark_group(format!("{prefix}{name}"));
            for length in LENGTHS {
                group.throughput(Throughput::Elements(length as u64));
                for kind in ["lsh", "local", "full"] {
                    if length > longest || kind == "full" && length > LONGEST_FULL {
                        continue;
                    }
                    // Prepared only if it is asked for, and once: criterion calls the closure again for its samples.
                    let mut prepared = None;
                    group.bench_function(BenchmarkId::new(kind, length), |bencher| {
                        let prepare = || bench(backend.as_ref(), kind, length, backward);
                        let bench = prepared.get_or_insert_with(prepare);
                        bencher.iter(|| bench.run());
                    });
                }
            }
            group.finish();
        }
    }
}

criterion_group! { name = benches; config = criterion(); targets = attention }
criterion_main!(benches);
