//! The gradient rule of `feed_forward`; in a rebuilt half it also takes the share off the stream.

use crate::backward::{Backward, Recompute};
use reformer_tensor::Instruction;
use reformer_tensor::op::{FeedForward, FeedForwardGradient, FeedForwardParameters, NormParameters};

pub(super) fn rule(backward: &mut Backward<'_>, op: &FeedForward, instruction: &Instruction) {
    let [x, gamma, beta, w1, b1, w2, b2, key] = instruction.reads[..] else { return };
    let (before, after) = instruction.updates[0];
    let Some(dy) = backward.gradient(after) else { return };
    let rebuild = backward.recompute == Recompute::Rebuild;
    let parameters = [gamma, beta, w1, b1, w2, b2];
    let gradients = bundle(parameters.map(|id| backward.parameter_gradient(id)));
    let parameters = bundle(parameters.map(|id| backward.value(id)));
    let stream = rebuild.then(|| backward.value(after));
    let (stream_x, key, dx) = (backward.value(x), backward.value(key), backward.sum(x));
    let op = FeedForwardGradient { activation: op.activation, dropout: op.dropout, rebuild };
    let (dx, rebuilt) =
        backward.program.feed_forward_gradient(op, stream_x, dy, &parameters, key, dx, &gradients, stream);
    backward.replace_sum(x, dx);
    if let Some(rebuilt) = rebuilt {
        backward.rebuilt(before, rebuilt);
    }
}

fn bundle([gamma, beta, w1, b1, w2, b2]: [reformer_tensor::Tensor; 6]) -> FeedForwardParameters {
    FeedForwardParameters { norm: NormParameters { gamma, beta }, w1, b1, w2, b2 }
}
