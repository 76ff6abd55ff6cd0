//! Each operation at the size of use: width 256, 4 heads of 64, feed-forward 1,024, vocabulary 4,096, two rounds of W = 64, 4,096
//! rows; on the CPU and, where there is one, the best GPU adapter.
//!
//! An operation is not run by itself: whole programs are, each instruction under the backend's own clock, and an operation's
//! sample is the sum of its instructions in one run. So operands have the shapes, values and places in caches that they have in
//! use, and all of the step's operations are measured in the same runs. A sample is one run, hence no time to warm up in and
//! none to fill: criterion would repeat what was already measured.

use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use reformer_benches::operations::{has_clock, places, sources};
use reformer_benches::{Measured, backends, criterion};
use std::time::Duration;

const ROWS: usize = 4096;
/// An adapter that computes on the CPU takes minutes for more.
const SOFTWARE_ROWS: usize = 1024;
/// As little as criterion accepts: it then takes one iteration a sample.
const ONE_ITERATION: Duration = Duration::from_nanos(1);

fn ops(criterion: &mut Criterion) {
    for Measured { prefix, backend, is_software } in backends() {
        if !has_clock(backend.as_ref()) {
            continue;
        }
        let mut sources = sources(backend.as_ref(), if is_software { SOFTWARE_ROWS } else { ROWS });
        let mut group = criterion.benchmark_group(format!("{prefix}ops"));
        group.sampling_mode(SamplingMode::Flat).warm_up_time(ONE_ITERATION).measurement_time(ONE_ITERATION);
        for (op, place) in places(&sources) {
            let source = &mut sources[place];
            let work = source.work[op];
            group.throughput(Throughput::ElementsAndBytes { elements: work.flops, bytes: work.bytes });
            let mut run = 0;
            group.bench_function(op, |bencher| {
                bencher.iter_custom(|iterations| {
                    let times = (0..iterations).map(|_| {
                        run += 1;
                        source.time(op, run - 1)
                    });
                    times.sum()
                });
            });
        }
        group.finish();
    }
}

criterion_group! { name = benches; config = criterion(); targets = ops }
criterion_main!(benches);
