//! What a turn means for one service, as the schema-guided layout has it: actions, slots with their spans, calls of the
//! service and the state. Fields that the layout does not name are kept in `other`. Reading is in `schema_guided.rs`.

use crate::BeliefState;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// The annotation of a turn for one service.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct Frame {
    /// The service, such as `hotel`.
    pub service: String,
    /// Dialogue acts.
    pub actions: Vec<Action>,
    /// Where the values of slots stand in the utterance, or where they come from.
    pub slots: Vec<SlotSpan>,
    /// What the user wants so far; none in the system's frames.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<State>,
    /// What the system asks the service before it answers. MultiWOZ has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_call: Option<ServiceCall>,
    /// What the service answers, a slot's value by its name; an empty list if it found nothing. MultiWOZ has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_results: Option<Vec<BTreeMap<String, String>>>,
    /// Fields that the layout does not name.
    #[serde(flatten)]
    pub other: BTreeMap<String, Value>,
}

/// A dialogue act, such as informing of an area.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct Action {
    /// Such as `INFORM`.
    pub act: String,
    /// The slot that it is about; empty for one that is about none, such as a goodbye.
    pub slot: String,
    /// The slot's values.
    pub values: Vec<String>,
    /// The values as the service spells them; empty where a file has none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub canonical_values: Vec<String>,
    /// Fields that the layout does not name.
    #[serde(flatten)]
    pub other: BTreeMap<String, Value>,
}

/// Where the value of a slot stands in the utterance, or which slot it was copied from.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct SlotSpan {
    /// Such as `hotel-name`.
    pub slot: String,
    /// The value's first character in the utterance, from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<u64>,
    /// The character after its last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exclusive_end: Option<u64>,
    /// The value, where a file has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<SlotValue>,
    /// The slot whose value this slot takes over; then there is no span.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub copy_from: Option<String>,
    /// Fields that the layout does not name.
    #[serde(flatten)]
    pub other: BTreeMap<String, Value>,
}

/// The value of a slot: published files have a text, or a list of texts any of which would do.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(untagged)]
pub enum SlotValue {
    /// One.
    Text(String),
    /// Any number.
    Texts(Vec<String>),
    /// Neither: it is kept as it is.
    Other(Value),
}

impl SlotValue {
    /// The texts; none for [`SlotValue::Other`].
    pub fn texts(&self) -> &[String] {
        match self {
            SlotValue::Text(text) => std::slice::from_ref(text),
            SlotValue::Texts(texts) => texts,
            SlotValue::Other(_) => &[],
        }
    }
}

impl From<Value> for SlotValue {
    fn from(value: Value) -> Self {
        match value {
            Value::String(text) => SlotValue::Text(text),
            Value::Array(list) if list.iter().all(Value::is_string) => SlotValue::Texts(
                list.into_iter()
                    .filter_map(|value| if let Value::String(text) = value { Some(text) } else { None })
                    .collect(),
            ),
            other => SlotValue::Other(other),
        }
    }
}

/// A call of a service, such as a search.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct ServiceCall {
    /// The intent that is carried out, such as `FindHotels`.
    pub method: String,
    /// The value of each slot.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, String>,
    /// Fields that the layout does not name.
    #[serde(flatten)]
    pub other: BTreeMap<String, Value>,
}

/// What the user wants of one service, from the first turn up to this one.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct State {
    /// Such as `find_hotel`; [`State::NO_INTENT`] for a service that this turn is not about.
    pub active_intent: String,
    /// Slots whose value the user asks for.
    pub requested_slots: Vec<String>,
    /// What is wanted.
    pub slot_values: BeliefState,
    /// Fields that the layout does not name.
    #[serde(flatten)]
    pub other: BTreeMap<String, Value>,
}

impl State {
    /// The intent of a service that a turn is not about.
    pub const NO_INTENT: &str = "NONE";
}

impl Default for State {
    /// Nothing is wanted.
    fn default() -> Self {
        Self {
            active_intent: Self::NO_INTENT.to_owned(),
            requested_slots: Vec::new(),
            slot_values: BTreeMap::new(),
            other: BTreeMap::new(),
        }
    }
}
