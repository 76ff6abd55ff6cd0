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

/// A list of texts that is empty where it is missing.
pub(crate) fn optional_texts(
    map: &mut Map<String, Value>,
    field: &str,
    expected: &'static str,
) -> Result<Vec<String>, FieldProblem> {
    texts(optional_list(map, field, "a list of texts")?, field, expected)
}

/// The texts of a list; a wrong one is named with its place.
pub(crate) fn texts(list: Vec<Value>, field: &str, expected: &'static str) -> Result<Vec<String>, FieldProblem> {
    let one = |(at, value)| match value {
        Value::String(text) => Ok(text),
        other => Err(FieldProblem::wrong(&format!("{field}[{at}]"), &other, expected)),
    };
    list.into_iter().enumerate().map(one).collect()
}

/// Each element of a list made into something; a wrong one is named with its place.
pub(crate) fn each<T>(
    list: Vec<Value>,
    field: &str,
    mut make: impl FnMut(Value) -> Result<T, FieldProblem>,
) -> Result<Vec<T>, FieldProblem> {
    let one = |(at, value)| make(value).map_err(|problem: FieldProblem| problem.within(&format!("{field}[{at}]")));
    list.into_iter().enumerate().map(one).collect()
}

/// Each value of an object made into something; a wrong one is named with its key.
pub(crate) fn each_value<T>(
    map: Map<String, Value>,
    mut make: impl FnMut(Value) -> Result<T, FieldProblem>,
) -> Result<BTreeMap<String, T>, FieldProblem> {
    let one = |(key, value): (String, Value)| match make(value) {
        Ok(made) => Ok((key, made)),
        Err(problem) => Err(problem.within(&key)),
    };
    map.into_iter().map(one).collect()
}

/// A value that must be a text.
pub(crate) fn as_text(value: Value) -> Result<String, FieldProblem> {
    match value {
        Value::String(text) => Ok(text),
        other => Err(FieldProblem::wrong("", &other, "a text")),
    }
}

/// A whole number from 0 that may be missing, but not be something else.
pub(crate) fn optional_place(map: &mut Map<String, Value>, field: &str) -> Result<Option<u64>, FieldProblem> {
    const EXPECTED: &str = "the number of a character, from 0";
    let Some(value) = map.remove(field) else { return Ok(None) };
    value.as_u64().map(Some).ok_or_else(|| FieldProblem::wrong(field, &value, EXPECTED))
}

/// What nobody took. None of it may be called like a field of the type that it goes to, or it could not be written.
pub(crate) fn rest(map: Map<String, Value>, reserved: &[&str]) -> Result<BTreeMap<String, Value>, FieldProblem> {
    match reserved.iter().find_map(|field| map.get_key_value(*field)) {
        None => Ok(map.into_iter().collect()),
        Some((field, value)) => Err(FieldProblem::wrong(
            field,
            value,
            "called otherwise: the name has another meaning in MultiWOZ 2.2, where the field would be lost",
        )),
    }
}
