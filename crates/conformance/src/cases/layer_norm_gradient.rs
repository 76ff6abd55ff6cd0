//! Cases of `layer_norm_gradient`.

use super::operands::{PLAIN, norm_sums};
use crate::case::Case;
use crate::fixture::{Fixture, Home, as_stream};
use crate::tolerance::{Tolerance, norm_roundings};
use reformer_tensor::{DType, shape};

/// `mean`: of the stream's rows; their deviation is 1.
fn case(rows: usize, width: usize, stream: DType, mean: f32) -> Case {
    Case::new(rows, move |fixture: &mut Fixture| {
        let numbers = fixture.normal("x", shape![rows, width], mean, 1.0);
        let x = fixture.input("x", as_stream(numbers, stream), stream);
        let gamma = fixture.parameter("gamma", shape![width], 1.0, 0.2);
        let d_normed = fixture.activation("d_normed", width, 1.0);
        let dx = fixture.stream("dx", width, DType::F32, Home::Input);
        // A mean far from zero magnifies the roundings of the difference.
        let magnified = norm_roundings(width) * (1 + mean as usize / 2);
        let sums = Tolerance::row(
            magnified + rows,
            format!("a layer norm of {width} and a sum over {rows} rows (docs/numerics.md, layer_norm_gradient)"),
        );
        let gradients = norm_sums(fixture, width, &sums);
        let new = fixture.program.layer_norm_gradient(x, gamma, d_normed, dx, gradients);
        let tolerance = Tolerance::row(
            magnified + 2 * width + 6,
            format!("a layer norm and two more sums of {width} (docs/numerics.md, layer_norm_gradient)"),
        );
        fixture.output("dx after", new, tolerance);
    })
}

pub(super) fn one_row() -> Case {
    case(1, 8, DType::STREAM, 0.3)
}

pub(super) fn odd() -> Case {
    case(61, 33, DType::STREAM, 0.3)
}

pub(super) fn across_blocks() -> Case {
    case(1027, 24, DType::STREAM, 0.3)
}

pub(super) fn plain_stream() -> Case {
    case(17, 40, PLAIN, 0.3)
}

pub(super) fn off_centre() -> Case {
    case(61, 24, DType::STREAM, 40.0)
}
