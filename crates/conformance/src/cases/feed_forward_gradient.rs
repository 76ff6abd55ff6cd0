//! Cases of `feed_forward_gradient`.

use super::feed_forward::{ACROSS, DROPOUT, GELU, ONE_ROW, PLAIN_STREAM, RELU, Sizes};
use super::operands::{layer, norm_sums};
use crate::case::Case;
use crate::fixture::{Fixture, Home};
use crate::tolerance::Tolerance;
use reformer_tensor::op::{FeedForwardGradient, FeedForwardParameters};
use reformer_tensor::{DType, shape};

fn case(sizes: Sizes, rebuild: bool) -> Case {
    Case::new(sizes.rows, move |fixture: &mut Fixture| {
        let Sizes { rows, width, hidden, activation, dropout, stream: dtype } = sizes;
        let x = fixture.stream("x", width, dtype, Home::Input);
        let dy = fixture.activation("dy", width, 1.0);
        let parameters = layer(fixture, width, hidden);
        let key = fixture.random_key();
        let dx = fixture.stream("dx", width, DType::F32, Home::Input);
        // The hidden layer's gradient: an active unit (its derivative has the same roundings), a sum over the width, a product.
        let d_hidden = sizes.active_roundings() + width + 2;
        let d_normed = d_hidden + hidden;
        let reason = format!(
            "the layer's chain of sums of {width} and {hidden}, there and back, and sums over {rows} rows (docs/numerics.md, feed_forward)"
        );
        let sum = |roundings: usize| Tolerance::row(roundings + rows, reason.clone());
        let norm = norm_sums(fixture, width, &sum(d_normed + 2 * width + 8));
        let gradients = FeedForwardParameters {
            norm,
            w1: fixture.sum("dw1", shape![width, hidden], sum(d_hidden + 3 * width)),
            b1: fixture.sum("db1", shape![hidden], sum(d_hidden)),
            w2: fixture.sum("dw2", shape![hidden, width], sum(sizes.active_roundings())),
            b2: fixture.sum("db2", shape![width], sum(1)),
        };
        let stream = rebuild.then(|| fixture.stream("stream", width, dtype, Home::Input));
        let op = FeedForwardGradient { activation, dropout, rebuild };
        let (new, rebuilt) = fixture.program.feed_forward_gradient(op, x, dy, &parameters, key, dx, &gradients, stream);
        fixture.output("dx after", new, Tolerance::row(d_normed + 4 * width + 14, reason.clone()));
        if let Some(rebuilt) = rebuilt {
            fixture.output("stream after", rebuilt, sizes.share_tolerance().with_shares(1, dtype));
        }
    })
}

pub(super) fn one_row() -> Case {
    case(ONE_ROW, false)
}

pub(super) fn gelu() -> Case {
    case(GELU, false)
}

pub(super) fn relu() -> Case {
    case(RELU, false)
}

pub(super) fn dropout() -> Case {
    case(DROPOUT, true)
}

pub(super) fn rebuild() -> Case {
    case(GELU, true)
}

pub(super) fn across_blocks() -> Case {
    case(ACROSS, true)
}

/// More rows than one launch or one piece of work sums: the parts' sums go on from one another.
pub(super) fn many_rows() -> Case {
    case(Sizes { rows: 4133, width: 8, hidden: 12, ..ACROSS }, true)
}

pub(super) fn plain_stream() -> Case {
    case(PLAIN_STREAM, true)
}

pub(super) fn weights_f16() -> Case {
    rebuild().stored(DType::F16)
}

pub(super) fn weights_bf16() -> Case {
    rebuild().stored(DType::Bf16)
}
