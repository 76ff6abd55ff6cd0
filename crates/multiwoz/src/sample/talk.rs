//! A dialogue while it comes about: who has said what, what the user wants so far, and which patterns were used. What is
//! said next is decided in the scripts.

use super::draw::Draw;
use super::phrases::Patterns;
use super::timetable::Time;
use super::words::{Style, fill, sentence_case};
use super::world::{Domain, Wanted, World};
use crate::dialogue::{Dialogue, Speaker, Turn};
use crate::frame::{self, Frame, State};
use std::collections::BTreeMap;

/// What the system does in a turn, as the frames' `actions` say it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Action {
    pub act: &'static str,
    /// Without the domain in front.
    pub slot: &'static str,
    pub values: Vec<String>,
}

impl Action {
    pub(crate) fn new(act: &'static str, slot: &'static str, values: &[&str]) -> Self {
        Self { act, slot, values: values.iter().map(|value| (*value).to_owned()).collect() }
    }

    fn of(&self, domain: Domain) -> frame::Action {
        let slot = if self.slot.is_empty() { String::new() } else { format!("{}-{}", domain.name(), self.slot) };
        frame::Action { act: self.act.to_owned(), slot, values: self.values.clone(), ..frame::Action::default() }
    }
}

/// A venue that was talked about and may be gone to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Visited {
    pub domain: Domain,
    pub name: &'static str,
    /// When there is a booking.
    pub time: Option<Time>,
}

pub(crate) struct Talk<'w> {
    pub world: &'w World,
    pub draw: Draw,
    /// What the user wants so far.
    pub wanted: BTreeMap<Domain, Wanted>,
    pub visited: Vec<Visited>,
    /// How many people come, once it was said.
    pub people: Option<usize>,
    /// The day, once it was said.
    pub day: Option<&'static str>,
    /// Every pattern that was used.
    pub patterns: Vec<&'static str>,
    /// What the next utterance of each begins with.
    user_prefix: String,
    system_prefix: String,
    style: Style,
    turns: Vec<Turn>,
    current: Domain,
    asked: bool,
}

impl<'w> Talk<'w> {
    pub(crate) fn new(world: &'w World, mut draw: Draw, first: Domain) -> Self {
        let style = match draw.below(10) {
            0..4 => Style::Full,
            4..8 => Style::Contracted,
            _ => Style::Careless,
        };
        Self {
            world,
            draw,
            wanted: BTreeMap::new(),
            visited: Vec::new(),
            people: None,
            day: None,
            patterns: Vec::new(),
            user_prefix: String::new(),
            system_prefix: String::new(),
            style,
            turns: Vec::new(),
            current: first,
            asked: false,
        }
    }

    /// One of the patterns, filled.
    pub(crate) fn say<S: AsRef<str>>(&mut self, patterns: &[&'static str], words: &[(&str, S)]) -> String {
        let pattern = self.draw.pick(patterns);
        self.patterns.push(pattern);
        fill(pattern, words)
    }

    /// One of the patterns that have nothing to fill in.
    pub(crate) fn say_plainly(&mut self, patterns: &[&'static str]) -> String {
        self.say::<&str>(patterns, &[])
    }

    /// The user begins the next utterance with this, after what it was to begin with so far.
    pub(crate) fn user_begins(&mut self, patterns: Patterns) {
        let text = self.say_plainly(patterns);
        self.user_prefix = format!("{} {text}", self.user_prefix);
    }

    /// The system begins the next utterance with this.
    pub(crate) fn system_begins(&mut self, patterns: Patterns) {
        self.system_prefix = self.say_plainly(patterns);
    }

    /// What is wanted of a domain.
    pub(crate) fn wanted(&mut self, domain: Domain) -> &mut Wanted {
        self.wanted.entry(domain).or_default()
    }

    /// Whether something was said yet.
    pub(crate) fn has_begun(&self) -> bool {
        !self.turns.is_empty()
    }

    /// Whether the user would answer a question and nothing was put in front of that.
    pub(crate) fn answers_a_question(&self) -> bool {
        self.asked && self.user_prefix.is_empty()
    }

    /// The user speaks, about a domain and, where something is asked for, about these slots. What is wanted must be up to
    /// date.
    pub(crate) fn user(&mut self, domain: Domain, intent: &str, text: &str, requested: &[&str]) {
        self.current = domain;
        let prefix = std::mem::take(&mut self.user_prefix);
        let says_yes = self.asked && prefix.is_empty();
        let text = if says_yes { text } else { text.strip_prefix("Yes, ").unwrap_or(text) };
        let text = self.style.write(&sentence_case(&format!("{prefix} {text}")));
        let mut frames = Vec::new();
        for about in Domain::ALL {
            let wanted = self.wanted.get(&about).filter(|wanted| !wanted.is_empty());
            if about != domain && wanted.is_none() {
                continue;
            }
            let slot = |slot: &str| format!("{}-{slot}", about.name());
            let values = wanted.into_iter().flatten();
            let state = State {
                active_intent: if about == domain && !intent.is_empty() {
                    format!("{intent}_{}", about.name())
                } else {
                    State::NO_INTENT.to_owned()
                },
                requested_slots: requested.iter().filter(|_| about == domain).map(|name| slot(name)).collect(),
                slot_values: values.map(|(name, value)| (slot(name), vec![value.clone()])).collect(),
                other: BTreeMap::new(),
            };
            frames.push(frame(about, Vec::new(), Some(state)));
        }
        self.push(Speaker::User, text, frames);
    }

    /// The system answers.
    pub(crate) fn system(&mut self, text: &str, actions: &[Action]) {
        let prefix = std::mem::take(&mut self.system_prefix);
        let text = sentence_case(&format!("{prefix} {text}"));
        self.asked = text.ends_with('?');
        let actions = actions.iter().map(|action| action.of(self.current)).collect();
        let frames = vec![frame(self.current, actions, None)];
        self.push(Speaker::System, text, frames);
    }

    fn push(&mut self, speaker: Speaker, utterance: String, frames: Vec<Frame>) {
        let turn_id = self.turns.len().to_string();
        self.turns.push(Turn { speaker, utterance, frames, turn_id, log: None, other: BTreeMap::new() });
    }

    /// The last utterance; empty before the first.
    pub(crate) fn last_said(&self) -> &str {
        self.turns.last().map_or("", |turn| &turn.utterance)
    }

    /// The domain that was talked about last.
    pub(crate) fn current(&self) -> Domain {
        self.current
    }

    /// The dialogue, and the patterns that it was made with.
    pub(crate) fn finish(self, id: String) -> (Dialogue, Vec<&'static str>) {
        let services = self.wanted.keys().map(|domain| domain.name().to_owned()).collect();
        (Dialogue { id, services, turns: self.turns, goal: None, other: BTreeMap::new() }, self.patterns)
    }
}

fn frame(domain: Domain, actions: Vec<frame::Action>, state: Option<State>) -> Frame {
    Frame { service: domain.name().to_owned(), actions, state, ..Frame::default() }
}
