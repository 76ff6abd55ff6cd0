//! Tensors in host memory: what goes into a run and comes out of it. No arithmetic.

use crate::{DType, Shape};
use half::{bf16, f16};
use std::borrow::Cow;

/// The elements of a [`HostTensor`].
#[derive(Clone, Debug, PartialEq)]
pub enum HostData {
    /// Single precision.
    F32(Vec<f32>),
    /// Double precision: what the oracle hands out.
    F64(Vec<f64>),
    /// Unsigned integers.
    U32(Vec<u32>),
    /// Fixed-point integers, in the unit that the tensor's [`DType::Fixed`] names.
    I32(Vec<i32>),
}

/// A tensor in host memory, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct HostTensor {
    /// Its dimensions.
    pub shape: Shape,
    /// Its elements.
    pub data: HostData,
}

impl HostTensor {
    /// A tensor of f32.
    pub fn f32(shape: Shape, data: Vec<f32>) -> Self {
        Self { shape, data: HostData::F32(data) }
    }

    /// A tensor of u32.
    pub fn u32(shape: Shape, data: Vec<u32>) -> Self {
        Self { shape, data: HostData::U32(data) }
    }

    /// A tensor of f64.
    pub fn f64(shape: Shape, data: Vec<f64>) -> Self {
        Self { shape, data: HostData::F64(data) }
    }

    /// A tensor of fixed-point integers.
    pub fn i32(shape: Shape, data: Vec<i32>) -> Self {
        Self { shape, data: HostData::I32(data) }
    }

    /// The number of elements that are there.
    pub fn elements(&self) -> usize {
        match &self.data {
            HostData::F32(data) => data.len(),
            HostData::F64(data) => data.len(),
            HostData::U32(data) => data.len(),
            HostData::I32(data) => data.len(),
        }
    }

    /// What it is in words, for messages: `f32 [2, 8] with 16 elements`.
    pub fn describe(&self) -> String {
        let kind = match &self.data {
            HostData::F32(_) => "f32",
            HostData::F64(_) => "f64",
            HostData::U32(_) => "u32",
            HostData::I32(_) => "i32",
        };
        format!("{kind} {} with {} elements", self.shape, self.elements())
    }

    /// Whether the data can stand for a tensor of `shape` and `dtype`. Doubles may stand for f32 and for a stream (the oracle), and
    /// either for halves, to which it is rounded.
    pub fn fits(&self, shape: Shape, dtype: DType) -> bool {
        let kind = matches!(
            (&self.data, dtype),
            (HostData::F32(_) | HostData::F64(_), DType::F32 | DType::F16 | DType::Bf16)
                | (HostData::U32(_), DType::U32)
                | (HostData::I32(_) | HostData::F64(_), DType::Fixed { .. })
        );
        kind && self.shape == shape && self.elements() == shape.elements()
    }

    /// The elements as a backend keeps a tensor of `shape` and `dtype`, if they fit it; doubles fit none. Halves are rounded from
    /// f32 as by [`crate::op::Cast`], two a word; the upper half of an odd last word is zero.
    pub fn words(&self, shape: Shape, dtype: DType) -> Option<Cow<'_, [u32]>> {
        if !self.fits(shape, dtype) {
            return None;
        }
        match (&self.data, dtype) {
            (HostData::F32(data), DType::F16) => Some(halves(data, |x| f16::from_f32(x).to_bits()).into()),
            (HostData::F32(data), DType::Bf16) => Some(halves(data, |x| bf16::from_f32(x).to_bits()).into()),
            (HostData::F32(data), _) => Some(bytemuck::cast_slice(data).into()),
            (HostData::U32(data), _) => Some(data.into()),
            (HostData::I32(data), _) => Some(bytemuck::cast_slice(data).into()),
            (HostData::F64(_), _) => None,
        }
    }

    /// A tensor of `dtype` from such words; halves become f32.
    pub fn from_words(shape: Shape, dtype: DType, words: Vec<u32>) -> Self {
        match dtype {
            DType::F32 => Self::f32(shape, bytemuck::cast_vec(words)),
            DType::U32 => Self::u32(shape, words),
            DType::Fixed { .. } => Self::i32(shape, bytemuck::cast_vec(words)),
            DType::F16 => Self::f32(shape, singles(&words, shape, |bits| f16::from_bits(bits).to_f32())),
            DType::Bf16 => Self::f32(shape, singles(&words, shape, |bits| bf16::from_bits(bits).to_f32())),
        }
    }

    /// The elements as f32, where they are.
    pub fn as_f32(&self) -> Option<&[f32]> {
        match &self.data {
            HostData::F32(data) => Some(data),
            _ => None,
        }
    }

    /// The elements as u32, where they are.
    pub fn as_u32(&self) -> Option<&[u32]> {
        match &self.data {
            HostData::U32(data) => Some(data),
            _ => None,
        }
    }

    /// The elements as fixed-point integers, where they are.
    pub fn as_i32(&self) -> Option<&[i32]> {
        match &self.data {
            HostData::I32(data) => Some(data),
            _ => None,
        }
    }

    /// Every element as a double; fixed-point integers are scaled by their unit, 2^-`fraction_bits`.
    pub fn to_f64(&self, dtype: DType) -> Vec<f64> {
        match &self.data {
            HostData::F32(data) => data.iter().map(|&x| f64::from(x)).collect(),
            HostData::F64(data) => data.clone(),
            HostData::U32(data) => data.iter().map(|&x| f64::from(x)).collect(),
            HostData::I32(data) => {
                let unit = match dtype {
                    DType::Fixed { fraction_bits } => 0.5f64.powi(i32::from(fraction_bits)),
                    DType::F32 | DType::U32 | DType::F16 | DType::Bf16 => 1.0,
                };
                data.iter().map(|&x| f64::from(x) * unit).collect()
            }
        }
    }
}

fn halves(data: &[f32], round: impl Fn(f32) -> u16) -> Vec<u32> {
    let pair = |pair: &[f32]| {
        let [low, high] = [pair.first(), pair.get(1)].map(|x| x.map_or(0, |&x| u32::from(round(x))));
        low | high << 16
    };
    data.chunks(2).map(pair).collect()
}

fn singles(words: &[u32], shape: Shape, widen: impl Fn(u16) -> f32) -> Vec<f32> {
    let elements = words.iter().flat_map(|&word| [word as u16, (word >> 16) as u16]);
    elements.take(shape.elements()).map(widen).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shape;

    /// Ties go to even, what is too large becomes infinite, and an odd element has a word of its own.
    #[test]
    fn halves_are_rounded_and_packed() {
        let numbers = [1.0, 1.0 + 0.5f32.powi(11), 1.0 + 1.5 * 0.5f32.powi(10), 70_000.0, -0.5f32.powi(25)];
        let tensor = HostTensor::f32(shape![5], numbers.to_vec());
        for (dtype, expected) in [
            (DType::F16, [1.0, 1.0, 1.0 + 0.5f32.powi(9), f32::INFINITY, -0.0]),
            (DType::Bf16, [1.0, 1.0, 1.0, 70_144.0, -0.5f32.powi(25)]),
        ] {
            let words = tensor.words(shape![5], dtype).unwrap();
            assert_eq!((words.len(), dtype.words(5), words[2] >> 16), (3, 3, 0));
            let back = HostTensor::from_words(shape![5], dtype, words.into_owned());
            let bits = |numbers: &[f32]| numbers.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(back.as_f32().unwrap()), bits(&expected), "{dtype}");
        }
        let doubles = HostTensor::f64(shape![1], vec![1.0]);
        assert!(doubles.fits(shape![1], DType::F16) && doubles.words(shape![1], DType::F16).is_none());
    }
}
