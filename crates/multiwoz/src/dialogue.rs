//! Dialogues as plain data, named as in the schema-guided layout of MultiWOZ 2.2. What a turn means is in `frame.rs` and,
//! as the older versions say it, in `log_annotation.rs`; reading and writing are elsewhere.
//!
//! Serializing these types gives the layout's JSON. Fields that the layout does not name are kept in `other`, so nothing
//! of a file is lost; a key of `other` must not be one of the named fields.

use crate::frame::Frame;
use crate::log_annotation::LogAnnotation;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt;

/// What a user wants: for each slot, such as `hotel-area`, the values that would do.
pub type BeliefState = BTreeMap<String, Vec<String>>;

/// A conversation between a user and a system.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Dialogue {
    /// Its name, which no other dialogue of the data set should have.
    #[serde(rename = "dialogue_id")]
    pub id: String,
    /// The services it is about, such as `hotel`.
    pub services: Vec<String>,
    /// What was said, in order.
    pub turns: Vec<Turn>,
    /// What the user was told to look for, as in the file: by domain, and in words under `message`. Only MultiWOZ 2.0 and
    /// 2.1 have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub goal: Option<Map<String, Value>>,
    /// Fields that the layout does not name.
    #[serde(flatten)]
    pub other: BTreeMap<String, Value>,
}

impl Dialogue {
    /// The training text: who said what, in order.
    pub fn text(&self) -> impl ExactSizeIterator<Item = (Speaker, &str)> {
        self.turns.iter().map(|turn| (turn.speaker, turn.utterance.as_str()))
    }

    /// Bytes of all utterances together: what bits per byte are measured against.
    pub fn text_bytes(&self) -> usize {
        self.turns.iter().map(|turn| turn.utterance.len()).sum()
    }
}

/// Who speaks.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Speaker {
    /// The person who wants something.
    User,
    /// The one who answers.
    System,
}

impl Speaker {
    /// `USER` or `SYSTEM`, as the layout spells them.
    pub fn name(self) -> &'static str {
        match self {
            Speaker::User => "USER",
            Speaker::System => "SYSTEM",
        }
    }
}

impl fmt::Display for Speaker {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl Serialize for Speaker {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// What one speaker says before the other does.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Turn {
    /// Who.
    pub speaker: Speaker,
    /// What, as published.
    pub utterance: String,
    /// What it means, by service; often empty for the system's turns.
    pub frames: Vec<Frame>,
    /// Its number in the dialogue from `0`; where a file has none, its place.
    pub turn_id: String,
    /// What MultiWOZ 2.0 and 2.1 say of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<LogAnnotation>,
    /// Fields that the layout does not name.
    #[serde(flatten)]
    pub other: BTreeMap<String, Value>,
}

impl Turn {
    /// The slots of all frames together. Empty for a turn without annotation, and for the system's.
    pub fn belief_state(&self) -> BeliefState {
        let states = self.frames.iter().filter_map(|frame| frame.state.as_ref());
        states.flat_map(|state| state.slot_values.clone()).collect()
    }
}
