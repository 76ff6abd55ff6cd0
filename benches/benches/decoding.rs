//! One more token for each of one or eight conversations, behind contexts of 1,000 and 8,000 tokens, with weights in f32 and bf16:
//! two layers (local, LSH) of width 512, vocabulary 8,192, the CPU with all cores. The speed of memory is in `machine.rs`.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use reformer_benches::{Bench, criterion, decoding_model, next_tokens};
use reformer_cpu::Cpu;
use reformer_model::{ModelConfig, Precision, evaluation_inputs, record};
use reformer_tensor::Inputs;

/// Tokens of all conversations that are appended in one run while a context is filled.
const PREFILL_ROWS: usize = 256;
const CONTEXTS: [usize; 2] = [1000, 8000];
const BATCHES: [usize; 2] = [1, 8];

/// Conversations, and how long they are.
struct Conversations {
    config: ModelConfig,
    /// Prefill, then one step.
    bench: Bench,
    inputs: Inputs,
    count: usize,
    length: usize,
}

impl Conversations {
    fn new(backend: &Cpu, precision: Precision, count: usize) -> Self {
        let config = decoding_model(precision);
        let mut bench = Bench::of_model(backend, &config, false);
        bench.add(backend, &record::decoding(&config, PREFILL_ROWS, count, count), Inputs::new());
        bench.add(backend, &record::decoding(&config, count, count, count), Inputs::new());
        Self { inputs: evaluation_inputs(&config), config, bench, count, length: 0 }
    }

    fn append(&mut self, program: usize, rows: usize) {
        next_tokens(&mut self.inputs, &self.config, self.length, self.count, rows, self.count);
        let (prepared, _) = &mut self.bench.programs[program];
        prepared.run(self.bench.store.as_mut(), &self.inputs).expect("the inputs fit the program");
        self.length += rows / self.count;
    }

    fn fill(&mut self, length: usize) {
        while self.length < length {
            self.append(0, PREFILL_ROWS);
        }
    }

    fn step(&mut self) {
        self.append(1, self.count);
    }
}

fn decoding(criterion: &mut Criterion) {
    let backend = Cpu::new(0);
    let mut group = criterion.benchmark_group("decoding");
    for (name, precision) in [("f32", Precision::F32), ("bf16", Precision::Bf16)] {
        for count in BATCHES {
            let mut conversations = None;
            for context in CONTEXTS {
                group.throughput(Throughput::Elements(count as u64));
                group.bench_function(BenchmarkId::new(format!("{name}_{count}"), context), |bencher| {
                    let conversations =
                        conversations.get_or_insert_with(|| Conversations::new(&backend, precision, count));
                    conversations.fill(context);
                    bencher.iter(|| conversations.step());
                });
            }
        }
    }
    group.finish();
}

criterion_group! { name = benches; config = criterion(); targets = decoding }
criterion_main!(benches);
