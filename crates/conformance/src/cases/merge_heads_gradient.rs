//! Cases of `merge_heads_gradient`.

use super::merge_heads::{ALL_HEADS, HEADS};
use super::operands::{DROP, KEEP};
use crate::case::Case;
use crate::fixture::Fixture;
use crate::tolerance::Tolerance;
use reformer_tensor::op::MergeHeadsGradient;
use reformer_tensor::{DType, Dropout, HeadRange};

fn case(rows: usize, width: usize, all_heads: usize, heads: HeadRange, dropout: Dropout) -> Case {
    Case::new(rows, move |fixture: &mut Fixture| {
        let dy = fixture.activation("dy", width, 1.0);
        let context = fixture.activation("context", heads.columns(), 1.0);
        let weight = fixture.weight("weight", all_heads * heads.width, width);
        let key = fixture.random_key();
        let sums = Tolerance::row(rows + 2, format!("a sum over {rows} rows (docs/numerics.md, merge_heads)"));
        let dweight = fixture.sum("dweight", weight.shape, sums);
        let op = MergeHeadsGradient { heads, dropout };
        let (d_context, delta) = fixture.program.merge_heads_gradient(op, dy, context, weight, key, dweight);
        let reason = format!("a sum of {width} products (docs/numerics.md, merge_heads)");
        fixture.output("d_context", d_context, Tolerance::row(width + 2, reason.clone()));
        // Terms of delta cancel: its roundings are relative to a large row's.
        let reason = format!("{reason}, then one of {}", heads.width);
        fixture.output("delta", delta, Tolerance::tensor(width + 2 + heads.width, reason));
    })
}

pub(super) fn one_row() -> Case {
    case(1, 8, 1, HeadRange { first: 0, count: 1, width: 8 }, KEEP)
}

pub(super) fn middle_heads() -> Case {
    case(61, 24, ALL_HEADS, HEADS, KEEP)
}

pub(super) fn across_blocks() -> Case {
    case(1027, 33, ALL_HEADS, HEADS, KEEP)
}

pub(super) fn dropout() -> Case {
    case(130, 37, ALL_HEADS, HeadRange { first: 1, count: 3, width: 8 }, DROP)
}

pub(super) fn weights_f16() -> Case {
    middle_heads().stored(DType::F16)
}

pub(super) fn weights_bf16() -> Case {
    middle_heads().stored(DType::Bf16)
}
