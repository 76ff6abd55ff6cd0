//! Taking the fields of a JSON object one by one, each with its expected kind; what is left over is kept by the caller.
//! Knows no layout.

use crate::error::FieldProblem;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The object, or what is wrong: `expected` says what the object is.
pub(crate) fn object(value: Value, expected: &'static str) -> Result<Map<String, Value>, FieldProblem> {
    match value {
        Value::Object(map) => Ok(map),
        other => Err(FieldProblem::wrong("", &other, expected)),
    }
}

/// A text that must be there.
pub(crate) fn text(map: &mut Map<String, Value>, field: &str, expected: &'static str) -> Result<String, FieldProblem> {
    optional_text(map, field, expected)?.ok_or_else(|| FieldProblem::Missing { field: field.to_owned(), expected })
}

/// A text that may be missing, but not be something else.
pub(crate) fn optional_text(
    map: &mut Map<String, Value>,
    field: &str,
    expected: &'static str,
) -> Result<Option<String>, FieldProblem> {
    match map.remove(field) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => Err(FieldProblem::wrong(field, &other, expected)),
    }
}

/// A list that must be there.
pub(crate) fn list(
    map: &mut Map<String, Value>,
    field: &str,
    expected: &'static str,
) -> Result<Vec<Value>, FieldProblem> {
    match map.remove(field) {
        Some(Value::Array(list)) => Ok(list),
        Some(other) => Err(FieldProblem::wrong(field, &other, expected)),
        None => Err(FieldProblem::Missing { field: field.to_owned(), expected }),
    }
}

/// A list that is empty where it is missing.
pub(crate) fn optional_list(
    map: &mut Map<String, Value>,
    field: &str,
    expected: &'static str,
) -> Result<Vec<Value>, FieldProblem> {
    if map.contains_key(field) { list(map, field, expected) } else { Ok(Vec::new()) }
}

/// The texts of a list; a wrong one is named with its place.
pub(crate) fn texts(list: Vec<Value>, field: &str, expected: &'static str) -> Result<Vec<String>, FieldProblem> {
    let one = |(at, value)| match value {
        Value::String(text) => Ok(text),
        other => Err(FieldProblem::wrong(&format!("{field}[{at}]"), &other, expected)),
    };
    list.into_iter().enumerate().map(one).collect()
}

/// What nobody took.
pub(crate) fn rest(map: Map<String, Value>) -> BTreeMap<String, Value> {
    map.into_iter().collect()
}
