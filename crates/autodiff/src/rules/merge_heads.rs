//! The gradient rule of `merge_heads`: straight through the rounding. The stream's own gradient has been passed on by the walk.

use crate::backward::Backward;
use reformer_tensor::Instruction;
use reformer_tensor::op::{MergeHeads, MergeHeadsGradient};

pub(super) fn rule(backward: &mut Backward<'_>, op: &MergeHeads, instruction: &Instruction) {
    let [context, weight, key] = instruction.reads[..] else { return };
    let (_, after) = instruction.updates[0];
    let Some(dy) = backward.gradient(after) else { return };
    let weight_gradient = backward.parameter_gradient(weight);
    let [context_now, weight, key] = [context, weight, key].map(|id| backward.value(id));
    let op = MergeHeadsGradient { heads: op.heads, dropout: op.dropout };
    let (d_context, delta) = backward.program.merge_heads_gradient(op, dy, context_now, weight, key, weight_gradient);
    backward.contribute(context, d_context);
    backward.deltas.insert(context, delta);
}
