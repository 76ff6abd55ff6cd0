//! Recording a training step and planning it, by length and depth: the book preset in as little memory as possible. A memory limit
//! tries a few of these before a run starts.

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use reformer_benches::{bucket_factors, criterion};
use reformer_model::{MemoryChoice, ModelConfig, record};
use reformer_tensor::{Plan, PlanOptions};

const LENGTHS: [usize; 3] = [1 << 12, 1 << 16, 1 << 20];
const LAYERS: [usize; 2] = [6, 48];

fn planning(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("planning");
    for layers in LAYERS {
        for length in LENGTHS {
            let book = ModelConfig::book();
            let config = ModelConfig { layers, buckets: bucket_factors(length, book.window), ..book };
            group.bench_function(BenchmarkId::new(format!("layers_{layers}"), length), |bencher| {
                bencher.iter(|| {
                    let program = record::training(&config, length, MemoryChoice::minimum());
                    Plan::new(&program, &PlanOptions::default()).expect("the recording is right")
                });
            });
        }
    }
    group.finish();
}

criterion_group! { name = benches; config = criterion(); targets = planning }
criterion_main!(benches);
