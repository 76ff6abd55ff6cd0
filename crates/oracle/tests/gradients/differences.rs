//! Differences of a forward op against its gradient op, and the sizes and operands that all of them share. No test lives here.

use reformer_conformance::{Expectation, Fixture, Results};
use reformer_oracle::Oracle;
use reformer_tensor::{
    Backend, Checks, DType, Dropout, HeadRange, HostData, HostTensor, Plan, PlanOptions, Shape, Tensor,
};

/// Step of the differences: with five points their error is of order step⁴, 10⁻¹⁶, and rounding adds some 10⁻¹⁶/step.
pub const STEP: f64 = 1e-4;
/// Of the operand's largest gradient. Measured: below 8·10⁻¹¹ everywhere; a wrong term is of order 1.
pub const ALLOWED: f64 = 1e-9;
/// Elements of an operand that are moved, spread over it.
pub const MOVED: usize = 40;
pub const SEED: u64 = 7;
/// With this one no hidden unit lies within a few steps of ReLU's corner.
pub const RELU_SEED: u64 = 8;
pub const ROWS: usize = 13;
pub const WIDTH: usize = 10;
/// Two heads in the middle of four.
pub const HEADS: HeadRange = HeadRange { first: 1, count: 2, width: 6 };
pub const ALL_HEADS: usize = 4;
/// The name of a cotangent that is 1 everywhere.
pub const ONES: &str = "ones";
pub const DROP: Dropout = Dropout { rate: 0.1, site: 5 };

/// Runs a fixture on the oracle, operands as doubles.
pub fn run(fixture: &Fixture) -> Results {
    let plan = Plan::new(&fixture.program, &PlanOptions::default()).unwrap();
    let oracle = Oracle::new();
    let mut store = oracle.store();
    plan.declare_states(store.as_mut()).unwrap();
    for (name, tensor) in &fixture.states {
        store.write(name, tensor).unwrap();
    }
    let mut prepared = oracle.prepare(plan, Checks::Off).unwrap();
    let mut results = prepared.run(store.as_mut(), &fixture.inputs).unwrap();
    results.extend(fixture.states.keys().map(|name| (name.clone(), store.read(name).unwrap())));
    results
}

pub fn doubles(tensor: &HostTensor) -> Vec<f64> {
    match &tensor.data {
        HostData::F32(data) => data.iter().map(|&x| f64::from(x)).collect(),
        HostData::F64(data) => data.clone(),
        HostData::U32(_) | HostData::I32(_) => panic!("no gradient passes through integers"),
    }
}

/// A forward op and its gradient, recorded over operands of the same names.
pub struct Pair {
    /// Inputs and states that are differentiated by.
    pub operands: &'static [&'static str],
    /// Records the forward op; its results with the names of their cotangents.
    pub forward: fn(&mut Fixture) -> Vec<(Tensor, &'static str)>,
    /// Records the gradient op, whose results are outputs or states `d <operand>`.
    pub backward: fn(&mut Fixture),
}

/// The fixed numbers that a result is multiplied by to make a loss.
pub fn cotangent(fixture: &Fixture, name: &str, shape: Shape) -> HostTensor {
    // The gradient of head_loss is that of the plain sum.
    if name == ONES {
        HostTensor::f32(shape, vec![1.0; shape.elements()])
    } else {
        fixture.normal(name, shape, 0.0, 1.0)
    }
}

pub fn cotangent_input(fixture: &mut Fixture, name: &str, shape: Shape) -> Tensor {
    let tensor = cotangent(fixture, name, shape);
    fixture.input(name, tensor, DType::F32)
}

/// A state of zeros that a gradient is summed in.
pub fn sum(fixture: &mut Fixture, name: &str, shape: Shape) -> Tensor {
    fixture.state(name, HostTensor::f32(shape, vec![0.0; shape.elements()]), DType::F32)
}

pub fn output(fixture: &mut Fixture, name: &str, tensor: Tensor) {
    fixture.output(name, tensor, Expectation::Judged);
}

// `cargo test -- --nocapture` shows how close they are.
#[allow(clippy::print_stdout)]
pub fn check(name: &str, seed: u64, pair: &Pair) {
    let mut fixture = Fixture::new(seed, ROWS);
    let results = (pair.forward)(&mut fixture);
    let mut cotangents = Vec::new();
    for (number, (tensor, cotangent_name)) in results.into_iter().enumerate() {
        let result = format!("result {number}");
        cotangents.push((result.clone(), doubles(&cotangent(&fixture, cotangent_name, tensor.shape))));
        output(&mut fixture, &result, tensor);
    }
    let loss = |fixture: &Fixture| -> f64 {
        let results = run(fixture);
        let products = cotangents.iter().flat_map(|(result, cotangent)| {
            doubles(&results[result]).into_iter().zip(cotangent).map(|(x, c)| x * c).collect::<Vec<f64>>()
        });
        products.sum()
    };
    let mut gradient = Fixture::new(seed, ROWS);
    (pair.backward)(&mut gradient);
    let gradients = run(&gradient);
    for operand in pair.operands {
        let analytic = doubles(&gradients[&format!("d {operand}")]);
        let largest = analytic.iter().fold(0.0f64, |most, x| most.max(x.abs()));
        assert!(largest > 1e-3, "{name}: the gradient of `{operand}` is {largest:e}: nothing is tested");
        let place = |fixture: &mut Fixture| -> HostTensor {
            fixture.states.get(*operand).or_else(|| fixture.inputs.get(*operand)).unwrap().clone()
        };
        let original = place(&mut fixture);
        let numbers = doubles(&original);
        assert_eq!(numbers.len(), analytic.len(), "{name}: `d {operand}` has another shape");
        let mut worst = 0.0f64;
        for at in (0..numbers.len()).step_by(numbers.len().div_ceil(MOVED)) {
            let mut at_step = |steps: f64| {
                let mut moved = numbers.clone();
                moved[at] += steps * STEP;
                put(&mut fixture, operand, HostTensor::f64(original.shape, moved));
                loss(&fixture)
            };
            let slope = (8.0 * (at_step(1.0) - at_step(-1.0)) - (at_step(2.0) - at_step(-2.0))) / (12.0 * STEP);
            let error = (slope - analytic[at]).abs() / largest;
            worst = worst.max(error);
            assert!(
                error <= ALLOWED,
                "{name}: the gradient of `{operand}` at {:?} is {:.9e}, differences give {slope:.9e}: {error:.1e} of the largest, {largest:.1e}",
                original.shape.index_of(at),
                analytic[at],
            );
        }
        put(&mut fixture, operand, original);
        println!("{name}: `{operand}` within {worst:.1e} of differences, relative to the largest");
    }
}

pub fn put(fixture: &mut Fixture, operand: &str, tensor: HostTensor) {
    let of = if fixture.states.contains_key(operand) { &mut fixture.states } else { &mut fixture.inputs };
    of.insert(operand.to_owned(), tensor);
}
