//! Cases of `merge_heads`.

use super::operands::{DROP, KEEP, PLAIN};
use crate::case::Case;
use crate::fixture::{Expectation, Fixture, Home};
use crate::tolerance::Tolerance;
use reformer_tensor::op::MergeHeads;
use reformer_tensor::{DType, Direction, Dropout, HeadRange, HostTensor, shape};

/// Two heads of 16 in the middle of five.
pub(super) const HEADS: HeadRange = HeadRange { first: 2, count: 2, width: 16 };
pub(super) const ALL_HEADS: usize = 5;

#[derive(Clone, Copy)]
struct Sizes {
    rows: usize,
    width: usize,
    all_heads: usize,
    heads: HeadRange,
    direction: Direction,
    dropout: Dropout,
    stream: DType,
    home: Home,
}

const MIDDLE: Sizes = Sizes {
    rows: 61,
    width: 24,
    all_heads: ALL_HEADS,
    heads: HEADS,
    direction: Direction::Forward,
    dropout: KEEP,
    stream: DType::STREAM,
    home: Home::Input,
};

fn case(sizes: Sizes) -> Case {
    let build = move |fixture: &mut Fixture| {
        let Sizes { width, all_heads, heads, direction, dropout, stream: dtype, home, .. } = sizes;
        let stream = fixture.stream("stream", width, dtype, home);
        let context = fixture.activation("context", heads.columns(), 1.0);
        let weight = fixture.weight("weight", all_heads * heads.width, width);
        let key = fixture.random_key();
        let op = MergeHeads { heads, direction, dropout };
        let new = fixture.program.merge_heads(op, stream, context, weight, key);
        let (count, terms) = (heads.count, heads.width);
        // Shares are about as large as the stream; in an f32 stream each addition rounds, too.
        let tolerance = Tolerance::row(
            count * (terms + 3),
            format!("{count} shares, each a sum of {terms} products (docs/numerics.md, merge_heads)"),
        );
        fixture.updated_stream("stream", new, home, tolerance.with_shares(count, dtype));
    };
    Case::new(sizes.rows, build).by_row()
}

pub(super) fn one_row() -> Case {
    case(Sizes { rows: 1, width: 8, all_heads: 1, heads: HeadRange { first: 0, count: 1, width: 8 }, ..MIDDLE })
}

pub(super) fn middle_heads() -> Case {
    case(MIDDLE)
}

pub(super) fn taken_off() -> Case {
    case(Sizes { rows: 17, direction: Direction::Reverse, dropout: DROP, ..MIDDLE })
}

pub(super) fn across_tiles() -> Case {
    case(Sizes { rows: 1027, width: 33, heads: HeadRange { first: 1, count: 3, width: 8 }, ..MIDDLE })
}

pub(super) fn dropout() -> Case {
    case(Sizes { rows: 130, width: 37, dropout: DROP, ..MIDDLE })
}

pub(super) fn plain_stream() -> Case {
    case(Sizes { rows: 61, dropout: DROP, stream: PLAIN, ..MIDDLE })
}

pub(super) fn in_place() -> Case {
    // A state is a stream of rows that a prefix does not have: the law of prefixes is for inputs.
    Case { by_row: false, ..case(Sizes { home: Home::State, ..MIDDLE }) }
}

/// Integers times quarters of a unit: f32 is exact, so every rounding, ties included, must be the oracle's.
pub(super) fn exact_ties() -> Case {
    let build = |fixture: &mut Fixture| {
        let (rows, width) = (fixture.rows, 32);
        let quarter = 2f32.powi(-21);
        let stream = fixture.stream("stream", width, DType::STREAM, Home::Input);
        let whole = |fixture: &Fixture, name: &str, count: usize, scale: f32| -> Vec<f32> {
            fixture.choices(name, count, 15).into_iter().map(|x| (x as f32 - 7.0) * scale).collect()
        };
        let numbers =
            HostTensor::f32(shape![rows, HEADS.columns()], whole(fixture, "context", rows * HEADS.columns(), 1.0));
        let context = fixture.input("context", numbers, DType::F32);
        let weight_shape = shape![ALL_HEADS * HEADS.width, width];
        let numbers = HostTensor::f32(weight_shape, whole(fixture, "weight", weight_shape.elements(), quarter));
        let weight = fixture.state("weight", numbers, DType::F32);
        let key = fixture.random_key();
        let op = MergeHeads { heads: HEADS, direction: Direction::Forward, dropout: KEEP };
        let new = fixture.program.merge_heads(op, stream, context, weight, key);
        fixture.output("stream after", new, Expectation::Exact);
    };
    Case::new(61, build).by_row()
}

pub(super) fn weights_f16() -> Case {
    middle_heads().stored(DType::F16)
}

pub(super) fn weights_bf16() -> Case {
    middle_heads().stored(DType::Bf16)
}
