//! The gradient rule of `head_loss`: one op that computes losses and gradients tile by tile.

use crate::backward::Backward;
use reformer_tensor::Instruction;
use reformer_tensor::op::HeadParameters;

pub(super) fn rule(backward: &mut Backward<'_>, instruction: &Instruction) {
    let [y1, y2, gamma, beta, weight, bias, targets, weights] = instruction.reads[..] else { return };
    backward.program.set_scope("head, backward");
    let parameters = [gamma, beta, weight, bias];
    let gradients = bundle(parameters.map(|id| backward.parameter_gradient(id)));
    let parameters = bundle(parameters.map(|id| backward.value(id)));
    let [first, second, targets, weights] = [y1, y2, targets, weights].map(|id| backward.value(id));
    let (dy1, dy2, losses) =
        backward.program.head_loss_gradient(first, second, &parameters, targets, weights, &gradients);
    backward.contribute(y1, dy1);
    backward.contribute(y2, dy2);
    backward.losses = Some(losses);
}

fn bundle([gamma, beta, weight, bias]: [reformer_tensor::Tensor; 4]) -> HeadParameters {
    HeadParameters { gamma, beta, weight, bias }
}
