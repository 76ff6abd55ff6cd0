//! Tensors in host memory: what goes into a run and comes out of it. No arithmetic.

use crate::{DType, Shape};

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

    /// Whether the data can stand for a tensor of `shape` and `dtype`. Doubles may stand for f32 and for a stream (the oracle).
    pub fn fits(&self, shape: Shape, dtype: DType) -> bool {
        let kind = matches!(
            (&self.data, dtype),
            (HostData::F32(_) | HostData::F64(_), DType::F32)
                | (HostData::U32(_), DType::U32)
                | (HostData::I32(_) | HostData::F64(_), DType::Fixed { .. })
        );
        kind && self.shape == shape && self.elements() == shape.elements()
    }

    /// The elements as words of four bytes, if they fit a tensor of `shape` and `dtype` and have four bytes: doubles don't.
    pub fn words(&self, shape: Shape, dtype: DType) -> Option<&[u32]> {
        if !self.fits(shape, dtype) {
            return None;
        }
        match &self.data {
            HostData::F32(data) => Some(bytemuck::cast_slice(data)),
            HostData::U32(data) => Some(data),
            HostData::I32(data) => Some(bytemuck::cast_slice(data)),
            HostData::F64(_) => None,
        }
    }

    /// A tensor of `dtype` from such words.
    pub fn from_words(shape: Shape, dtype: DType, words: Vec<u32>) -> Self {
        match dtype {
            DType::F32 => Self::f32(shape, bytemuck::cast_vec(words)),
            DType::U32 => Self::u32(shape, words),
            DType::Fixed { .. } => Self::i32(shape, bytemuck::cast_vec(words)),
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
                    DType::F32 | DType::U32 => 1.0,
                };
                data.iter().map(|&x| f64::from(x) * unit).collect()
            }
        }
    }
}
