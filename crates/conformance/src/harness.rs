//! Runs a case on the oracle and on a backend, compares every output and every state, and checks the laws that hold for
//! every case: nothing unwritten, nothing outside, the same bits again, without shared slots and for a prefix of the rows.

use crate::case::Case;
use crate::compare::{self, Passed};
use crate::fixture::{Expectation, Fixture, Results};
use reformer_oracle::Oracle;
use reformer_tensor::{Backend, Checks, DType, HostTensor, Plan, PlanOptions};
use std::borrow::Cow;
use std::fmt;

/// Why a backend did not pass.
#[derive(Clone, PartialEq, Debug)]
pub struct Failure {
    /// `op/case`, or `laws/law`.
    pub what: String,
    /// The backend.
    pub backend: &'static str,
    /// What it runs on.
    pub adapter: String,
    /// The case's seed.
    pub seed: u64,
    /// What is wrong.
    pub text: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Failure { what, backend, adapter, seed, text } = self;
        writeln!(f, "conformance {what}  [{backend}: {adapter}]  seed {seed}")?;
        writeln!(f, "{text}")?;
        let filter = what.replace('/', "::");
        write!(f, "  repeat: cargo test --release -p reformer-{backend} {filter}  (seed {seed} is the case's own)")
    }
}

/// What passed.
#[derive(Clone, PartialEq, Debug)]
pub struct Report {
    /// `op/case`, or `laws/law`.
    pub what: String,
    /// The backend and what it runs on.
    pub backend: String,
    /// Values compared, and the worst of them.
    pub passed: Passed,
    /// Values that differed from the oracle's where both are right (buckets whose best projections tie within rounding).
    pub ties: usize,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report { what, backend, passed, ties } = self;
        write!(f, "{what} [{backend}]: {} values, worst {:.3} of its allowance", passed.values, passed.worst)?;
        if *ties > 0 {
            write!(f, ", {ties} tied within rounding")?;
        }
        Ok(())
    }
}

/// Checks one case.
///
/// # Errors
/// The first thing that is wrong.
pub fn check(backend: &dyn Backend, case: &Case) -> Result<Report, Failure> {
    let what = format!("{}/{}", case.op, case.name);
    let name = format!("{}: {}", backend.name(), backend.adapter());
    let judged = judge(backend, case).and_then(|(passed, ties)| {
        laws(backend, case)?;
        Ok(Report { what: what.clone(), backend: name, passed, ties })
    });
    judged.map_err(|text| Failure { what, backend: backend.name(), adapter: backend.adapter(), seed: case.seed, text })
}

/// Runs a case once, whatever it gives: for what a backend checks by itself while it runs.
///
/// # Errors
/// If it can't be planned or run.
pub fn run_once(backend: &dyn Backend, case: &Case) -> Result<(), Failure> {
    let what = format!("{}/{}", case.op, case.name);
    let ran = execute(backend, &case.fixture(case.rows), Way { checks: Checks::Off, ..Way::CHECKED });
    ran.map(drop).map_err(|text| Failure {
        what,
        backend: backend.name(),
        adapter: backend.adapter(),
        seed: case.seed,
        text,
    })
}

/// How a program is run.
#[derive(Clone, Copy)]
pub(crate) struct Way {
    pub share_slots: bool,
    pub checks: Checks,
    /// Runs of the one prepared plan, with the states written anew before each; the last one's results count.
    pub times: usize,
}

impl Way {
    pub const CHECKED: Way = Way { share_slots: true, checks: Checks::Poison, times: 1 };
}

/// Every output, and every state after the run.
pub(crate) fn execute(backend: &dyn Backend, fixture: &Fixture, way: Way) -> Result<Results, String> {
    let options = PlanOptions { share_slots: way.share_slots, ..PlanOptions::default() };
    let plan = Plan::new(&fixture.program, &options).map_err(|error| format!("  planning: {error}"))?;
    let mut store = backend.store();
    plan.declare_states(store.as_mut()).map_err(|error| format!("  declaring states: {error}"))?;
    let mut prepared = backend.prepare(plan, way.checks).map_err(|error| format!("  preparing: {error}"))?;
    let mut results = Results::new();
    for _ in 0..way.times {
        for (name, tensor) in &fixture.states {
            store.write(name, tensor).map_err(|error| format!("  writing a state: {error}"))?;
        }
        let before = fixture.inputs.clone();
        results = prepared.run(store.as_mut(), &fixture.inputs).map_err(|error| format!("  running: {error}"))?;
        // Inputs are borrowed; a backend that maps them could still write to them.
        for (name, tensor) in &before {
            compare::same_bits(name, &fixture.inputs[name], tensor)
                .map_err(|text| format!("{text}\n  an input was changed by the run"))?;
        }
        for name in fixture.states.keys() {
            let tensor = store.read(name).map_err(|error| format!("  reading a state: {error}"))?;
            results.insert(name.clone(), tensor);
        }
    }
    Ok(results)
}

fn judge(backend: &dyn Backend, case: &Case) -> Result<(Passed, usize), String> {
    let fixture = case.fixture(case.rows);
    let oracle = execute(&Oracle::new(), &fixture, Way::CHECKED).map_err(|text| format!("{text} (the oracle)"))?;
    let got = execute(backend, &fixture, Way::CHECKED)?;
    let mut passed = Passed::default();
    for (name, (expectation, dtype)) in &fixture.expectations {
        let unit = unit(*dtype);
        let (got, oracle) = (&got[name], &oracle[name]);
        passed = passed.and(match expectation {
            Expectation::Exact => compare::exact(name, got, oracle, unit)?,
            Expectation::Within(tolerance) => compare::within(name, got, oracle, unit, tolerance)?,
            Expectation::Judged => Passed::default(),
        });
    }
    for (name, before) in &fixture.states {
        if !fixture.expectations.contains_key(name) {
            let dtype = fixture.program.states.iter().find(|state| state.name == *name);
            let dtype = dtype.map_or(DType::F32, |state| fixture.program.info(state.value).dtype);
            // Halves are rounded when they are written.
            let words = before.words(before.shape, dtype).map(Cow::into_owned);
            let before =
                words.map_or_else(|| before.clone(), |words| HostTensor::from_words(before.shape, dtype, words));
            compare::exact(name, &got[name], &before, unit(dtype))
                .map_err(|text| format!("{text}\n  a state that is only read was changed"))?;
        }
    }
    let mut ties = 0;
    for judge in &fixture.judges {
        ties += judge(&got, &oracle)?;
    }
    Ok((passed, ties))
}

/// Runs every case on two backends, which promise the same bits; gives the number of values.
///
/// # Errors
/// The first case whose bits differ.
pub fn same_bits(backend: &dyn Backend, other: &dyn Backend) -> Result<usize, Failure> {
    let mut values = 0;
    for case in crate::cases::all() {
        let fixture = case.fixture(case.rows);
        let both = execute(backend, &fixture, Way::CHECKED)
            .and_then(|got| execute(other, &fixture, Way::CHECKED).map(|expected| (got, expected)));
        let compared = both.and_then(|(got, expected)| {
            values += got.values().map(|tensor| tensor.elements()).sum::<usize>();
            all_same(&got, &expected)
        });
        compared.map_err(|text| Failure {
            what: format!("{}/{}", case.op, case.name),
            backend: backend.name(),
            adapter: format!("{} against {}", backend.adapter(), other.adapter()),
            seed: case.seed,
            text,
        })?;
    }
    Ok(values)
}

pub(crate) fn unit(dtype: DType) -> f64 {
    match dtype {
        DType::Fixed { fraction_bits } => 0.5f64.powi(i32::from(fraction_bits)),
        DType::F32 | DType::U32 | DType::F16 | DType::Bf16 => 1.0,
    }
}

/// The laws that hold bit for bit.
fn laws(backend: &dyn Backend, case: &Case) -> Result<(), String> {
    let fixture = case.fixture(case.rows);
    let first = execute(backend, &fixture, Way::CHECKED)?;
    let others = [
        ("checks off", Way { checks: Checks::Off, ..Way::CHECKED }),
        ("a slot for every value", Way { share_slots: false, ..Way::CHECKED }),
        ("the second run of one prepared plan", Way { times: 2, ..Way::CHECKED }),
    ];
    for (name, way) in others {
        all_same(&execute(backend, &fixture, way)?, &first).map_err(|text| format!("{text}\n  law: {name}"))?;
    }
    if case.by_row {
        let mut prefixes = vec![1, case.rows / 2, case.rows.saturating_sub(1)];
        prefixes.retain(|&rows| rows > 0 && rows < case.rows);
        prefixes.dedup();
        for rows in prefixes {
            let shorter = case.fixture(rows);
            let results = execute(backend, &shorter, Way::CHECKED)?;
            for name in shorter.expectations.keys() {
                let Some(expected) = compare::first_rows(&first[name], &results[name]) else { continue };
                compare::same_bits(name, &results[name], &expected).map_err(|text| {
                    format!("{text}\n  law: the first {rows} of {} rows alone give what they give among all", case.rows)
                })?;
            }
        }
    }
    Ok(())
}

/// All results of one run equal those of another bit for bit.
pub(crate) fn all_same(got: &Results, expected: &Results) -> Result<(), String> {
    for (name, expected) in expected {
        compare::same_bits(name, &got[name], expected)?;
    }
    Ok(())
}
