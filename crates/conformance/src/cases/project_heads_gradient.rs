//! Cases of `project_heads_gradient`.

use super::operands::norm;
use super::project_heads::{ACROSS, MIDDLE, NAMES, ONE_ROW, PLAIN_STREAM, Sizes, THREE_WEIGHTS};
use crate::case::Case;
use crate::fixture::{Fixture, Home};
use crate::tolerance::{Tolerance, norm_roundings};
use reformer_tensor::DType;
use reformer_tensor::shape;

fn case(sizes: Sizes) -> Case {
    Case::new(sizes.rows, move |fixture: &mut Fixture| {
        let Sizes { rows, width, all_heads, heads, weights, stream } = sizes;
        let x = fixture.stream("x", width, stream, Home::Input);
        let norm = norm(fixture, width);
        let names = &NAMES[..weights];
        let upstream: Vec<_> =
            names.iter().map(|name| fixture.activation(&format!("d {name}"), heads.columns(), 1.0)).collect();
        let columns = all_heads * heads.width;
        let matrices: Vec<_> =
            names.iter().map(|name| fixture.weight(&format!("{name} weight"), width, columns)).collect();
        let of_weights = Tolerance::row(
            norm_roundings(width) + rows,
            format!("a layer norm of {width} and a sum over {rows} rows (docs/numerics.md, project_heads)"),
        );
        let gradients: Vec<_> = names
            .iter()
            .map(|name| fixture.sum(&format!("{name} gradient"), shape![width, columns], of_weights.clone()))
            .collect();
        let d_normed = fixture.activation("d_normed", width, 1.0);
        let new = fixture.program.project_heads_gradient(heads, x, norm, &upstream, &matrices, d_normed, &gradients);
        let terms = heads.columns() * weights;
        let tolerance =
            Tolerance::row(terms + 1, format!("a sum of {terms} products (docs/numerics.md, project_heads)"));
        fixture.output("d_normed after", new, tolerance);
    })
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

pub(super) fn across_blocks() -> Case {
    case(ACROSS)
}

pub(super) fn plain_stream() -> Case {
    case(PLAIN_STREAM)
}

pub(super) fn weights_f16() -> Case {
    middle_heads().stored(DType::F16)
}

pub(super) fn weights_bf16() -> Case {
    middle_heads().stored(DType::Bf16)
}
