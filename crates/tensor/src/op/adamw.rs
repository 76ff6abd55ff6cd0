//! `adamw`: one parameter's step of AdamW (Loshchilov and Hutter 2019, algorithm 2), with clipping by the global norm.

use crate::{Program, Tensor};

/// g' = g·min(1, clip/norm); m = β1·m + (1−β1)·g'; v = β2·v + (1−β2)·g'²;
/// θ −= rate·(m/(1−β1ᵗ)/(√(v/(1−β2ᵗ)) + ε) + decay·θ); g = 0, ready for the next sum.
///
/// Reads: `norm` `[1]` (of all gradients), `schedule` `[4]` f32: the learning rate, 1−β1ᵗ, 1−β2ᵗ, and clip (0: don't clip).
/// Updates: `parameter`, `first_moment`, `second_moment`, `gradient`, all of one shape.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct AdamW {
    /// Decay of the first moment.
    pub beta1: f32,
    /// Decay of the second moment.
    pub beta2: f32,
    /// Added to the root of the second moment.
    pub epsilon: f32,
    /// Weight decay; 0 for vectors (norms, biases).
    pub decay: f32,
}

impl Program {
    /// Records [`AdamW`].
    pub fn adamw(
        &mut self,
        op: AdamW,
        norm: Tensor,
        schedule: Tensor,
        parameter: Tensor,
        moments: [Tensor; 2],
        gradient: Tensor,
    ) {
        self.check_f32("adamw", "norm", norm, &[1], "It is the result of gradient_norm");
        self.check_f32("adamw", "schedule", schedule, &[4], "Learning rate, two bias corrections, clip");
        for (name, tensor) in [("first_moment", moments[0]), ("second_moment", moments[1]), ("gradient", gradient)] {
            self.check_f32("adamw", name, tensor, parameter.shape.dims(), "It has the parameter's shape");
        }
        self.push(op.into(), &[norm, schedule], &[parameter, moments[0], moments[1], gradient], &[]);
    }
}
