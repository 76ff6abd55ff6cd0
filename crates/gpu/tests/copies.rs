//! Copies to the device and back, larger than what is staged at once.

use reformer_gpu::testing::TestAdapter;
use reformer_tensor::{Backend, DType, HostTensor, shape};

reformer_gpu::on_every_adapter!(a_state_of_several_stagings_comes_back_whole);

fn a_state_of_several_stagings_comes_back_whole(adapter: &TestAdapter) {
    // 16 MiB are staged at once; this is twice that and a little more.
    let words = (8 << 20) + 17;
    let tensor = HostTensor::u32(shape![words], (0..words as u32).map(|at| at.wrapping_mul(2_654_435_761)).collect());
    let mut store = adapter.shared().store();
    store.declare("large", shape![words], DType::U32).unwrap();
    store.write("large", &tensor).unwrap();
    assert!(store.read("large").unwrap() == tensor, "words were lost or moved");
}
