//! The gradient rule of `project_heads`. The layer norm's own share is recorded when all groups of a half have added to its sum.

use crate::backward::Backward;
use reformer_tensor::op::{NormParameters, ProjectHeads};
use reformer_tensor::{Instruction, Tensor};

pub(super) fn rule(backward: &mut Backward<'_>, op: &ProjectHeads, instruction: &Instruction) {
    let [x, gamma, beta, weights @ ..] = &instruction.reads[..] else { return };
    let mut upstream: Vec<Tensor> = Vec::new();
    let mut used = Vec::new();
    for (&result, &weight) in instruction.writes.iter().zip(weights) {
        if let Some(gradient) = backward.gradient(result) {
            upstream.push(gradient);
            used.push(weight);
        }
    }
    if upstream.is_empty() {
        return;
    }
    let norm = NormParameters { gamma: backward.value(*gamma), beta: backward.value(*beta) };
    let weight_gradients: Vec<Tensor> = used.iter().map(|&id| backward.parameter_gradient(id)).collect();
    let weights = backward.values(&used);
    let stream = backward.value(*x);
    let sum = backward.norm_sum(*x, norm);
    let sum =
        backward.program.project_heads_gradient(op.heads, stream, norm, &upstream, &weights, sum, &weight_gradients);
    backward.replace_norm_sum(*x, sum);
}
