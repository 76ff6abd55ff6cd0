//! `embed` and `embed_gradient`: tokens and positions to the first stream, and the tables' gradients.

use super::{Dropout, PositionKind};
use crate::{DType, Program, Tensor, shape};

/// stream`[i]` = round(dropout(table[tokens`[i]`] + position(positions`[i]`))), rounded to the stream's unit, ties to even.
///
/// Reads: `tokens` `[rows]` u32, `positions` `[rows]` u32, `key` `[2]` u32, `table` `[vocabulary, width]`, position table(s):
/// learned `[positions, width]`, or axial `[outer, outer_width]` and `[inner, width − outer_width]`. Writes: `stream` `[rows, width]`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Embed {
    /// How positions become vectors.
    pub position: PositionKind,
    /// Dropout on the sum, before rounding.
    pub dropout: Dropout,
    /// The stream's type.
    pub stream: DType,
}

/// Gradient of [`Embed`]; both streams start as the embedding, so their gradients are added: d = mask·(dx1 + dx2).
/// Rows are added onto the tables in ascending row order, straight through the rounding.
///
/// Reads: `tokens`, `positions`, `key`, `dx1` `[rows, width]`, `dx2` `[rows, width]`. Updates: the tables' gradients.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct EmbedGradient {
    /// As recorded forward.
    pub position: PositionKind,
    /// As recorded forward.
    pub dropout: Dropout,
}

/// The embedding's tables, or their gradients.
#[derive(Clone, Debug, PartialEq)]
pub struct EmbedParameters {
    /// `[vocabulary, width]`.
    pub table: Tensor,
    /// One table (learned) or two (axial).
    pub positions: Vec<Tensor>,
}

impl EmbedParameters {
    fn all(&self) -> Vec<Tensor> {
        std::iter::once(self.table).chain(self.positions.iter().copied()).collect()
    }
}

fn check_tables(program: &mut Program, op: &'static str, position: PositionKind, parameters: &EmbedParameters) {
    let width = parameters.table.shape.dim(1);
    let expected = match position {
        PositionKind::Learned => 1,
        PositionKind::Axial { .. } => 2,
    };
    let given = parameters.positions.len();
    program.check_field(op, given == expected, || {
        format!("{given} position tables for {position:?}, which has {expected}")
    });
    match (position, parameters.positions.as_slice()) {
        (PositionKind::Learned, [table]) => {
            program.check_f32(op, "positions", *table, &[table.shape.dim(0), width], "Its width is the embedding's");
        }
        (PositionKind::Axial { outer, inner, outer_width }, [first, second]) => {
            program.check_field(op, outer_width <= width, || {
                format!("outer_width {outer_width} exceeds the width {width}")
            });
            let advice = "The axial widths sum to the model's width";
            program.check_f32(op, "positions.outer", *first, &[outer, outer_width], advice);
            program.check_f32(op, "positions.inner", *second, &[inner, width.saturating_sub(outer_width)], advice);
        }
        _ => {}
    }
}

impl Program {
    /// Records [`Embed`].
    pub fn embed(
        &mut self,
        op: Embed,
        tokens: Tensor,
        positions: Tensor,
        key: Tensor,
        parameters: &EmbedParameters,
    ) -> Tensor {
        let (rows, width) = (tokens.shape.dim(0), parameters.table.shape.dim(1));
        self.check_u32("embed", "tokens", tokens, &[rows], "Tokens are one row after another");
        self.check_u32("embed", "positions", positions, &[rows], "There is one position a token");
        self.check_u32("embed", "key", key, &[2], "A key is two words");
        self.check_f32(
            "embed",
            "table",
            parameters.table,
            &[parameters.table.shape.dim(0), width],
            "It is [vocabulary, width]",
        );
        check_tables(self, "embed", op.position, parameters);
        let mut reads = vec![tokens, positions, key];
        reads.extend(parameters.all());
        self.push(op.into(), &reads, &[], &[("stream", shape![rows, width], op.stream)])[0]
    }

    /// Records [`EmbedGradient`]; returns the tables' new gradients.
    pub fn embed_gradient(
        &mut self,
        op: EmbedGradient,
        tokens: Tensor,
        positions: Tensor,
        key: Tensor,
        dx1: Tensor,
        dx2: Tensor,
        gradients: &EmbedParameters,
    ) {
        let (rows, width) = (tokens.shape.dim(0), gradients.table.shape.dim(1));
        self.check_f32("embed_gradient", "dx1", dx1, &[rows, width], "It is the gradient of the first stream");
        self.check_f32("embed_gradient", "dx2", dx2, &[rows, width], "It is the gradient of the second stream");
        check_tables(self, "embed_gradient", op.position, gradients);
        self.push(op.into(), &[tokens, positions, key, dx1, dx2], &gradients.all(), &[]);
    }
}
