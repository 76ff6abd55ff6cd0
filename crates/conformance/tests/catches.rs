//! The suite can fail: a backend that is wrong in one way, made from the oracle, is caught, and the text says what is wrong.

use reformer_conformance::{Backend, Failure, cases, check};
use reformer_oracle::Oracle;
use reformer_tensor::{
    BackendError, Checks, DType, HostData, HostTensor, Inputs, Outputs, Plan, Prepared, Program, RunError, Shape, Store,
};
use std::any::Any;
use std::cell::Cell;
use std::rc::Rc;

/// What a backend does wrong.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Fault {
    /// The last number of every output is off by a thousandth part.
    Inexact,
    /// The last number of every output was never written.
    Unwritten,
    /// The last element of every output of integers is one more.
    OtherInteger,
    /// A run without checks gives other bits.
    ChecksMatter,
    /// A second run of a prepared plan gives other bits.
    RunsMatter,
    /// The number of rows changes the first row's bits.
    RowsMatter,
    /// A parameter changes while it is read.
    WritesParameter,
}

struct Faulty(Fault);

impl Backend for Faulty {
    fn name(&self) -> &'static str {
        "faulty"
    }

    fn adapter(&self) -> String {
        format!("{:?}", self.0)
    }

    fn scratch_bytes(&self, _program: &Program) -> u64 {
        0
    }

    fn store(&self) -> Box<dyn Store> {
        let changed = self.0 == Fault::WritesParameter;
        Box::new(FaultyStore { inner: Oracle::new().store(), changed })
    }

    fn prepare(&self, plan: Plan, checks: Checks) -> Result<Box<dyn Prepared>, BackendError> {
        let prepared = Oracle::new().prepare(plan, checks)?;
        Ok(Box::new(FaultyPrepared { fault: self.0, checks, prepared, runs: Rc::new(Cell::new(0)) }))
    }
}

struct FaultyPrepared {
    fault: Fault,
    checks: Checks,
    prepared: Box<dyn Prepared>,
    runs: Rc<Cell<usize>>,
}

impl Prepared for FaultyPrepared {
    fn run(&mut self, store: &mut dyn Store, inputs: &Inputs) -> Result<Outputs, RunError> {
        self.runs.set(self.runs.get() + 1);
        let mut outputs = self.prepared.run(store, inputs)?;
        for tensor in outputs.values_mut() {
            let rows = tensor.shape.dim(0);
            match &mut tensor.data {
                HostData::F64(data) => {
                    let last = data.len() - 1;
                    let next = |x: f64| f64::from_bits(x.to_bits() + 1);
                    match self.fault {
                        Fault::Inexact => data[last] += 1e-3 * (1.0 + data[last].abs()),
                        Fault::Unwritten => data[last] = f64::NAN,
                        Fault::ChecksMatter if self.checks == Checks::Off => data[last] = next(data[last]),
                        Fault::RunsMatter if self.runs.get() > 1 => data[last] = next(data[last]),
                        Fault::RowsMatter if rows.is_multiple_of(2) => data[0] = next(data[0]),
                        _ => {}
                    }
                }
                HostData::U32(data) if self.fault == Fault::OtherInteger => *data.last_mut().unwrap() += 1,
                HostData::U32(_) | HostData::F32(_) | HostData::I32(_) => {}
            }
        }
        Ok(outputs)
    }

    fn plan(&self) -> &Plan {
        self.prepared.plan()
    }
}

/// Reads the first number of every state as one more.
struct FaultyStore {
    inner: Box<dyn Store>,
    changed: bool,
}

impl Store for FaultyStore {
    fn declare(&mut self, name: &str, shape: Shape, dtype: DType) -> Result<(), BackendError> {
        self.inner.declare(name, shape, dtype)
    }

    fn write(&mut self, name: &str, tensor: &HostTensor) -> Result<(), BackendError> {
        self.inner.write(name, tensor)
    }

    fn read(&self, name: &str) -> Result<HostTensor, BackendError> {
        let mut tensor = self.inner.read(name)?;
        if let (HostData::F64(data), true) = (&mut tensor.data, self.changed) {
            data[0] += 1.0;
        }
        Ok(tensor)
    }

    fn names(&self) -> Vec<String> {
        self.inner.names()
    }

    fn remove(&mut self, name: &str) {
        self.inner.remove(name);
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self.inner.as_any_mut()
    }
}

fn failure(fault: Fault, op: &str, case: &str) -> Failure {
    match check(&Faulty(fault), &cases::find(op, case)) {
        Err(failure) => failure,
        Ok(report) => panic!("{fault:?} passed: {report}"),
    }
}

#[track_caller]
fn says(fault: Fault, op: &str, case: &str, words: &[&str]) {
    let text = failure(fault, op, case).to_string();
    for word in words {
        assert!(text.contains(word), "{fault:?}: the text lacks `{word}`:\n{text}");
    }
}

#[test]
fn a_failure_says_everything() {
    let text = failure(Fault::Inexact, "project_heads", "one_row").to_string();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "conformance project_heads/one_row  [faulty: Inexact]  seed 7");
    assert_eq!(lines[1], "  `first` [1, 8]: 1 of 8 values outside the allowance, worst first");
    assert!(lines[2].starts_with("    at [0, 7]   got ") && lines[2].ends_with(" times)"), "{text}");
    assert!(lines[3].starts_with("  allowance: a layer norm of 8 and a sum of 8 products"), "{text}");
    assert_eq!(
        lines[4],
        "  repeat: cargo test --release -p reformer-faulty project_heads::one_row  (seed 7 is the case's own)"
    );
    assert_eq!(lines.len(), 5, "{text}");
}

#[test]
fn what_was_not_written_is_found() {
    says(Fault::Unwritten, "attention", "full_odd", &["`context` [61, 32]: 1 of 1952", "got NaN", "[60, 31]"]);
    says(Fault::Unwritten, "zeros", "vector", &["`zeros` [61]: 1 of 61 values differ", "got NaN"]);
}

#[test]
fn integers_are_exact() {
    says(Fault::OtherInteger, "intervals", "segments", &["`low`", "differ", "exact"]);
    says(Fault::OtherInteger, "sort_by_bucket", "odd", &["`order`", "differ"]);
    says(Fault::OtherInteger, "lsh_hash", "middle_heads", &["`buckets`: 1 of", "apart, allowed"]);
}

#[test]
fn bits_that_depend_on_what_they_may_not_are_found() {
    says(Fault::ChecksMatter, "head_loss", "odd", &["the bits of 1 of 61", "law: checks off"]);
    says(Fault::RunsMatter, "head_loss", "odd", &["law: the second run of one prepared plan"]);
    // 61 rows, and 30 of them.
    says(Fault::RowsMatter, "head_loss", "odd", &["law: the first 30 of 61 rows alone"]);
}

#[test]
fn a_parameter_that_changes_is_found() {
    says(Fault::WritesParameter, "logits", "odd", &["a state that is only read was changed"]);
    says(Fault::WritesParameter, "attention_cached", "nobody", &["changed, though no token belongs to it"]);
}

#[test]
fn every_op_has_cases() {
    let cases = cases::all();
    for op in reformer_tensor::Op::NAMES {
        assert!(cases.iter().any(|case| case.op == *op), "`{op}` has no case");
    }
    assert!(cases.iter().all(|case| reformer_tensor::Op::NAMES.contains(&case.op)));
}
