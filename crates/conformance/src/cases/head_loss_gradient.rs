//! Cases of `head_loss_gradient`.

use super::head_loss::{ACROSS, EMPTY_BLOCK, HOLES, LARGE, NAN_HOLES, ODD, ONE_ROW, PLAIN_STREAM, Sizes};
use super::operands::{head, targets};
use crate::case::Case;
use crate::fixture::Fixture;
use crate::tolerance::Tolerance;
use reformer_tensor::DType;
use reformer_tensor::op::HeadParameters;
use reformer_tensor::shape;

fn case(sizes: Sizes) -> Case {
    Case::new(sizes.rows, move |fixture: &mut Fixture| {
        let Sizes { rows, width, vocabulary, sharpness, holes, .. } = sizes;
        let [y1, y2] = sizes.streams(fixture);
        let head = head(fixture, width, vocabulary, sharpness);
        let (targets, weights) = targets(fixture, vocabulary, holes);
        // A probability's relative error is its logit's error, twice (z has it, too), and the sum's.
        let probability = vocabulary + 6;
        let d_normed = probability + vocabulary;
        let reason = format!(
            "logits about {:.1} of {} products after a norm, sums over {vocabulary} and {rows} rows (docs/numerics.md, head_loss)",
            sizes.bound(),
            2 * width
        );
        let sum = |roundings: usize| {
            Tolerance::row(roundings + rows, reason.clone()).with_exponents(sizes.logit_roundings(), sizes.bound())
        };
        let wide = 2 * width;
        let gradients = HeadParameters {
            gamma: fixture.sum("dgamma", shape![wide], sum(d_normed + 2 * wide + 8)),
            beta: fixture.sum("dbeta", shape![wide], sum(d_normed)),
            weight: fixture.sum("dweight", shape![wide, vocabulary], sum(probability + 2 * wide + 8)),
            bias: fixture.sum("dbias", shape![vocabulary], sum(probability)),
        };
        let (dy1, dy2, losses) = fixture.program.head_loss_gradient(y1, y2, &head, targets, weights, &gradients);
        fixture.output("losses", losses, sizes.loss_tolerance());
        for (name, dy) in [("dy1", dy1), ("dy2", dy2)] {
            let tolerance = Tolerance::row(d_normed + 4 * wide + 14, reason.clone());
            fixture.output(name, dy, tolerance.with_exponents(sizes.logit_roundings(), sizes.bound()));
        }
    })
}

pub(super) fn one_row() -> Case {
    case(ONE_ROW)
}

pub(super) fn odd() -> Case {
    case(ODD)
}

pub(super) fn unscored_rows() -> Case {
    case(HOLES)
}

pub(super) fn unscored_block() -> Case {
    case(EMPTY_BLOCK)
}

pub(super) fn unscored_nan() -> Case {
    case(NAN_HOLES)
}

pub(super) fn across_blocks() -> Case {
    case(ACROSS)
}

pub(super) fn large_vocabulary() -> Case {
    case(LARGE)
}

pub(super) fn plain_stream() -> Case {
    case(PLAIN_STREAM)
}

pub(super) fn weights_f16() -> Case {
    odd().stored(DType::F16)
}

pub(super) fn weights_bf16() -> Case {
    odd().stored(DType::Bf16)
}
