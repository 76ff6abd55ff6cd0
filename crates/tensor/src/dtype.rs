//! Element types. Halves are for storing weights alone: arithmetic is always f32.

use crate::Shape;
use std::fmt;

/// The type of a tensor's elements.
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
    /// IEEE half precision: weights as they are stored. Two elements a word, the first in the lower half.
    F16,
    /// The upper half of a single: weights as they are stored, two elements a word like [`DType::F16`].
    Bf16,
}

impl DType {
    /// The streams' type with the unit that the design chose: 2⁻¹⁹, so a range of ±4096.
    pub const STREAM: DType = DType::Fixed { fraction_bits: 19 };

    /// Words of four bytes that `elements` take.
    pub fn words(self, elements: usize) -> usize {
        if self.is_half() { elements.div_ceil(2) } else { elements }
    }

    /// Bytes that `elements` take: whole words.
    pub fn bytes(self, elements: usize) -> usize {
        4 * self.words(elements)
    }

    /// Whether two elements share a word.
    pub fn is_half(self) -> bool {
        matches!(self, DType::F16 | DType::Bf16)
    }

    /// Whether a weight of a product may have this type.
    pub fn is_weight(self) -> bool {
        self == DType::F32 || self.is_half()
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
            DType::F16 => f.write_str("f16"),
            DType::Bf16 => f.write_str("bf16"),
        }
    }
}
