//! Cases of `logits`.

use super::head_loss::{ODD, ONE_ROW, PLAIN_STREAM, Sizes};
use super::operands::head;
use crate::case::Case;
use crate::fixture::{Fixture, Home};
use crate::tolerance::Tolerance;
use reformer_tensor::DType;
use reformer_tensor::shape;

fn case(sizes: Sizes, chosen: &[u32]) -> Case {
    let chosen = chosen.to_vec();
    Case::new(sizes.rows, move |fixture: &mut Fixture| {
        let Sizes { width, vocabulary, sharpness, stream, .. } = sizes;
        let [y1, y2] = ["y1", "y2"].map(|name| fixture.stream(name, width, stream, Home::Input));
        let head = head(fixture, width, vocabulary, sharpness);
        let chosen = fixture.integers("chosen", shape![chosen.len()], chosen.clone());
        let logits = fixture.program.logits(y1, y2, chosen, &head);
        let reason = format!("a norm and a sum of {} products (docs/numerics.md, head_loss)", 2 * width);
        fixture.output("logits", logits, Tolerance::row(sizes.logit_roundings(), reason));
    })
}

pub(super) fn one_row() -> Case {
    case(ONE_ROW, &[0])
}

pub(super) fn odd() -> Case {
    case(ODD, &[60, 0, 17])
}

pub(super) fn repeated() -> Case {
    case(ODD, &[5, 5, 5, 4, 59, 5])
}

/// Rows of the whole run, in no order, and more of them than a tile where a device binds little at once.
pub(super) fn across_segments() -> Case {
    let rows = 1100;
    let chosen: Vec<u32> = (0..1000).map(|at| at * 389 % rows).collect();
    case(Sizes { rows: rows as usize, width: 40, ..ODD }, &chosen)
}

pub(super) fn plain_stream() -> Case {
    case(PLAIN_STREAM, &[33])
}

pub(super) fn weights_f16() -> Case {
    odd().stored(DType::F16)
}

pub(super) fn weights_bf16() -> Case {
    odd().stored(DType::Bf16)
}
