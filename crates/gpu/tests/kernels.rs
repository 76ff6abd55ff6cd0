//! The kernels that hardware runs, on every adapter: a machine without a GPU sees them, too. They give the bits of those that are usual
//! there, also on tensors that are cut, and keep the laws.

use reformer_gpu::testing::{TINY, TestAdapter};
use reformer_gpu::{Gpu, Kernels};

reformer_gpu::on_every_adapter!(
    kernels_of_hardware_and_of_software_give_the_same_bits,
    kernels_of_hardware_give_the_same_bits_on_cut_tensors,
    kernels_of_hardware_keep_the_laws,
);

fn compare(gpu: Gpu) {
    let [hardware, software] = [Kernels::Fast, Kernels::Software].map(|kernels| gpu.clone().with_kernels(kernels));
    if let Err(failure) = reformer_conformance::same_bits(&hardware, &software) {
        panic!("\n{failure}\n");
    }
}

fn kernels_of_hardware_and_of_software_give_the_same_bits(adapter: &TestAdapter) {
    compare(adapter.shared());
}

fn kernels_of_hardware_give_the_same_bits_on_cut_tensors(adapter: &TestAdapter) {
    compare(adapter.shared().with_limits(TINY));
}

fn kernels_of_hardware_keep_the_laws(adapter: &TestAdapter) {
    let hardware = adapter.shared().with_kernels(Kernels::Fast);
    for (name, law) in reformer_conformance::laws::ALL {
        if let Err(failure) = reformer_conformance::laws::check(&hardware, name, *law) {
            panic!("\n{failure}\n");
        }
    }
}
