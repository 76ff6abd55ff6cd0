//! Cases of `cast`.

use crate::case::Case;
use crate::fixture::Expectation;
use reformer_tensor::{DType, HostTensor, shape};

fn case(dtype: DType, numbers: impl Fn(usize) -> Vec<f32> + 'static, rows: usize, columns: usize) -> Case {
    let build = move |fixture: &mut crate::Fixture| {
        let weight =
            fixture.state("weight", HostTensor::f32(shape![rows, columns], numbers(rows * columns)), DType::F32);
        let half = fixture.program.cast(weight, dtype);
        fixture.output("half", half, Expectation::Exact);
    };
    Case::new(1, build)
}

fn normal(count: usize) -> Vec<f32> {
    reformer_tensor::Key::from_seed(7).normal(count)
}

/// Around the limits of a type of `fraction` bits whose numbers go from 2^`least` up to below 2^`most`: ties to either side, what
/// is too large or too small, and numbers with fewer bits than the others.
fn limits(fraction: i32, least: i32, most: i32, count: usize) -> Vec<f32> {
    let (unit, least, most) = (2f64.powi(-fraction), 2f64.powi(least), 2f64.powi(most));
    let ties = [0.5, 1.5, 2.5, 0.5 + 1e-3, 1.5 - 1e-3].map(|units| 1.0 + units * unit);
    let small = [0.25, 0.5, 0.500_1, 1.0, 1.5, 2.5, 100.5].map(|units| units * unit * least);
    let large = [1.0 - unit / 2.0, 1.0 - unit / 4.0, 1.0 - unit / 8.0].map(|share| share * most);
    let numbers = ties.into_iter().chain(small).chain(large).chain([0.0, least, f64::INFINITY]);
    let both = numbers.flat_map(|x| [x as f32, -x as f32]);
    both.cycle().take(count).collect()
}

pub(super) fn one_number() -> Case {
    case(DType::F16, normal, 1, 1)
}

pub(super) fn odd_f16() -> Case {
    case(DType::F16, normal, 7, 13)
}

pub(super) fn odd_bf16() -> Case {
    case(DType::Bf16, normal, 7, 13)
}

pub(super) fn limits_f16() -> Case {
    case(DType::F16, |count| limits(10, -14, 16, count), 4, 9)
}

pub(super) fn limits_bf16() -> Case {
    case(DType::Bf16, |count| limits(7, -126, 128, count), 4, 9)
}

/// Several pieces for threads, and an odd number.
pub(super) fn many() -> Case {
    case(DType::Bf16, normal, 131, 241)
}
