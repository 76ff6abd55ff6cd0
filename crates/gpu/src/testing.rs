//! A device for the tests of every crate that runs on one, and what they do where there is none. Nothing else uses it.

use crate::adapter::{Choice, adapters};
use crate::backend::Gpu;
use std::sync::OnceLock;

/// Whether the tests of the GPU can run, said loudly.
///
/// # Panics
/// Where CI demands an adapter and there is none.
#[allow(clippy::print_stdout, reason = "tests say what they run on and what they skip")]
pub fn adapter_here() -> bool {
    let adapters = adapters();
    match adapters.first() {
        Some(adapter) => println!("on {adapter}"),
        None => {
            assert!(std::env::var_os("CI").is_none(), "CI runs the GPU's tests, but this machine has no adapter");
            println!("SKIPPED: this machine has no GPU adapter");
        }
    }
    !adapters.is_empty()
}

/// The best adapter, one device for all tests of a process: its kernels are compiled once.
///
/// # Panics
/// If there is none that opens: ask [`adapter_here`] first.
pub fn shared() -> Gpu {
    static GPU: OnceLock<Gpu> = OnceLock::new();
    GPU.get_or_init(|| Gpu::new(&Choice::Best).unwrap_or_else(|error| panic!("{error}"))).clone()
}
