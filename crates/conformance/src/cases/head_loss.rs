//! Cases of `head_loss`.

use super::operands::{PLAIN, head, is_hole, targets};
use crate::case::Case;
use crate::fixture::{Fixture, Home};
use crate::tolerance::{Tolerance, norm_roundings};
use reformer_tensor::{DType, HostData, Tensor, shape};

/// Sizes of a head.
#[derive(Clone, Copy)]
pub(super) struct Sizes {
    pub rows: usize,
    pub width: usize,
    pub vocabulary: usize,
    /// The deviation of the logits.
    pub sharpness: f32,
    /// Whether every third row is unscored.
    pub holes: bool,
    /// Whether unscored rows hold numbers whose norm is NaN.
    pub nan: bool,
    pub stream: DType,
}

pub(super) const ODD: Sizes =
    Sizes { rows: 61, width: 24, vocabulary: 37, sharpness: 1.5, holes: false, nan: false, stream: DType::STREAM };
pub(super) const ONE_ROW: Sizes = Sizes { rows: 1, width: 8, ..ODD };
pub(super) const HOLES: Sizes = Sizes { rows: 130, holes: true, ..ODD };
/// The logits of unscored rows are NaN.
pub(super) const NAN_HOLES: Sizes = Sizes { rows: 1027, holes: true, nan: true, stream: PLAIN, ..ODD };
/// The second block of rows is padding alone.
pub(super) const EMPTY_BLOCK: Sizes = Sizes { rows: 1027, holes: true, ..ODD };
pub(super) const ACROSS: Sizes = Sizes { rows: 1027, ..ODD };
pub(super) const LARGE: Sizes = Sizes { rows: 17, width: 13, vocabulary: 1031, ..ODD };
pub(super) const PLAIN_STREAM: Sizes = Sizes { stream: PLAIN, ..ODD };

/// Its square is no f32, and neither is the sum of a row of it.
const OVERFLOWING: f32 = 3e38;
/// Deviations that the largest of the cases' logits lies from zero: one in a million is beyond.
const EXTREME: f32 = 5.0;

impl Sizes {
    /// Roundings of a logit: the norm of both streams and a product as long.
    pub fn logit_roundings(&self) -> usize {
        norm_roundings(2 * self.width) + 2 * self.width + 1
    }

    /// Both streams.
    pub fn streams(&self, fixture: &mut Fixture) -> [Tensor; 2] {
        let Sizes { width, stream, nan, .. } = *self;
        ["y1", "y2"].map(|name| {
            if !nan {
                return fixture.stream(name, width, stream, Home::Input);
            }
            let mut tensor = fixture.normal(name, shape![fixture.rows, width], 0.3, 1.0);
            if let HostData::F32(numbers) = &mut tensor.data {
                let rows = numbers.chunks_mut(width).enumerate();
                rows.filter(|(row, _)| is_hole(*row)).for_each(|(_, numbers)| numbers.fill(OVERFLOWING));
            }
            fixture.input(name, tensor, stream)
        })
    }

    /// About the largest logit.
    pub fn bound(&self) -> f64 {
        f64::from(EXTREME * self.sharpness.max(1.0))
    }

    /// A loss: two logits' errors, and the sum over the vocabulary, which is under a logarithm.
    pub fn loss_tolerance(&self) -> Tolerance {
        Tolerance::absolute(
            2 * self.logit_roundings() + self.vocabulary + 6,
            self.bound(),
            format!(
                "logits about {:.1} of {} products after a norm, and a sum over {} (docs/numerics.md, head_loss)",
                self.bound(),
                2 * self.width,
                self.vocabulary
            ),
        )
    }
}

fn case(sizes: Sizes) -> Case {
    let build = move |fixture: &mut Fixture| {
        let Sizes { width, vocabulary, sharpness, holes, .. } = sizes;
        let [y1, y2] = sizes.streams(fixture);
        let head = head(fixture, width, vocabulary, sharpness);
        let (targets, weights) = targets(fixture, vocabulary, holes);
        let losses = fixture.program.head_loss(y1, y2, &head, targets, weights);
        fixture.output("losses", losses, sizes.loss_tolerance());
    };
    Case::new(sizes.rows, build).by_row()
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

pub(super) fn across_tiles() -> Case {
    case(ACROSS)
}

pub(super) fn large_vocabulary() -> Case {
    case(LARGE)
}

pub(super) fn plain_stream() -> Case {
    case(PLAIN_STREAM)
}

/// Logits to a hundred: exp overflows if the maximum is not taken out.
pub(super) fn sharp() -> Case {
    case(Sizes { sharpness: 30.0, ..ODD })
}

pub(super) fn weights_f16() -> Case {
    odd().stored(DType::F16)
}

pub(super) fn weights_bf16() -> Case {
    odd().stored(DType::Bf16)
}
