//! A safetensors file that holds anything: refused with nothing in the store, or exactly the tensors that were asked for.
#![no_main]

use libfuzzer_sys::fuzz_target;
use reformer_session::TensorSpec;
use reformer_session_fuzz::{Held, check, checkpoint, put};
use reformer_tensor::shape;

const FILE: &str = "checkpoints/step-1/optimizer.safetensors";

// The first byte says what the rest is: a whole file, or a header whose length is put before it and so many bytes of data behind.
fuzz_target!(|data: &[u8]| {
    let Some((&kind, rest)) = data.split_first() else { return };
    let file = match kind {
        0 => rest.to_vec(),
        bytes => [&(rest.len() as u64).to_le_bytes(), rest, &vec![0x3f; usize::from(bytes)]].concat(),
    };
    put(FILE, &file);
    let specs = [
        TensorSpec { name: "a".to_owned(), shape: shape![2] },
        TensorSpec { name: "b".to_owned(), shape: shape![2, 3] },
    ];
    let mut store = Held::default();
    match checkpoint().read_optimizer(&specs, &mut store) {
        Ok(()) => {
            assert_eq!(store.0.len(), specs.len());
            for TensorSpec { name, shape } in &specs {
                let data = store.0[name].as_f32().expect("it was declared as f32");
                assert!(data.len() == shape.elements() && data.iter().all(|value| value.is_finite()));
            }
        }
        Err(error) => check(&error, FILE),
    }
});
