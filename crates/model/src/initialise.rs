//! First values of parameters, and the random inputs of a run: keys and rotations. All are functions of a key.

use crate::parameters::{Initialisation, ParameterSpec, layer_name};
use crate::{LayerKind, ModelConfig};
use reformer_tensor::{HostTensor, Inputs, Key, shape};

/// The seed of evaluation's rotations: fixed, so that a checkpoint is one function.
const EVALUATION_SEED: u64 = 0x5EED;
/// Numbers that separate uses of one key.
const ROTATION_SITE: u32 = 0x0707;

/// A parameter's first value: a function of the key and the parameter's name.
pub fn initial_parameter(spec: &ParameterSpec, key: Key) -> HostTensor {
    let count = spec.shape.elements();
    let data = match spec.initialisation {
        Initialisation::Constant(value) => vec![value; count],
        Initialisation::Normal(deviation) => {
            let key = spec.name.bytes().fold(key, |key, byte| key.fold_in(u32::from(byte)));
            key.normal(count).into_iter().map(|number| (f64::from(number) * deviation) as f32).collect()
        }
    };
    HostTensor::f32(spec.shape, data)
}

/// `key` and the rotations of every LSH layer, from the key of a step.
pub fn random_inputs(config: &ModelConfig, key: Key) -> Inputs {
    let mut inputs = Inputs::new();
    inputs.insert("key".to_owned(), HostTensor::u32(shape![2], key.0.to_vec()));
    let columns = config.buckets.iter().sum::<usize>() / 2;
    for layer in 0..config.layers {
        if config.kind(layer) == LayerKind::Lsh {
            let dims = shape![config.heads, config.rounds, config.head_width, columns];
            let rotation = key.fold_in(ROTATION_SITE).fold_in(layer as u32).normal(dims.elements());
            inputs.insert(layer_name(layer, "rotations"), HostTensor::f32(dims, rotation));
        }
    }
    inputs
}

/// The random inputs of evaluation and decoding: the same every time.
pub fn evaluation_inputs(config: &ModelConfig) -> Inputs {
    random_inputs(config, Key::from_seed(EVALUATION_SEED))
}
