//! A whole training step by kind of attention and length: gradients, everything stored, then AdamW. One text of bytes, two layers of
//! width 256, 4 heads, feed-forward 1,024, two rounds of W = 64, buckets of about W; the CPU with all cores.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use reformer_benches::{Bench, criterion, text_model};
use reformer_cpu::Cpu;
use reformer_model::LayerKind;

const LENGTHS: [usize; 6] = [1024, 2048, 4096, 8192, 16_384, 65_536];
/// Full attention is quadratic: beyond this a sample would take a minute.
const LONGEST_FULL: usize = 8192;

fn training_step(criterion: &mut Criterion) {
    let backend = Cpu::new(0);
    let mut group = criterion.benchmark_group("training_step");
    for length in LENGTHS {
        group.throughput(Throughput::Elements(length as u64));
        for (name, kind) in [("lsh", LayerKind::Lsh), ("full", LayerKind::Full)] {
            if kind == LayerKind::Full && length > LONGEST_FULL {
                continue;
            }
            // Prepared only if it is asked for, and once: criterion calls the closure again for its samples.
            let mut bench = None;
            group.bench_function(BenchmarkId::new(name, length), |bencher| {
                let prepare = || Bench::training(&backend, &text_model(kind, length), length, length).verified();
                let bench = bench.get_or_insert_with(prepare);
                bencher.iter(|| bench.run());
            });
        }
    }
    group.finish();
}

criterion_group! { name = benches; config = criterion(); targets = training_step }
criterion_main!(benches);
