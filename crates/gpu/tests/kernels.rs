//! The kernels that hardware runs, on every adapter: a machine without a GPU sees them, too. They give the bits of those that are usual
//! there, and keep the laws.

use reformer_gpu::Kernels;
use reformer_gpu::testing::TestAdapter;

reformer_gpu::on_every_adapter!(
    kernels_of_hardware_and_of_software_give_the_same_bits,
    kernels_of_hardware_keep_the_laws
);

fn kernels_of_hardware_and_of_software_give_the_same_bits(adapter: &TestAdapter) {
    let [hardware, software] = [Kernels::Fast, Kernels::Software].map(|kernels| adapter.shared().with_kernels(kernels));
    if let Err(failure) = reformer_conformance::same_bits(&hardware, &software) {
        panic!("\n{failure}\n");
    }
}

fn kernels_of_hardware_keep_the_laws(adapter: &TestAdapter) {
    let hardware = adapter.shared().with_kernels(Kernels::Fast);
    for (name, law) in reformer_conformance::laws::ALL {
        if let Err(failure) = reformer_conformance::laws::check(&hardware, name, *law) {
            panic!("\n{failure}\n");
        }
    }
}
