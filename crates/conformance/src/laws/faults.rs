//! What every backend must refuse, and how: an index outside its table, and a share that a stream can't hold. The oracle's
//! error is the expected one.

use crate::case::Case;
use crate::cases;
use crate::fixture::Fixture;
use reformer_oracle::Oracle;
use reformer_tensor::{Backend, Checks, HostData, Plan, PlanOptions, RunError};

/// Breaks one number of a fixture.
struct Broken {
    op: &'static str,
    case: &'static str,
    /// The input or state that is broken.
    name: &'static str,
    at: usize,
    value: Value,
}

#[derive(Clone, Copy, Debug)]
enum Value {
    Word(u32),
    Number(f32),
}

const fn broken(op: &'static str, case: &'static str, name: &'static str, at: usize, value: Value) -> Broken {
    Broken { op, case, name, at, value }
}

const INDICES: &[Broken] = &[
    broken("embed", "learned", "tokens", 17, Value::Word(19)),
    broken("embed", "learned", "positions", 60, Value::Word(35)),
    broken("embed", "axial", "positions", 3, Value::Word(u32::MAX)),
    broken("embed_gradient", "axial_dropout", "tokens", 0, Value::Word(19)),
    broken("embed_gradient", "axial_dropout", "positions", 129, Value::Word(35)),
    broken("sort_by_bucket", "odd", "buckets", 200, Value::Word(8)),
    broken("head_loss", "odd", "targets", 60, Value::Word(37)),
    broken("head_loss_gradient", "odd", "targets", 5, Value::Word(u32::MAX)),
    broken("logits", "odd", "chosen", 2, Value::Word(61)),
    broken("attention_cached", "lsh_two_caches", "cache_rows", 4, Value::Word(3)),
    broken("attention_cached", "local_two_caches", "cache_rows", 60, Value::Word(1000)),
    broken("attention_cached", "full_from_empty", "positions", 60, Value::Word(300)),
    broken("attention_cached", "lsh_from_empty", "buckets", 40, Value::Word(4)),
];

const RANGES: &[Broken] = &[
    broken("embed", "learned", "table", 5, Value::Number(f32::NAN)),
    broken("embed", "learned", "position table", 3, Value::Number(5000.0)),
    broken("embed", "plain_stream", "position table", 3, Value::Number(f32::INFINITY)),
    broken("merge_heads", "middle_heads", "context", 40, Value::Number(f32::NAN)),
    broken("merge_heads", "across_tiles", "context", 24_000, Value::Number(1e9)),
    broken("merge_heads", "plain_stream", "context", 40, Value::Number(f32::NAN)),
    broken("feed_forward", "gelu", "b2", 7, Value::Number(f32::NAN)),
    broken("feed_forward", "taken_off", "b2", 0, Value::Number(-4100.0)),
    broken("feed_forward", "plain_stream", "b1", 3, Value::Number(f32::NAN)),
    broken("feed_forward_gradient", "rebuild", "b2", 23, Value::Number(f32::INFINITY)),
];

pub(super) fn indices(backend: &dyn Backend) -> Result<usize, String> {
    all(backend, INDICES)
}

pub(super) fn ranges(backend: &dyn Backend) -> Result<usize, String> {
    all(backend, RANGES)
}

fn all(backend: &dyn Backend, list: &[Broken]) -> Result<usize, String> {
    for broken in list {
        let Broken { op, case, name, at, value } = broken;
        let what = format!("{op}/{case} with {value:?} at {at} of `{name}`");
        let expected = run(&Oracle::new(), broken);
        let got = run(backend, broken);
        match (&got, &expected) {
            (_, Ok(())) => return Err(format!("  {what}: the oracle accepts it, so it is no fault")),
            (Ok(()), Err(expected)) => return Err(format!("  {what}: accepted, expected the error\n    {expected}")),
            (Err(got), Err(expected)) if !same(got, expected) => {
                return Err(format!("  {what}: the error is\n    {got}\n  expected\n    {expected}"));
            }
            (Err(_), Err(_)) => {}
        }
    }
    Ok(list.len())
}

/// Equal, but for the offending share: which of several is named is a backend's choice, and its last digits are f32's.
fn same(got: &RunError, expected: &RunError) -> bool {
    match (got, expected) {
        (
            RunError::Range { op, scope, value, limit },
            RunError::Range { op: other_op, scope: other_scope, limit: other_limit, .. },
        ) => {
            let outside = value.is_nan() || value.abs() >= *limit;
            op == other_op && scope == other_scope && limit == other_limit && outside
        }
        (got, expected) => got == expected,
    }
}

fn run(backend: &dyn Backend, broken: &Broken) -> Result<(), RunError> {
    let case: Case = cases::find(broken.op, broken.case);
    let mut fixture: Fixture = case.fixture(case.rows);
    let tensor = match fixture.states.get_mut(broken.name) {
        Some(tensor) => Some(tensor),
        None => fixture.inputs.get_mut(broken.name),
    };
    match (tensor.map(|tensor| &mut tensor.data), broken.value) {
        (Some(HostData::U32(data)), Value::Word(word)) => data[broken.at] = word,
        (Some(HostData::F32(data)), Value::Number(number)) => data[broken.at] = number,
        (_, value) => unreachable!("`{}` has no place for {value:?}: mend the list above", broken.name),
    }
    let plan = Plan::new(&fixture.program, &PlanOptions::default()).map_err(reformer_tensor::BackendError::from)?;
    let mut store = backend.store();
    plan.declare_states(store.as_mut())?;
    for (name, tensor) in &fixture.states {
        store.write(name, tensor)?;
    }
    backend.prepare(plan, Checks::Poison)?.run(store.as_mut(), &fixture.inputs).map(|_| ())
}
