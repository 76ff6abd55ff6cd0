//! Comparing results and saying what is wrong with them.

use crate::tolerance::Tolerance;
use reformer_tensor::{HostData, HostTensor};
use std::fmt::Write;

/// Offenders that a failure lists, worst first.
const LISTED: usize = 5;

/// What passed, for reports.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Passed {
    /// Values compared.
    pub values: usize,
    /// The largest error in units of its allowance.
    pub worst: f64,
}

impl Passed {
    /// Both together.
    pub fn and(self, other: Passed) -> Passed {
        Passed { values: self.values + other.values, worst: self.worst.max(other.worst) }
    }
}

/// The elements as doubles; fixed-point ones are multiplied by `unit`.
pub(crate) fn reals(tensor: &HostTensor, unit: f64) -> Vec<f64> {
    match &tensor.data {
        HostData::F32(data) => data.iter().map(|&x| f64::from(x)).collect(),
        HostData::F64(data) => data.clone(),
        HostData::U32(data) => data.iter().map(|&x| f64::from(x)).collect(),
        HostData::I32(data) => data.iter().map(|&x| f64::from(x) * unit).collect(),
    }
}

/// Compares with an allowance; a value passes iff its error is at most its allowance, so NaN fails.
pub(crate) fn within(
    name: &str,
    got: &HostTensor,
    oracle: &HostTensor,
    unit: f64,
    tolerance: &Tolerance,
) -> Result<Passed, String> {
    same_shape(name, got, oracle)?;
    let (values, expected) = (reals(got, unit), reals(oracle, unit));
    let allowances = tolerance.allowances(&expected, oracle);
    let mut offenders = Vec::new();
    let mut worst = 0.0f64;
    for (at, ((&value, &expected), &allowed)) in values.iter().zip(&expected).zip(&allowances).enumerate() {
        let error = (value - expected).abs();
        if error <= allowed {
            // Nothing is compared with nothing: 0 of 0 is no error.
            worst = worst.max(if error > 0.0 { error / allowed } else { 0.0 });
        } else {
            offenders.push((at, if error.is_nan() { f64::INFINITY } else { error / allowed }));
        }
    }
    if offenders.is_empty() {
        return Ok(Passed { values: values.len(), worst });
    }
    offenders.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    let mut text = format!(
        "  `{name}` {}: {} of {} values outside the allowance, worst first\n",
        got.shape,
        offenders.len(),
        values.len()
    );
    for &(at, times) in offenders.iter().take(LISTED) {
        let (value, expected, allowed) = (values[at], expected[at], allowances[at]);
        let place = got.shape.index_of(at);
        if value.is_nan() {
            writeln!(text, "    at {place:?}   got NaN: never written, or made of NaN   oracle {expected:.6e}")
        } else {
            let error = (value - expected).abs();
            writeln!(
                text,
                "    at {place:?}   got {value:.6e}   oracle {expected:.6e}   error {error:.1e}   allowed {allowed:.1e}   ({times:.1} times)"
            )
        }
        .expect("writing to a string does not fail");
    }
    write!(text, "  allowance: {}", tolerance.reason).expect("writing to a string does not fail");
    Err(text)
}

/// Compares element for element; integers, and sums that f32 does without rounding.
pub(crate) fn exact(name: &str, got: &HostTensor, oracle: &HostTensor, unit: f64) -> Result<Passed, String> {
    same_shape(name, got, oracle)?;
    let (values, expected) = (reals(got, unit), reals(oracle, unit));
    let equal = |at: &usize| values[*at] == expected[*at];
    let offenders: Vec<usize> = (0..values.len()).filter(|at| !equal(at)).collect();
    let Some(&first) = offenders.first() else { return Ok(Passed { values: values.len(), worst: 0.0 }) };
    Err(format!(
        "  `{name}` {}: {} of {} values differ, first at {:?}: got {}, oracle {}; these are exact",
        got.shape,
        offenders.len(),
        values.len(),
        got.shape.index_of(first),
        values[first],
        expected[first]
    ))
}

/// Compares bits of two results of one backend.
pub(crate) fn same_bits(name: &str, got: &HostTensor, expected: &HostTensor) -> Result<(), String> {
    same_shape(name, got, expected)?;
    let (left, right) = (bits(got), bits(expected));
    let different = left.iter().zip(&right).filter(|(a, b)| a != b).count();
    let Some(first) = left.iter().zip(&right).position(|(a, b)| a != b) else { return Ok(()) };
    let (values, others) = (reals(got, 1.0), reals(expected, 1.0));
    Err(format!(
        "  `{name}` {}: the bits of {different} of {} values differ, first at {:?}: {:e} against {:e}",
        got.shape,
        left.len(),
        got.shape.index_of(first),
        values[first],
        others[first]
    ))
}

fn bits(tensor: &HostTensor) -> Vec<u64> {
    match &tensor.data {
        HostData::F32(data) => data.iter().map(|x| u64::from(x.to_bits())).collect(),
        HostData::F64(data) => data.iter().map(|x| x.to_bits()).collect(),
        HostData::U32(data) => data.iter().map(|&x| u64::from(x)).collect(),
        HostData::I32(data) => data.iter().map(|&x| u64::from(x as u32)).collect(),
    }
}

fn same_shape(name: &str, got: &HostTensor, expected: &HostTensor) -> Result<(), String> {
    if got.shape == expected.shape && got.elements() == expected.elements() {
        return Ok(());
    }
    Err(format!(
        "  `{name}` is {} with {} elements, expected {} with {}",
        got.shape,
        got.elements(),
        expected.shape,
        expected.elements()
    ))
}

/// The first rows of a result, where `prefix` has fewer of them than `full`: what the prefix should be.
pub(crate) fn first_rows(full: &HostTensor, prefix: &HostTensor) -> Option<HostTensor> {
    let (long, short) = (full.shape.dims(), prefix.shape.dims());
    let axis = long.iter().zip(short).position(|(a, b)| a != b)?;
    let inner: usize = long[axis + 1..].iter().product();
    let keep = short[axis] * inner;
    let chunk = (long[axis] * inner).max(1);
    fn cut<T: Copy>(data: &[T], chunk: usize, keep: usize) -> Vec<T> {
        data.chunks(chunk).flat_map(|chunk| chunk[..keep].iter().copied()).collect()
    }
    let data = match &full.data {
        HostData::F32(data) => HostData::F32(cut(data, chunk, keep)),
        HostData::F64(data) => HostData::F64(cut(data, chunk, keep)),
        HostData::U32(data) => HostData::U32(cut(data, chunk, keep)),
        HostData::I32(data) => HostData::I32(cut(data, chunk, keep)),
    };
    Some(HostTensor { shape: prefix.shape, data })
}
