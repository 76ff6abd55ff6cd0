//! The suite of `reformer-conformance` on the best adapter of this machine; a software one counts.

use reformer_gpu::{Choice, DeviceLimits, Gpu, Kernels};
use std::sync::OnceLock;

/// One device for all tests: its kernels are compiled once.
fn fast() -> Gpu {
    static GPU: OnceLock<Gpu> = OnceLock::new();
    GPU.get_or_init(|| Gpu::new(&Choice::Best).unwrap_or_else(|error| panic!("{error}"))).clone()
}

/// Whether there is an adapter. Where CI demands one, its absence is a failure.
fn adapter_here() -> bool {
    let here = !reformer_gpu::adapters().is_empty();
    assert!(
        here || std::env::var_os("CI").is_none(),
        "CI runs the GPU's tests, but this machine has no Vulkan adapter"
    );
    here
}

reformer_conformance::suite!(fast if adapter_here(), fast());
reformer_conformance::suite!(naive if adapter_here(), fast().with_kernels(Kernels::Naive));
reformer_conformance::suite!(cut if adapter_here(), fast().with_limits(TINY));

/// So little that the matrices of the larger cases are cut: 512 rows of 64 columns fill a segment.
const TINY: DeviceLimits = DeviceLimits { binding_bytes: 128 << 10, buffer_bytes: 128 << 10, workgroups: 64 };
