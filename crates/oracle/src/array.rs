//! Values in memory and their way to and from host tensors. No formulas.

use reformer_tensor::{DType, HostData, HostTensor, Shape};

/// The elements of an [`Array`].
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Data {
    /// `DType::F32`, streams of that type, and halves, which hold only what their type has.
    Real(Vec<f64>),
    /// `DType::U32`.
    Integer(Vec<u32>),
    /// `DType::Fixed`: integers in the stream's unit.
    Fixed(Vec<i32>),
}

/// A value of a program, row-major.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Array {
    pub shape: Shape,
    pub dtype: DType,
    pub data: Data,
}

impl Array {
    /// What states start as.
    pub fn zeros(shape: Shape, dtype: DType) -> Self {
        Self::filled(shape, dtype, 0.0, 0)
    }

    /// What a value holds before its op writes it: NaN, or an impossible index. Streams have no such value.
    pub fn unwritten(shape: Shape, dtype: DType) -> Self {
        Self::filled(shape, dtype, f64::NAN, u32::MAX)
    }

    fn filled(shape: Shape, dtype: DType, real: f64, integer: u32) -> Self {
        let count = shape.elements();
        let data = match dtype {
            DType::F32 | DType::F16 | DType::Bf16 => Data::Real(vec![real; count]),
            DType::U32 => Data::Integer(vec![integer; count]),
            DType::Fixed { .. } => Data::Fixed(vec![0; count]),
        };
        Self { shape, dtype, data }
    }

    /// From a host tensor; `None` if it can't stand for (shape, dtype), or holds doubles that the stream's unit can't.
    pub fn from_host(tensor: &HostTensor, shape: Shape, dtype: DType) -> Option<Self> {
        if !tensor.fits(shape, dtype) {
            return None;
        }
        let data = match (&tensor.data, dtype) {
            (HostData::F32(data), DType::F16 | DType::Bf16) => {
                Data::Real(data.iter().map(|&x| round(f64::from(x), dtype)).collect())
            }
            (HostData::F64(data), DType::F16 | DType::Bf16) => {
                Data::Real(data.iter().map(|&x| round(x, dtype)).collect())
            }
            (HostData::F32(data), _) => Data::Real(data.iter().map(|&x| f64::from(x)).collect()),
            (HostData::F64(data), DType::Fixed { fraction_bits }) => {
                let unit = 0.5f64.powi(i32::from(fraction_bits));
                let units = data.iter().map(|&x| integer((x / unit).round_ties_even()));
                Data::Fixed(units.collect::<Option<_>>()?)
            }
            (HostData::F64(data), _) => Data::Real(data.clone()),
            (HostData::U32(data), _) => Data::Integer(data.clone()),
            (HostData::I32(data), _) => Data::Fixed(data.clone()),
        };
        Some(Self { shape, dtype, data })
    }

    /// A copy in host memory; streams as real values.
    pub fn to_host(&self) -> HostTensor {
        match &self.data {
            Data::Real(data) => HostTensor::f64(self.shape, data.clone()),
            Data::Integer(data) => HostTensor::u32(self.shape, data.clone()),
            Data::Fixed(data) => {
                let unit = self.unit();
                HostTensor::f64(self.shape, data.iter().map(|&x| f64::from(x) * unit).collect())
            }
        }
    }

    /// 2^-fraction_bits; 1 where the type has no unit.
    pub fn unit(&self) -> f64 {
        match self.dtype {
            DType::Fixed { fraction_bits } => 0.5f64.powi(i32::from(fraction_bits)),
            DType::F32 | DType::U32 | DType::F16 | DType::Bf16 => 1.0,
        }
    }

    pub fn real(&self) -> &[f64] {
        match &self.data {
            Data::Real(data) => data,
            Data::Integer(_) | Data::Fixed(_) => unreachable!("recording checked that the operand is f32"),
        }
    }

    pub fn real_mut(&mut self) -> &mut [f64] {
        match &mut self.data {
            Data::Real(data) => data,
            Data::Integer(_) | Data::Fixed(_) => unreachable!("recording checked that the operand is f32"),
        }
    }

    pub fn integer(&self) -> &[u32] {
        match &self.data {
            Data::Integer(data) => data,
            Data::Real(_) | Data::Fixed(_) => unreachable!("recording checked that the operand is u32"),
        }
    }

    pub fn integer_mut(&mut self) -> &mut [u32] {
        match &mut self.data {
            Data::Integer(data) => data,
            Data::Real(_) | Data::Fixed(_) => unreachable!("recording checked that the operand is u32"),
        }
    }
}

fn integer(value: f64) -> Option<i32> {
    (value >= f64::from(i32::MIN) && value <= f64::from(i32::MAX)).then_some(value as i32)
}

/// The nearest number that a type of halves has, ties to the even one: it has `fraction` bits, of which fewer are left below
/// 2^`least`, and none above `largest`.
pub(crate) fn round(x: f64, dtype: DType) -> f64 {
    let (fraction, least, largest) = match dtype {
        DType::F16 => (10, -14, 65_504.0),
        DType::Bf16 => (7, -126, (2.0 - 0.5f64.powi(7)) * 2f64.powi(127)),
        DType::F32 | DType::U32 | DType::Fixed { .. } => return x,
    };
    if x == 0.0 || !x.is_finite() {
        return x;
    }
    let exponent = (x.abs().log2().floor() as i32).max(least);
    let unit = 2f64.powi(exponent - fraction);
    let rounded = (x / unit).round_ties_even() * unit;
    if rounded.abs() > largest { f64::INFINITY.copysign(x) } else { rounded }
}
