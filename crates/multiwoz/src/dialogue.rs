//! Dialogues as plain data, named as in the schema-guided layout of MultiWOZ 2.2. Reading and writing are elsewhere.
//!
//! Serializing these types gives the layout's JSON. Fields that the layout does not name are kept in `other`, so nothing
//! of a file is lost; a key of `other` must not be one of the named fields.

use serde::{Serialize, Serializer};
use serde_json::Value;
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

/// The annotation of a turn for one service.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Frame {
    /// The service, such as `hotel`.
    pub service: String,
    /// Dialogue acts, as they are in the file.
    pub actions: Vec<Value>,
    /// Where in the utterance a slot's value stands, as it is in the file.
    pub slots: Vec<Value>,
    /// What the user wants so far; none in the system's frames.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<State>,
    /// Fields that MultiWOZ does not have, such as `service_call` of other schema-guided sets.
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
