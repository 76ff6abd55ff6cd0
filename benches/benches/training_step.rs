//! A whole training step by kind of attention and length: gradients, everything stored, then AdamW. One text of bytes, two layers of
//! width 256, 4 heads, feed-forward 1,024, two rounds of W = 64, buckets of about W; on the CPU with all cores and, where there is
//! one, the best GPU adapter.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use reformer_benches::{Bench, Measured, backends, criterion, text_model};
use reformer_model::LayerKind;

const LENGTHS: [usize; 6] = [1024, 2048, 4096, 8192, 16_384, 65_536];
/// Full attention is quadratic: beyond this a sample would take a minute.
const LONGEST_FULL: usize = 8192;
/// The same holds for any step on an adapter that computes on the CPU.
const LONGEST_SOFTWARE: usize = 2048;

fn training_step(criterion: &mut Criterion) {
    for Measured { prefix, backend, is_software } in backends() {
        let longest = if is_software { LONGEST_SOFTWARE } else { usize::MAX };
        let mut group = criterion.benchmark_group(format!("{prefix}training_step"));
        for length in LENGTHS {
            group.throughput(Throughput::Elements(length as u64));
            for (name, kind) in [("lsh", LayerKind::Lsh), ("full", LayerKind::Full)] {
                if length > longest || kind == LayerKind::Full && length > LONGEST_FULL {
                    continue;
                }
                // Prepared only if it is asked for, and once: criterion calls the closure again for its samples.
                let mut bench = None;
                group.bench_function(BenchmarkId::new(name, length), |bencher| {
                    let config = text_model(kind, length);
                    let prepare = || Bench::training(backend.as_ref(), &config, length, length).verified();
                    let bench = bench.get_or_insert_with(prepare);
                    bencher.iter(|| bench.run());
                });
            }
        }
        group.finish();
    }
}

criterion_group! { name = benches; config = criterion(); targets = training_step }
criterion_main!(benches);
