//! The optimiser's step as a recording: clipping by the global norm, AdamW, gradient sums back to zero.

use crate::backward::GRADIENT_PREFIX;
use reformer_tensor::op::AdamW;
use reformer_tensor::{DType, Program, Tensor, shape};

/// First moments are states of this prefix and the parameter's name.
pub const FIRST_MOMENT_PREFIX: &str = "adam.first.";
/// Second moments are states of this prefix and the parameter's name.
pub const SECOND_MOMENT_PREFIX: &str = "adam.second.";

/// AdamW's constants. Rate, bias corrections and clip are a run's input `schedule`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Optimiser {
    /// Decay of the first moment.
    pub beta1: f32,
    /// Decay of the second moment.
    pub beta2: f32,
    /// Added to the root of the second moment.
    pub epsilon: f32,
    /// Weight decay of matrices; vectors (norms, biases) have none.
    pub decay: f32,
}

impl Default for Optimiser {
    /// β₂ = 0.98 (trax's Reformer): with short runs the second moment must forget the first steps.
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.98, epsilon: 1e-8, decay: 0.01 }
    }
}

/// Records a step for every parameter; returns the norm of all gradients before clipping. Input: `schedule` `[4]`.
pub fn adamw(program: &mut Program, parameters: &[Tensor], optimiser: &Optimiser) -> Tensor {
    let schedule = program.input("schedule", shape![4], DType::F32);
    let names: Vec<String> = parameters.iter().map(|parameter| program.info(parameter.id).name.clone()).collect();
    let gradients: Vec<Tensor> = parameters
        .iter()
        .zip(&names)
        .map(|(parameter, name)| program.state(&format!("{GRADIENT_PREFIX}{name}"), parameter.shape, DType::F32))
        .collect();
    let norm = program.gradient_norm(&gradients);
    for ((&parameter, name), &gradient) in parameters.iter().zip(&names).zip(&gradients) {
        let mut moment = |prefix: &str| program.state(&format!("{prefix}{name}"), parameter.shape, DType::F32);
        let moments = [moment(FIRST_MOMENT_PREFIX), moment(SECOND_MOMENT_PREFIX)];
        let vector = parameter.shape.dims().len() < 2;
        let op = AdamW {
            beta1: optimiser.beta1,
            beta2: optimiser.beta2,
            epsilon: optimiser.epsilon,
            decay: if vector { 0.0 } else { optimiser.decay },
        };
        program.adamw(op, norm, schedule, parameter, moments, gradient);
    }
    norm
}
