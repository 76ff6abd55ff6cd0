//! The suite of `reformer-conformance` on this backend, in all its variations: threads, SIMD levels, naive kernels.

use reformer_cpu::{Cpu, Environment, Kernels, Level};

fn with(level: Level, kernels: Kernels) -> Cpu {
    Cpu::with(Environment { threads: 1, level, kernels })
}

reformer_conformance::suite!(one_thread, Cpu::new(1));
reformer_conformance::suite!(two_threads, Cpu::new(2));
reformer_conformance::suite!(naive, with(Level::detect(), Kernels::Naive));
reformer_conformance::suite!(portable, with(Level::Portable, Kernels::Fast));
reformer_conformance::suite!(avx2 if Level::available().contains(&Level::Avx2), with(Level::Avx2, Kernels::Fast));
reformer_conformance::suite!(avx512 if Level::available().contains(&Level::Avx512), with(Level::Avx512, Kernels::Fast));

/// Threads and fused SIMD levels change no bit of any case.
#[test]
fn threads_and_levels_change_no_bit() {
    let with = |threads, level| Cpu::with(Environment { threads, level, kernels: Kernels::Fast });
    let best = with(1, Level::detect());
    let mut others = vec![with(2, Level::detect()), with(3, Level::detect())];
    others.extend(Level::available().into_iter().filter(|level| level.is_fused()).map(|level| with(1, level)));
    for other in &others {
        if let Err(failure) = reformer_conformance::same_bits(&best, other) {
            panic!("\n{failure}\n");
        }
    }
}
