//! The gradient rule of `attention`: from the final z alone; buckets, order and intervals are constants.

use crate::backward::Backward;
use reformer_tensor::op::{Attention, AttentionKeys};
use reformer_tensor::{Instruction, ValueId};

pub(super) fn rule(backward: &mut Backward<'_>, op: &Attention, instruction: &Instruction) {
    let [context, z] = instruction.writes[..] else { return };
    let (Some(d_context), Some(&delta)) = (backward.gradient(context), backward.deltas.get(&context)) else { return };
    let tensors = backward.values(&instruction.reads);
    let (keys, projections): (AttentionKeys, &[ValueId]) = match tensors[..] {
        [qk, v, order, slot, low] => (AttentionKeys::Lsh { qk, v, order, slot, low }, &instruction.reads[..2]),
        [q, k, v, segments] => (AttentionKeys::Separate { q, k, v, segments }, &instruction.reads[..3]),
        _ => return,
    };
    let z = backward.value(z);
    let results = backward.program.attention_gradient(op.pattern, op.heads, &keys, z, delta, d_context);
    for (&projection, gradient) in projections.iter().zip(results) {
        backward.contribute(projection, gradient);
    }
}
