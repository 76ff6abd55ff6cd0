//! Element types. Storage types for weights (bf16, f16) will join here; arithmetic is always f32.

use crate::Shape;
use std::fmt;

/// The type of a tensor's elements. All take four bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum DType {
    /// IEEE single precision.
    F32,
    /// Unsigned 32-bit integer: tokens, positions, buckets, slots, keys.
    U32,
    /// A residual stream: i32 in units of 2^-`fraction_bits`. Sums are exact, associative and invertible.
    Fixed {
        /// The unit's exponent: the value is `integer · 2^-fraction_bits`.
        fraction_bits: u8,
    },
}

impl DType {
    /// The streams' type with the unit that the design chose: 2⁻¹⁹, so a range of ±4096.
    pub const STREAM: DType = DType::Fixed { fraction_bits: 19 };

    /// Bytes of one element.
    pub fn bytes(self) -> usize {
        4
    }

    /// A tensor of this type and shape in words, for messages: `f32 [2, 8]`.
    pub fn describe(self, shape: Shape) -> String {
        format!("{self} {shape}")
    }

    /// Whether a residual stream may have this type. Streams in plain f32 exist to show what fixed point buys,
    /// and to take finite differences without rounding.
    pub fn is_stream(self) -> bool {
        matches!(self, DType::F32 | DType::Fixed { .. })
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DType::F32 => f.write_str("f32"),
            DType::U32 => f.write_str("u32"),
            DType::Fixed { fraction_bits } => write!(f, "fixed{fraction_bits}"),
        }
    }
}
