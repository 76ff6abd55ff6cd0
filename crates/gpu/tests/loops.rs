//! No launch walks long: what `loops.rs` computes of a launch's iterations is at least what its invocations take, counted on every
//! adapter, and what is computed stays within what every driver lets an invocation take.

use reformer_conformance::cases;
use reformer_gpu::testing::{TINY, TestAdapter};
use reformer_gpu::{Gpu, Kernels, ProductVariant};

reformer_gpu::on_every_adapter!(tests());

type Test = Box<dyn Fn(&TestAdapter) + Send + Sync>;

fn tests() -> Vec<(String, Test)> {
    let tiled = |gpu: Gpu| gpu.with_kernels(Kernels::Fast).with_product(ProductVariant::Tiled { tile: 32, terms: 8 });
    let ways: [(&str, fn(Gpu) -> Gpu); 4] = [
        ("software", |gpu| gpu.with_kernels(Kernels::Software)),
        ("hardware", tiled),
        ("naive", |gpu| gpu.with_kernels(Kernels::Naive)),
        ("cut", |gpu| gpu.with_kernels(Kernels::Software).with_limits(TINY)),
    ];
    let test = |(name, way): (&str, fn(Gpu) -> Gpu)| {
        let run: Test = Box::new(move |adapter| count(&way(adapter.counting())));
        (format!("no_invocation_takes_more_iterations_than_computed::{name}"), run)
    };
    ways.into_iter().map(test).collect()
}

/// Every case on kernels that count: a run of theirs fails where one took more than was computed.
fn count(gpu: &Gpu) {
    let failures: Vec<String> = cases::all()
        .iter()
        .filter_map(|case| reformer_conformance::run_once(gpu, case).err())
        .map(|failure| failure.to_string())
        .collect();
    assert!(failures.is_empty(), "\n{}\n", failures.join("\n"));
}
