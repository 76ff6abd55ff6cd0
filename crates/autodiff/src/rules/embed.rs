//! The gradient rule of `embed`.

use crate::backward::Backward;
use reformer_tensor::Instruction;
use reformer_tensor::op::{Embed, EmbedGradient, EmbedParameters};

pub(super) fn rule(backward: &mut Backward<'_>, op: &Embed, instruction: &Instruction) {
    let [tokens, positions, key, table, position_tables @ ..] = &instruction.reads[..] else { return };
    let stream = instruction.writes[0];
    let (dx1, dx2) = match backward.contributions(stream)[..] {
        [] => return,
        [one] => {
            let zeros = backward.program.zeros("d_stream", one.shape);
            (one, zeros)
        }
        [one, two, ..] => (one, two),
    };
    backward.program.set_scope("embedding, backward");
    let gradients = EmbedParameters {
        table: backward.parameter_gradient(*table),
        positions: position_tables.iter().map(|&id| backward.parameter_gradient(id)).collect(),
    };
    let [tokens, positions, key] = [tokens, positions, key].map(|&id| backward.value(id));
    let op = EmbedGradient { position: op.position, dropout: op.dropout };
    backward.program.embed_gradient(op, tokens, positions, key, dx1, dx2, &gradients);
}
