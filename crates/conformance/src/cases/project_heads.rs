//! Cases of `project_heads`.

use super::operands::{PLAIN, norm};
use crate::case::Case;
use crate::fixture::{Fixture, Home};
use crate::tolerance::{Tolerance, norm_roundings};
use reformer_tensor::{DType, HeadRange, HostTensor, shape};

/// Sizes of a projection: `heads` of all `all_heads`.
#[derive(Clone, Copy)]
pub(super) struct Sizes {
    pub rows: usize,
    pub width: usize,
    pub all_heads: usize,
    pub heads: HeadRange,
    pub weights: usize,
    pub stream: DType,
}

/// Two heads of 8 in the middle of five.
pub(super) const MIDDLE: Sizes = Sizes {
    rows: 61,
    width: 24,
    all_heads: 5,
    heads: HeadRange { first: 2, count: 2, width: 8 },
    weights: 2,
    stream: DType::STREAM,
};
pub(super) const ONE_ROW: Sizes =
    Sizes { rows: 1, width: 8, all_heads: 1, heads: HeadRange { first: 0, count: 1, width: 8 }, ..MIDDLE };
pub(super) const THREE_WEIGHTS: Sizes =
    Sizes { rows: 17, width: 40, heads: HeadRange { first: 1, count: 3, width: 16 }, weights: 3, ..MIDDLE };
pub(super) const ACROSS: Sizes = Sizes { rows: 1027, width: 33, ..MIDDLE };
pub(super) const PLAIN_STREAM: Sizes = Sizes { rows: 130, stream: PLAIN, ..MIDDLE };

pub(super) const NAMES: [&str; 3] = ["first", "second", "third"];

fn build(fixture: &mut Fixture, sizes: Sizes, tolerance: Tolerance, x: reformer_tensor::Tensor) {
    let norm = norm(fixture, sizes.width);
    let columns = sizes.all_heads * sizes.heads.width;
    let weights: Vec<_> = NAMES[..sizes.weights]
        .iter()
        .map(|name| fixture.weight(&format!("{name} weight"), sizes.width, columns))
        .collect();
    let results = fixture.program.project_heads(sizes.heads, x, norm, &weights, &NAMES);
    for (name, result) in NAMES.iter().zip(results) {
        fixture.output(name, result, tolerance.clone());
    }
}

fn tolerance(width: usize) -> Tolerance {
    Tolerance::row(
        norm_roundings(width) + width,
        format!("a layer norm of {width} and a sum of {width} products (docs/numerics.md, project_heads)"),
    )
}

fn case(sizes: Sizes) -> Case {
    let build = move |fixture: &mut Fixture| {
        let x = fixture.stream("x", sizes.width, sizes.stream, Home::Input);
        build(fixture, sizes, tolerance(sizes.width), x);
    };
    Case::new(sizes.rows, build).by_row()
}

pub(super) fn one_row() -> Case {
    case(ONE_ROW)
}

pub(super) fn middle_heads() -> Case {
    case(MIDDLE)
}

pub(super) fn three_weights() -> Case {
    case(THREE_WEIGHTS)
}

pub(super) fn across_tiles() -> Case {
    case(ACROSS)
}

/// Longer than a block of products.
pub(super) fn wide() -> Case {
    case(Sizes { rows: 17, width: 600, ..MIDDLE })
}

pub(super) fn plain_stream() -> Case {
    case(PLAIN_STREAM)
}

/// Rows whose mean is far from zero: reading the stream as f32 and taking the mean off loses bits.
pub(super) fn off_centre() -> Case {
    let build = |fixture: &mut Fixture| {
        const MEAN: f32 = 40.0;
        let numbers = fixture.normal("x", shape![fixture.rows, MIDDLE.width], MEAN, 1.0);
        let x = fixture.input("x", crate::as_stream(numbers, DType::STREAM), DType::STREAM);
        // The largest number over the largest distance from the mean, about: what the difference magnifies roundings by.
        let magnified = norm_roundings(MIDDLE.width) * MEAN as usize / 2;
        let tolerance = Tolerance::row(
            magnified + MIDDLE.width,
            "a layer norm whose mean is 40 deviations from zero, and a sum of 24 products (docs/numerics.md, project_heads)",
        );
        build(fixture, MIDDLE, tolerance, x);
    };
    Case::new(MIDDLE.rows, build).by_row()
}

/// Rows whose variance is about ε: leaving it out shows.
pub(super) fn small_rows() -> Case {
    let build = |fixture: &mut Fixture| {
        let numbers = fixture.normal("x", shape![fixture.rows, MIDDLE.width], 0.0, 1e-3);
        let x = fixture.input("x", crate::as_stream(numbers, DType::STREAM), DType::STREAM);
        build(fixture, MIDDLE, tolerance(MIDDLE.width), x);
    };
    Case::new(MIDDLE.rows, build).by_row()
}

/// Rows of equal numbers have norm zero, not NaN.
pub(super) fn constant_rows() -> Case {
    let build = |fixture: &mut Fixture| {
        let rows = fixture.rows;
        // Multiples of 1/4 whose sums f32 holds exactly; 24 of them divided by 24 are exact again.
        let numbers = (0..rows * MIDDLE.width).map(|at| (at / MIDDLE.width % 7) as f32 * 0.25 - 0.5).collect();
        let numbers = HostTensor::f32(shape![rows, MIDDLE.width], numbers);
        let x = fixture.input("x", crate::as_stream(numbers, DType::STREAM), DType::STREAM);
        build(fixture, MIDDLE, tolerance(MIDDLE.width), x);
    };
    Case::new(MIDDLE.rows, build).by_row()
}

pub(super) fn weights_f16() -> Case {
    middle_heads().stored(DType::F16)
}

pub(super) fn weights_bf16() -> Case {
    middle_heads().stored(DType::Bf16)
}
