//! What a case builds: a program, its inputs and states, and how each result is judged. Numbers are made here, seeded by name.

use crate::tolerance::Tolerance;
use reformer_tensor::{DType, HostTensor, Inputs, Key, Program, Shape, Tensor, shape};
use std::collections::BTreeMap;

/// Results of a run by name: outputs, and states after the run.
pub type Results = BTreeMap<String, HostTensor>;

/// A judge of results that belong together; says what is wrong, or how many values passed within rounding.
pub type Judge = Box<dyn Fn(&Results, &Results) -> Result<usize, String>>;

/// How a result is judged.
#[derive(Clone, PartialEq, Debug)]
pub enum Expectation {
    /// Equal to the oracle's.
    Exact,
    /// As near as this.
    Within(Tolerance),
    /// One of the case's judges looks at it.
    Judged,
}

impl From<Tolerance> for Expectation {
    fn from(tolerance: Tolerance) -> Self {
        Expectation::Within(tolerance)
    }
}

/// Where an operand that is updated comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Home {
    /// An input: the op works on a copy in a slot.
    Input,
    /// A state: the op works in place.
    State,
}

/// A program with everything it needs.
pub struct Fixture {
    /// What runs.
    pub program: Program,
    /// Its inputs.
    pub inputs: Inputs,
    /// Its states before the run.
    pub states: BTreeMap<String, HostTensor>,
    /// Rows of this build: the case's own, or a prefix of them.
    pub rows: usize,
    /// How each result is judged; a state that is not here may not change.
    pub expectations: BTreeMap<String, (Expectation, DType)>,
    /// Judges of results that belong together.
    pub judges: Vec<Judge>,
    /// As what weights of products are stored.
    pub stored: DType,
    key: Key,
}

impl Fixture {
    /// An empty one.
    pub fn new(seed: u64, rows: usize) -> Self {
        Self {
            program: Program::new(),
            inputs: Inputs::new(),
            states: BTreeMap::new(),
            rows,
            expectations: BTreeMap::new(),
            judges: Vec::new(),
            stored: DType::F32,
            key: Key::from_seed(seed),
        }
    }

    /// An empty one that makes the same numbers.
    pub fn again(&self) -> Self {
        Self { key: self.key, stored: self.stored, ..Self::new(0, self.rows) }
    }

    /// The random key of a name.
    pub fn key_of(&self, name: &str) -> Key {
        name.bytes().fold(self.key, |key, byte| key.fold_in(u32::from(byte)))
    }

    /// Normal numbers; a longer tensor of this name starts with the shorter one.
    pub fn normal(&self, name: &str, shape: Shape, mean: f32, deviation: f32) -> HostTensor {
        let numbers = self.key_of(name).normal(shape.elements());
        HostTensor::f32(shape, numbers.into_iter().map(|x| mean + deviation * x).collect())
    }

    /// An input.
    pub fn input(&mut self, name: &str, tensor: HostTensor, dtype: DType) -> Tensor {
        let recorded = self.program.input(name, tensor.shape, dtype);
        self.inputs.insert(name.to_owned(), tensor);
        recorded
    }

    /// A state.
    pub fn state(&mut self, name: &str, tensor: HostTensor, dtype: DType) -> Tensor {
        let recorded = self.program.state(name, tensor.shape, dtype);
        self.states.insert(name.to_owned(), tensor);
        recorded
    }

    /// An input of u32.
    pub fn integers(&mut self, name: &str, shape: Shape, data: Vec<u32>) -> Tensor {
        self.input(name, HostTensor::u32(shape, data), DType::U32)
    }

    /// An input `[rows, columns]` of normal numbers.
    pub fn activation(&mut self, name: &str, columns: usize, deviation: f32) -> Tensor {
        let tensor = self.normal(name, shape![self.rows, columns], 0.0, deviation);
        self.input(name, tensor, DType::F32)
    }

    /// A state that is only read, of normal numbers.
    pub fn parameter(&mut self, name: &str, shape: Shape, mean: f32, deviation: f32) -> Tensor {
        let tensor = self.normal(name, shape, mean, deviation);
        self.state(name, tensor, DType::F32)
    }

    /// A weight of a product, `[inputs, outputs]`, that keeps the size of what it multiplies.
    pub fn weight(&mut self, name: &str, inputs: usize, outputs: usize) -> Tensor {
        let numbers = self.normal(name, shape![inputs, outputs], 0.0, 1.0 / (inputs as f32).sqrt());
        self.state(name, numbers, self.stored)
    }

    /// A sum that is added to: a state that is not zero at first.
    pub fn sum(&mut self, name: &str, shape: Shape, expectation: impl Into<Expectation>) -> Tensor {
        let tensor = self.normal(name, shape, 0.0, 1.0);
        let recorded = self.state(name, tensor, DType::F32);
        self.updated(name, recorded.dtype, expectation);
        recorded
    }

    /// A residual stream `[rows, width]` of normal numbers, in the unit of its type.
    pub fn stream(&mut self, name: &str, width: usize, dtype: DType, home: Home) -> Tensor {
        let numbers = self.normal(name, shape![self.rows, width], 0.3, 1.0);
        let tensor = as_stream(numbers, dtype);
        match home {
            Home::Input => self.input(name, tensor, dtype),
            Home::State => self.state(name, tensor, dtype),
        }
    }

    /// The two words of a run's random key.
    pub fn random_key(&mut self) -> Tensor {
        let words = self.key_of("the run's key").0.to_vec();
        self.integers("key", shape![2], words)
    }

    /// `rows` random integers below `below`, each from its row alone.
    pub fn choices(&self, name: &str, rows: usize, below: usize) -> Vec<u32> {
        let key = self.key_of(name);
        (0..rows as u64).map(|row| (key.uniform(row) * below as f64) as u32).collect()
    }

    /// Hands `tensor` back as `name`.
    pub fn output(&mut self, name: &str, tensor: Tensor, expectation: impl Into<Expectation>) {
        self.program.output(name, tensor);
        self.expectations.insert(name.to_owned(), (expectation.into(), tensor.dtype));
    }

    /// Says how the state `name` is judged after the run.
    pub fn updated(&mut self, name: &str, dtype: DType, expectation: impl Into<Expectation>) {
        self.expectations.insert(name.to_owned(), (expectation.into(), dtype));
    }

    /// Hands back a stream that was updated: as an output, or as the state that it is.
    pub fn updated_stream(&mut self, name: &str, new: Tensor, home: Home, expectation: impl Into<Expectation>) {
        match home {
            Home::Input => self.output(&format!("{name} after"), new, expectation),
            Home::State => self.updated(name, new.dtype, expectation),
        }
    }
}

/// f32 numbers as a stream of `dtype`.
pub fn as_stream(numbers: HostTensor, dtype: DType) -> HostTensor {
    match (dtype, numbers.as_f32()) {
        (DType::Fixed { fraction_bits }, Some(data)) => {
            let units = 2f64.powi(i32::from(fraction_bits));
            let data = data.iter().map(|&x| (f64::from(x) * units).round_ties_even() as i32).collect();
            HostTensor::i32(numbers.shape, data)
        }
        _ => numbers,
    }
}

/// The first row of each row's segment, for segments of these lengths; the last one takes all rows that are left.
pub fn segments(rows: usize, lengths: &[usize]) -> Vec<u32> {
    let mut starts = Vec::with_capacity(rows);
    let mut first = 0;
    for &length in lengths {
        starts.extend(std::iter::repeat_n(first as u32, length));
        first += length;
    }
    starts.extend(std::iter::repeat_n(first as u32, rows.saturating_sub(first)));
    starts.truncate(rows);
    starts
}
