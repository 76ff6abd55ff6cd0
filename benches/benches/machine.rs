//! What everything else is compared with: `gemm` at 1024³ and reading memory, both with all cores.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use reformer_benches::criterion;
use reformer_tensor::Key;
use std::hint::black_box;
use std::thread;

const SIDE: usize = 1024;
/// Far more than caches hold.
const MEMORY_BYTES: usize = 512 << 20;

#[allow(unsafe_code, reason = "gemm's interface is pointers; the slices are SIDE² long, as the strides say")]
fn product(c: &mut [f32], a: &[f32], b: &[f32], parallelism: gemm::Parallelism) {
    assert!(c.len() == SIDE * SIDE && a.len() == SIDE * SIDE && b.len() == SIDE * SIDE);
    let (one, row) = (1, SIDE as isize);
    let (c, a, b) = (c.as_mut_ptr(), a.as_ptr(), b.as_ptr());
    // SAFETY: every matrix is SIDE·SIDE and row-major, which was just checked, and `c` is borrowed for itself.
    unsafe {
        gemm::gemm(
            SIDE,
            SIDE,
            SIDE,
            c,
            one,
            row,
            false,
            a,
            one,
            row,
            b,
            one,
            row,
            0.0,
            1.0,
            false,
            false,
            false,
            parallelism,
        )
    }
}

/// The sum of all words, a part of them in each thread.
fn read(words: &[u64], threads: usize) -> u64 {
    let sum = |part: &[u64]| part.iter().fold(0u64, |sum, &word| sum.wrapping_add(word));
    thread::scope(|scope| {
        let parts = words.chunks(words.len().div_ceil(threads));
        let running: Vec<_> = parts.map(|part| scope.spawn(move || sum(part))).collect();
        running.into_iter().filter_map(|thread| thread.join().ok()).fold(0, u64::wrapping_add)
    })
}

fn machine(criterion: &mut Criterion) {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let mut group = criterion.benchmark_group("machine");
    group.throughput(Throughput::Elements(2 * (SIDE as u64).pow(3)));
    group.bench_function("gemm_1024", |bencher| {
        let (a, b) = (Key::from_seed(1).normal(SIDE * SIDE), Key::from_seed(2).normal(SIDE * SIDE));
        let mut c = vec![0.0; SIDE * SIDE];
        let parallelism = if threads == 1 { gemm::Parallelism::None } else { gemm::Parallelism::Rayon(threads) };
        bencher.iter(|| product(&mut c, &a, &b, parallelism));
    });
    group.throughput(Throughput::Bytes(MEMORY_BYTES as u64));
    group.bench_function("read", |bencher| {
        let words = vec![1u64; MEMORY_BYTES / 8];
        bencher.iter(|| black_box(read(black_box(&words), threads)));
    });
    group.finish();
}

criterion_group! { name = benches; config = criterion(); targets = machine }
criterion_main!(benches);
