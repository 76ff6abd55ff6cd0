//! Small models with random parameters, and stores that hold tensors; shared by the tests of this folder.
#![allow(dead_code)]

use reformer_model::{LayerKind, ModelConfig, initial_parameter};
use reformer_session::TensorSpec;
use reformer_tensor::{Backend, DType, HostTensor, Key, Store};

/// A config with two buckets and a window of 4, so that a few tens of tokens fill, evict and miss.
pub fn config(pattern: &[LayerKind]) -> ModelConfig {
    ModelConfig {
        vocabulary: 260,
        width: 16,
        heads: 2,
        head_width: 8,
        feed_forward: 32,
        layers: pattern.len(),
        pattern: pattern.to_vec(),
        window: 4,
        buckets: vec![2],
        max_positions: 96,
        ..ModelConfig::tiny()
    }
}

/// How much steeper than at the start of training the logits are: near-flat ones would hide mistakes.
const STEEPER: f32 = 40.0;

/// A store with random parameters for `config`.
pub fn random_store(backend: &dyn Backend, config: &ModelConfig, seed: u64) -> Box<dyn Store> {
    let mut store = backend.store();
    for spec in config.parameters() {
        let mut tensor = initial_parameter(&spec, Key::from_seed(seed));
        if spec.name == "head.weight" {
            let steeper = tensor.as_f32().unwrap().iter().map(|weight| weight * STEEPER).collect();
            tensor = HostTensor::f32(spec.shape, steeper);
        }
        store.declare(&spec.name, spec.shape, DType::F32).unwrap();
        store.write(&spec.name, &tensor).unwrap();
    }
    store
}

/// Declares `specs` and fills them with numbers that depend on name, place and `seed`.
pub fn fill(store: &mut dyn Store, specs: &[TensorSpec], seed: u64) {
    for spec in specs {
        let key = spec.name.bytes().fold(Key::from_seed(seed), |key, byte| key.fold_in(u32::from(byte)));
        store.declare(&spec.name, spec.shape, DType::F32).unwrap();
        store.write(&spec.name, &HostTensor::f32(spec.shape, key.normal(spec.shape.elements()))).unwrap();
    }
}
