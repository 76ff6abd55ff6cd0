//! What MultiWOZ 2.0 and 2.1 say of a turn beside its text: the types. Reading them is in `data_json.rs`, which also puts
//! the belief state into frames as MultiWOZ 2.2 has them.

use crate::SlotValue;
use serde::ser::{Serialize, Serializer};
use serde_json::Value;
use std::collections::BTreeMap;

/// A turn's annotation as published. In MultiWOZ 2.2's layout, which does not know it, it is written as the turn's `log`.
#[derive(Clone, PartialEq, Debug, Default, serde::Serialize)]
pub struct LogAnnotation {
    /// What the user wants so far, by domain; published at the system's turns. Slots without a value are there as well, with
    /// `""`, `not mentioned` or `none`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, DomainState>,
    /// Dialogue acts, such as `Hotel-Inform`, each with slots and their values. Version 2.0 has none here.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub dialog_act: BTreeMap<String, Vec<(String, SlotValue)>>,
    /// Where values stand in the text. Version 2.0 has none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub span_info: Vec<TokenSpan>,
    /// Further fields of the turn, and a `dialog_act` that is but a text (`No Annotation`).
    #[serde(flatten)]
    pub other: BTreeMap<String, Value>,
}

/// What is wanted of a domain.
#[derive(Clone, PartialEq, Debug, Default, serde::Serialize)]
pub struct DomainState {
    /// What is looked for.
    pub semi: BTreeMap<String, SlotValue>,
    /// What is to be booked, and what was.
    pub book: Booking,
    /// Fields that the layout does not name.
    #[serde(flatten)]
    pub other: BTreeMap<String, Value>,
}

/// What is to be booked of a domain, and what was.
#[derive(Clone, PartialEq, Debug, Default, serde::Serialize)]
pub struct Booking {
    /// Bookings that were made, with their `name` and `reference` or whatever the domain has, as in the file.
    pub booked: Vec<Value>,
    /// Such as `people`.
    #[serde(flatten)]
    pub slots: BTreeMap<String, SlotValue>,
}

/// Where a value stands in the text. In files it is a list of these five.
#[derive(Clone, PartialEq, Debug)]
pub struct TokenSpan {
    /// Such as `Hotel-Inform`.
    pub act: String,
    /// Such as `Area`.
    pub slot: String,
    /// Such as `east`.
    pub value: SlotValue,
    /// Its first token, from 0; the published text is cut at blanks.
    pub first: i64,
    /// Its last token.
    pub last: i64,
}

impl Serialize for TokenSpan {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (&self.act, &self.slot, &self.value, self.first, self.last).serialize(serializer)
    }
}
