//! Cases of `feed_forward`.

use super::operands::{DROP, KEEP, PLAIN, layer};
use crate::case::Case;
use crate::fixture::{Expectation, Fixture, Home};
use crate::tolerance::{Tolerance, norm_roundings};
use reformer_tensor::op::{FeedForward, FeedForwardParameters, NormParameters};
use reformer_tensor::{Activation, DType, Direction, Dropout, HostTensor, shape};

/// Sizes of a layer.
#[derive(Clone, Copy)]
pub(super) struct Sizes {
    pub rows: usize,
    pub width: usize,
    pub hidden: usize,
    pub activation: Activation,
    pub dropout: Dropout,
    pub stream: DType,
}

pub(super) const GELU: Sizes =
    Sizes { rows: 61, width: 24, hidden: 72, activation: Activation::Gelu, dropout: KEEP, stream: DType::STREAM };
pub(super) const RELU: Sizes = Sizes { rows: 17, width: 33, hidden: 61, activation: Activation::Relu, ..GELU };
pub(super) const ONE_ROW: Sizes = Sizes { rows: 1, width: 8, hidden: 16, ..GELU };
pub(super) const DROPOUT: Sizes = Sizes { rows: 130, width: 37, dropout: DROP, ..GELU };
pub(super) const ACROSS: Sizes = Sizes { rows: 1027, width: 24, hidden: 40, ..GELU };
pub(super) const PLAIN_STREAM: Sizes = Sizes { stream: PLAIN, dropout: DROP, ..GELU };

/// The exponential, the quotient and the products of an activation.
const ACTIVATION_ROUNDINGS: usize = 8;

impl Sizes {
    /// Roundings of one active hidden unit.
    pub fn active_roundings(&self) -> usize {
        norm_roundings(self.width) + self.width + 1 + ACTIVATION_ROUNDINGS
    }

    /// A share of the stream.
    pub fn share_tolerance(&self) -> Tolerance {
        Tolerance::row(
            self.active_roundings() + self.hidden + 3,
            format!(
                "a layer norm of {0}, sums of {0} and {1} products, an activation (docs/numerics.md, feed_forward)",
                self.width, self.hidden
            ),
        )
    }
}

fn case(sizes: Sizes, direction: Direction, home: Home) -> Case {
    let build = move |fixture: &mut Fixture| {
        let Sizes { width, hidden, activation, dropout, stream: dtype, .. } = sizes;
        let x = fixture.stream("x", width, dtype, Home::Input);
        let stream = fixture.stream("stream", width, dtype, home);
        let parameters = layer(fixture, width, hidden);
        let key = fixture.random_key();
        let new =
            fixture.program.feed_forward(FeedForward { direction, activation, dropout }, stream, x, &parameters, key);
        fixture.updated_stream("stream", new, home, sizes.share_tolerance().with_shares(1, dtype));
    };
    let case = Case::new(sizes.rows, build);
    if home == Home::Input { case.by_row() } else { case }
}

pub(super) fn one_row() -> Case {
    case(ONE_ROW, Direction::Forward, Home::Input)
}

pub(super) fn gelu() -> Case {
    case(GELU, Direction::Forward, Home::Input)
}

pub(super) fn relu() -> Case {
    case(RELU, Direction::Forward, Home::Input)
}

pub(super) fn dropout() -> Case {
    case(DROPOUT, Direction::Forward, Home::Input)
}

pub(super) fn taken_off() -> Case {
    case(GELU, Direction::Reverse, Home::Input)
}

pub(super) fn across_tiles() -> Case {
    case(ACROSS, Direction::Forward, Home::Input)
}

pub(super) fn plain_stream() -> Case {
    case(PLAIN_STREAM, Direction::Forward, Home::Input)
}

pub(super) fn in_place() -> Case {
    case(GELU, Direction::Forward, Home::State)
}

/// A norm whose scale is zero gives its shift; small integers and quarters of a unit do the rest exactly in f32, so every
/// rounding, ties included, must be the oracle's.
pub(super) fn exact_ties() -> Case {
    let build = |fixture: &mut Fixture| {
        let (width, hidden) = (24, 40);
        let quarter = 2f32.powi(-21);
        let x = fixture.stream("x", width, DType::STREAM, Home::Input);
        let stream = fixture.stream("stream", width, DType::STREAM, Home::Input);
        let mut whole = |name: &str, shape: reformer_tensor::Shape, scale: f32| {
            let numbers = fixture.choices(name, shape.elements(), 7).into_iter().map(|x| (x as f32 - 3.0) * scale);
            let tensor = HostTensor::f32(shape, numbers.collect());
            fixture.state(name, tensor, DType::F32)
        };
        let parameters = FeedForwardParameters {
            norm: NormParameters { gamma: whole("gamma", shape![width], 0.0), beta: whole("beta", shape![width], 1.0) },
            w1: whole("w1", shape![width, hidden], 1.0),
            b1: whole("b1", shape![hidden], 1.0),
            w2: whole("w2", shape![hidden, width], quarter),
            b2: whole("b2", shape![width], quarter),
        };
        let key = fixture.random_key();
        let op = FeedForward { direction: Direction::Forward, activation: Activation::Relu, dropout: KEEP };
        let new = fixture.program.feed_forward(op, stream, x, &parameters, key);
        fixture.output("stream after", new, Expectation::Exact);
    };
    Case::new(61, build).by_row()
}

pub(super) fn weights_f16() -> Case {
    gelu().stored(DType::F16)
}

pub(super) fn weights_bf16() -> Case {
    gelu().stored(DType::Bf16)
}
