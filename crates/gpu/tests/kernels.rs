//! The kernels that hardware runs, on any adapter: a machine without a GPU sees them, too. They give the bits of those that are usual
//! there, and keep the laws.

use reformer_gpu::{Choice, Gpu, Kernels, adapters};

/// The best adapter with the kernels of hardware and with those of software.
#[allow(clippy::print_stdout, reason = "tests say what they skip")]
fn both() -> Option<[Gpu; 2]> {
    if adapters().is_empty() {
        assert!(std::env::var_os("CI").is_none(), "CI runs the GPU's tests, but this machine has no adapter");
        println!("SKIPPED: this machine has no GPU adapter");
        return None;
    }
    let gpu = Gpu::new(&Choice::Best).unwrap_or_else(|error| panic!("{error}"));
    Some([Kernels::Fast, Kernels::Software].map(|kernels| gpu.clone().with_kernels(kernels)))
}

#[test]
fn kernels_of_hardware_and_of_software_give_the_same_bits() {
    let Some([hardware, software]) = both() else { return };
    if let Err(failure) = reformer_conformance::same_bits(&hardware, &software) {
        panic!("\n{failure}\n");
    }
}

#[test]
fn kernels_of_hardware_keep_the_laws() {
    let Some([hardware, _]) = both() else { return };
    for (name, law) in reformer_conformance::laws::ALL {
        if let Err(failure) = reformer_conformance::laws::check(&hardware, name, *law) {
            panic!("\n{failure}\n");
        }
    }
}
