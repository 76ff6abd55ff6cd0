//! Cases of `embed_gradient`.

use super::embed::{AXIAL, LEARNED, VOCABULARY, places, table_shapes};
use super::operands::{DROP, KEEP};
use crate::case::Case;
use crate::fixture::Fixture;
use crate::tolerance::Tolerance;
use reformer_tensor::op::{EmbedGradient, EmbedParameters};
use reformer_tensor::{Dropout, PositionKind};

/// `different`: how many tokens there are; few make many rows meet in one sum.
fn case(rows: usize, width: usize, position: PositionKind, dropout: Dropout, different: usize) -> Case {
    Case::new(rows, move |fixture: &mut Fixture| {
        let [tokens, positions, key] = places(fixture, different);
        let dx1 = fixture.activation("dx1", width, 1.0);
        let dx2 = fixture.activation("dx2", width, 1.0);
        // Every row may meet in one place; the two streams' sum and dropout's scale come before.
        let tolerance = Tolerance::row(
            fixture.rows + 2,
            format!("a sum of up to {} rows and two roundings before it (docs/numerics.md, embed)", fixture.rows),
        );
        let vocabulary = VOCABULARY.max(different);
        let mut tables = fixture.sums(&table_shapes(vocabulary, position, width), &tolerance);
        let gradients = EmbedParameters { table: tables.remove(0), positions: tables };
        let op = EmbedGradient { position, dropout };
        fixture.program.embed_gradient(op, tokens, positions, key, dx1, dx2, &gradients);
    })
}

pub(super) fn one_row() -> Case {
    case(1, 16, LEARNED, KEEP, VOCABULARY)
}

pub(super) fn learned_repeated() -> Case {
    case(61, 24, LEARNED, KEEP, 3)
}

pub(super) fn axial_dropout() -> Case {
    case(130, 24, AXIAL, DROP, VOCABULARY)
}

pub(super) fn across_blocks() -> Case {
    case(1027, 17, AXIAL, DROP, VOCABULARY)
}

/// More entries than a byte counts, and rows that are cut where a device binds little at once.
pub(super) fn many_entries() -> Case {
    case(1100, 40, LEARNED, KEEP, 700)
}
