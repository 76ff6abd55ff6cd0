//! Cases of `embed`.

use super::operands::{DROP, KEEP, PLAIN};
use crate::case::Case;
use crate::fixture::{Expectation, Fixture};
use crate::tolerance::Tolerance;
use reformer_tensor::op::{Embed, EmbedParameters};
use reformer_tensor::{DType, Dropout, HostTensor, PositionKind, shape};

pub(super) const VOCABULARY: usize = 19;
pub(super) const LEARNED: PositionKind = PositionKind::Learned;
/// 7·5 positions; the first table is narrower than the second.
pub(super) const AXIAL: PositionKind = PositionKind::Axial { outer: 7, inner: 5, outer_width: 10 };
const POSITIONS: usize = 35;

/// Two sums and the scale of dropout.
const ROUNDINGS: usize = 3;

/// The two or three shapes of the tables.
pub(super) fn table_shapes(
    vocabulary: usize,
    position: PositionKind,
    width: usize,
) -> Vec<(&'static str, reformer_tensor::Shape)> {
    let mut shapes = vec![("table", shape![vocabulary, width])];
    match position {
        PositionKind::Learned => shapes.push(("position table", shape![POSITIONS, width])),
        PositionKind::Axial { outer, inner, outer_width } => {
            shapes.push(("outer table", shape![outer, outer_width]));
            shapes.push(("inner table", shape![inner, width - outer_width]));
        }
    }
    shapes
}

/// `tokens`, `positions`, `key`.
pub(super) fn places(fixture: &mut Fixture, vocabulary: usize) -> [reformer_tensor::Tensor; 3] {
    let rows = fixture.rows;
    let tokens = fixture.choices("tokens", rows, vocabulary);
    let positions = (0..rows as u32).map(|row| row % POSITIONS as u32).collect();
    [
        fixture.integers("tokens", shape![rows], tokens),
        fixture.integers("positions", shape![rows], positions),
        fixture.random_key(),
    ]
}

fn case(rows: usize, width: usize, position: PositionKind, dropout: Dropout, stream: DType) -> Case {
    let build = move |fixture: &mut Fixture| {
        let [tokens, positions, key] = places(fixture, VOCABULARY);
        let mut tables: Vec<_> = table_shapes(VOCABULARY, position, width)
            .into_iter()
            .map(|(name, shape)| fixture.parameter(name, shape, 0.1, 1.0))
            .collect();
        let parameters = EmbedParameters { table: tables.remove(0), positions: tables };
        let out = fixture.program.embed(Embed { position, dropout, stream }, tokens, positions, key, &parameters);
        let tolerance = Tolerance::row(ROUNDINGS, "two terms and dropout's scale (docs/numerics.md, embed)");
        fixture.output("stream", out, tolerance.with_shares(1, stream));
    };
    Case::new(rows, build).by_row()
}

pub(super) fn one_row() -> Case {
    case(1, 16, LEARNED, KEEP, DType::STREAM)
}

pub(super) fn learned() -> Case {
    case(61, 24, LEARNED, KEEP, DType::STREAM)
}

pub(super) fn axial() -> Case {
    case(130, 24, AXIAL, KEEP, DType::STREAM)
}

pub(super) fn axial_dropout() -> Case {
    case(513, 17, AXIAL, DROP, DType::STREAM)
}

/// Long and wide enough to be cut where a device binds little at once.
pub(super) fn across_segments() -> Case {
    case(1100, 40, AXIAL, DROP, DType::STREAM)
}

pub(super) fn plain_stream() -> Case {
    case(17, 40, LEARNED, DROP, PLAIN)
}

/// Sums in quarters of a unit: f32 is exact, so every rounding, ties included, must be the oracle's.
pub(super) fn exact_ties() -> Case {
    let build = |fixture: &mut Fixture| {
        let width = 32;
        let quarter = 2f32.powi(-21);
        let [tokens, positions, key] = places(fixture, VOCABULARY);
        let mut table = |name: &str, rows: usize| {
            let numbers = fixture.choices(name, rows * width, 4001).into_iter().map(|x| (x as f32 - 2000.0) * quarter);
            let tensor = HostTensor::f32(shape![rows, width], numbers.collect());
            fixture.state(name, tensor, DType::F32)
        };
        let parameters =
            EmbedParameters { table: table("table", VOCABULARY), positions: vec![table("position table", POSITIONS)] };
        let op = Embed { position: LEARNED, dropout: KEEP, stream: DType::STREAM };
        let out = fixture.program.embed(op, tokens, positions, key, &parameters);
        fixture.output("stream", out, Expectation::Exact);
    };
    Case::new(61, build).by_row()
}
