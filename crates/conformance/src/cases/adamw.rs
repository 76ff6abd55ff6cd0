//! Cases of `adamw`.

use crate::case::Case;
use crate::fixture::{Expectation, Fixture};
use crate::tolerance::Tolerance;
use reformer_tensor::op::AdamW;
use reformer_tensor::{DType, HostData, HostTensor, shape};

/// Both moments, their corrections, root, quotient, decay and difference.
const ROUNDINGS: usize = 16;
const OP: AdamW = AdamW { beta1: 0.9, beta2: 0.98, epsilon: 1e-8, decay: 0.01 };
const RATE: f32 = 3e-3;

/// `step` counts from 1; `clip` 0 is none.
fn case(rows: usize, op: AdamW, step: i32, norm: f32, clip: f32) -> Case {
    Case::new(rows, move |fixture: &mut Fixture| {
        let shape = shape![rows, 17];
        let norm = fixture.input("norm", HostTensor::f32(shape![1], vec![norm]), DType::F32);
        let schedule = vec![RATE, 1.0 - op.beta1.powi(step), 1.0 - op.beta2.powi(step), clip];
        let schedule = fixture.input("schedule", HostTensor::f32(shape![4], schedule), DType::F32);
        let tolerance = Tolerance::row(ROUNDINGS, "the step's sixteen operations (docs/numerics.md, adamw)");
        let parameter = fixture.sum("parameter", shape, tolerance.clone());
        let first = fixture.sum("first moment", shape, tolerance.clone());
        let mut tensor = fixture.normal("second moment", shape, 0.0, 1.0);
        if let HostData::F32(data) = &mut tensor.data {
            data.iter_mut().for_each(|x| *x *= *x);
        }
        let second = fixture.state("second moment", tensor, DType::F32);
        fixture.updated("second moment", DType::F32, tolerance);
        let gradient = fixture.sum("gradient", shape, Expectation::Exact);
        fixture.program.adamw(op, norm, schedule, parameter, [first, second], gradient);
    })
}

pub(super) fn first_step() -> Case {
    case(17, OP, 1, 0.5, 1.0)
}

pub(super) fn clipped() -> Case {
    case(61, OP, 100, 7.0, 1.0)
}

pub(super) fn no_decay() -> Case {
    case(1, AdamW { decay: 0.0, ..OP }, 10, 7.0, 0.0)
}

pub(super) fn many() -> Case {
    case(1031, OP, 1000, 3.0, 2.5)
}
