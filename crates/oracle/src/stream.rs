//! Residual streams: rows as numbers, and shares rounded to the unit, ties to even, and added as integers. A stream of f32
//! is a row of doubles and rounds nothing.

use crate::array::{Array, Data};
use crate::fault::Fault;
use reformer_tensor::{DType, Direction};

/// Row `row` of the stream as real values.
pub(crate) fn row(stream: &Array, row: usize) -> Vec<f64> {
    let width = stream.shape.dim(1);
    let range = row * width..(row + 1) * width;
    match &stream.data {
        Data::Real(data) => data[range].to_vec(),
        Data::Fixed(data) => data[range].iter().map(|&x| f64::from(x) * stream.unit()).collect(),
        Data::Integer(_) => unreachable!("recording checked that the operand is a stream"),
    }
}

/// Adds a share to row `row`, or takes it off. Sums wrap around: shares that are added and taken off again leave no trace.
pub(crate) fn add(stream: &mut Array, row: usize, share: &[f64], direction: Direction) -> Result<(), Fault> {
    let unit = stream.unit();
    let limit = match stream.dtype {
        DType::Fixed { .. } => 2f64.powi(31) * unit,
        DType::F32 | DType::U32 | DType::F16 | DType::Bf16 => f64::INFINITY,
    };
    let range = row * share.len()..(row + 1) * share.len();
    for &value in share {
        // The rounded share must fit, too; NaN fails every comparison.
        let fits = value.abs() < limit && (limit == f64::INFINITY || (value / unit).round_ties_even() < 2f64.powi(31));
        if !fits {
            return Err(Fault::Range { value, limit });
        }
    }
    match &mut stream.data {
        Data::Real(data) => {
            for (sum, &value) in data[range].iter_mut().zip(share) {
                match direction {
                    Direction::Forward => *sum += value,
                    Direction::Reverse => *sum -= value,
                }
            }
        }
        Data::Fixed(data) => {
            for (sum, &value) in data[range].iter_mut().zip(share) {
                let units = (value / unit).round_ties_even() as i32;
                *sum = match direction {
                    Direction::Forward => sum.wrapping_add(units),
                    Direction::Reverse => sum.wrapping_sub(units),
                };
            }
        }
        Data::Integer(_) => unreachable!("recording checked that the operand is a stream"),
    }
    Ok(())
}
