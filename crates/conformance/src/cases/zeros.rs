//! Cases of `zeros`.

use crate::case::Case;
use crate::fixture::Expectation;
use reformer_tensor::{Shape, shape};

fn case(shape: Shape) -> Case {
    Case::new(1, move |fixture| {
        let zeros = fixture.program.zeros("zeros", shape);
        fixture.output("zeros", zeros, Expectation::Exact);
    })
}

pub(super) fn vector() -> Case {
    case(shape![61])
}

pub(super) fn matrix() -> Case {
    case(shape![130, 17])
}
