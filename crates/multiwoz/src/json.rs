//! JSON as values, strictly: a key that occurs twice is an error, since one of its values would be lost, and so are values that
//! take more memory than they may. Where parsing stops, it is known within which fields. Knows no field of a dialogue.

use crate::elements::Position;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use std::cell::{Cell, RefCell};
use std::fmt;

/// Bytes of memory that any value takes, those of its text, list or object apart.
const VALUE: usize = size_of::<Value>();
/// Bytes that an object's fields take at a time: a node of the tree has room for eleven, and may be half empty.
const NODE: usize = 11 * (size_of::<String>() + VALUE) + 24;
const NODE_FIELDS: usize = 6;
/// Values for which a list has room as soon as it has one.
const FIRST_ELEMENTS: usize = 4;

/// What leads to a value: a field of an object or a place of a list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    Key(String),
    Index(usize),
}

/// Why a text is no value, and where.
#[derive(Debug)]
pub(crate) struct Malformed {
    pub error: serde_json::Error,
    /// From the outermost object or list to the place of the error.
    pub path: Vec<Step>,
    /// What was read of the outermost object.
    pub read: Map<String, Value>,
    /// Whether it is right so far, but takes more memory than it may.
    pub is_too_large: bool,
}

impl Malformed {
    /// What is wrong, and where in the file in which the text begins at `start`.
    pub(crate) fn describe(&self, start: Position) -> String {
        let (line, column) = (self.error.line(), self.error.column());
        let text = self.error.to_string();
        let text = text.strip_suffix(&format!(" at line {line} column {column}")).unwrap_or(&text);
        let column = if line <= 1 { start.column + column.saturating_sub(1) } else { column };
        let line = start.line + line.saturating_sub(1);
        let kind = if self.error.is_data() { "" } else { "not valid JSON: " };
        format!("{kind}{text} at line {line} column {column}")
    }
}

/// A whole text as a value, which takes at most `memory` bytes.
///
/// # Errors
/// If it is no JSON, or more than one value, or loses a key, or takes more memory.
pub(crate) fn parse(text: &[u8], memory: usize) -> Result<Value, Malformed> {
    let trace = Trace { left: Cell::new(memory), memory, ..Trace::default() };
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let parsed = Strict { trace: &trace }.deserialize(&mut deserializer);
    parsed.and_then(|value| deserializer.end().map(|()| value)).map_err(|error| {
        let mut path = trace.steps.into_inner();
        path.reverse();
        Malformed { error, path, read: trace.read.into_inner(), is_too_large: trace.is_used_up.get() }
    })
}

/// What is known of all of a text. Steps are noted while an error is on its way out, so that what is right costs nothing.
#[derive(Default)]
struct Trace {
    /// The innermost first.
    steps: RefCell<Vec<Step>>,
    read: RefCell<Map<String, Value>>,
    memory: usize,
    /// Bytes that further values may take.
    left: Cell<usize>,
    is_used_up: Cell<bool>,
}

impl Trace {
    fn take<E: Error>(&self, bytes: usize) -> Result<(), E> {
        match self.left.get().checked_sub(bytes) {
            Some(left) => {
                self.left.set(left);
                Ok(())
            }
            None => {
                self.is_used_up.set(true);
                Err(E::custom(format!("the values up to here take more than {} bytes of memory", self.memory)))
            }
        }
    }
}

#[derive(Clone, Copy)]
struct Strict<'a> {
    trace: &'a Trace,
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("a number that is not finite"))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        self.trace.take(value.len())?;
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        self.trace.take(value.len())?;
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        loop {
            match sequence.next_element_seed(self) {
                Ok(Some(value)) => {
                    if values.is_empty() {
                        self.trace.take(FIRST_ELEMENTS * VALUE)?;
                    } else if values.len() >= FIRST_ELEMENTS {
                        self.trace.take(VALUE)?;
                    }
                    values.push(value);
                }
                Ok(None) => return Ok(Value::Array(values)),
                Err(error) => {
                    self.trace.steps.borrow_mut().push(Step::Index(values.len()));
                    return Err(error);
                }
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        let read = self.entries(&mut entries, &mut map);
        if let Err(error) = read {
            // The outermost is the last that comes by.
            *self.trace.read.borrow_mut() = map;
            return Err(error);
        }
        Ok(Value::Object(map))
    }
}

impl Strict<'_> {
    fn entries<'de, A: MapAccess<'de>>(self, entries: &mut A, map: &mut Map<String, Value>) -> Result<(), A::Error> {
        while let Some(key) = entries.next_key::<String>()? {
            if map.contains_key(&key) {
                return Err(A::Error::custom(format!("the key `{}` occurs twice", crate::error::shorten(&key))));
            }
            self.trace.take(key.len() + if map.len().is_multiple_of(NODE_FIELDS) { NODE } else { 0 })?;
            match entries.next_value_seed(self) {
                Ok(value) => map.insert(key, value),
                Err(error) => {
                    self.trace.steps.borrow_mut().push(Step::Key(key));
                    return Err(error);
                }
            };
        }
        Ok(())
    }
}
