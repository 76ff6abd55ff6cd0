//! The embedded sample: believable dialogues about an invented town, made from a seed, the same bytes each time.
//!
//! Users look for restaurants, hotels, attractions, trains and taxis in Fernbridge, change their minds, ask for what there
//! is not, and book. What the system says is always true of the town's tables. The dialogues are annotated as those of
//! MultiWOZ 2.2 are, the system's turns with their dialogue acts as well.
//!
//! ```
//! let corpus = reformer_multiwoz::sample::corpus();
//! assert_eq!(corpus.train.len(), 3600);
//! for (speaker, text) in corpus.train[0].text() {
//!     println!("{speaker}: {text}");
//! }
//! ```

mod booking_script;
mod draw;
mod facts_script;
mod phrases;
mod schema;
mod talk;
mod taxi_script;
#[cfg(test)]
mod tests;
mod timetable;
mod train_script;
mod venue_script;
mod venues;
mod words;
mod world;

use crate::fingerprint::Fingerprint;
use crate::write::write_with as write_corpus;
use crate::{Corpus, DataError, Dialogue, Split, Writing};
use draw::Draw;
use phrases::general;
use std::collections::BTreeSet;
use std::path::Path;
use talk::{Action, Talk};
use world::{Domain, World};

/// Changing it makes another corpus.
const SEED: u64 = 2020;
/// Dialogues of a split.
const TRAIN_DIALOGUES: usize = 3600;
const DEV_DIALOGUES: usize = 200;
const TEST_DIALOGUES: usize = 200;
/// Turns of a dialogue.
const TURNS: std::ops::RangeInclusive<usize> = 6..=16;
/// The most domains of a dialogue.
const MOST_DOMAINS: usize = 3;

/// The sample: 3,600 dialogues to train on, 200 for dev and 200 for test; no text occurs twice. Takes a fraction of a
/// second.
pub fn corpus() -> Corpus {
    let mut corpus = Corpus::default();
    for (split, (dialogue, _)) in generate() {
        corpus.split_mut(split).push(dialogue);
    }
    corpus
}

/// Writes the sample to `folder` in the layout of MultiWOZ 2.2, with a `schema.json`: all of it or nothing. With `force` data that
/// this crate has written there before is replaced; what else is there never is.
///
/// # Errors
/// See [`crate::write()`]; [`DataError::NotOurs`] for a folder that holds something else.
pub fn write(folder: &Path, force: bool) -> Result<(), DataError> {
    write_with(folder, &Writing::new(force))
}

/// As [`write()`], told of temporary folders.
///
/// # Errors
/// As [`write()`].
pub fn write_with(folder: &Path, writing: &Writing) -> Result<(), DataError> {
    write_corpus(folder, &corpus(), Some(&schema::services()), writing)
}

/// Every dialogue with its split and the patterns that it was made with.
fn generate() -> impl Iterator<Item = (Split, (Dialogue, Vec<&'static str>))> {
    let world = World::new();
    let mut seen = BTreeSet::new();
    let mut stream = 0;
    let splits = [(Split::Train, TRAIN_DIALOGUES), (Split::Dev, DEV_DIALOGUES), (Split::Test, TEST_DIALOGUES)];
    let places = splits.into_iter().flat_map(|(split, count)| (1..=count).map(move |number| (split, number)));
    places.map(move |(split, number)| {
        loop {
            stream += 1;
            let made = dialogue(&world, stream, format!("sample-{split}-{number:04}"));
            if TURNS.contains(&made.0.turns.len()) && seen.insert(Fingerprint::of(&made.0)) {
                return (split, made);
            }
        }
    })
}

/// The dialogue of a stream; it may be too long or too short.
fn dialogue(world: &World, stream: u64, id: String) -> (Dialogue, Vec<&'static str>) {
    let mut draw = Draw::new(SEED, stream);
    let domains = draw_domains(&mut draw);
    let greets = draw.chance(7);
    let mut talk = Talk::new(world, draw, domains[0]);
    if greets {
        let text = talk.say_plainly(general::HELLO);
        talk.user(domains[0], "", &text, &[]);
        let text = talk.say_plainly(general::HELLO_REPLY);
        talk.system(&text, &[Action::new("GREET", "", &[])]);
    }
    for domain in domains {
        match domain {
            Domain::Attraction | Domain::Hotel | Domain::Restaurant => venue_script::run(&mut talk, domain),
            Domain::Taxi => taxi_script::run(&mut talk),
            Domain::Train => train_script::run(&mut talk),
        }
    }
    let close = if talk.answers_a_question() { general::CLOSE_AFTER_QUESTION } else { general::CLOSE };
    let text = talk.say_plainly(close);
    let last = talk.current();
    talk.user(last, "", &text, &[]);
    let text = talk.say_plainly(general::GOODBYE);
    talk.system(&text, &[Action::new("BYE", "", &[])]);
    talk.finish(id)
}

/// Up to three domains; a taxi comes last, since it goes between the places of the others.
fn draw_domains(draw: &mut Draw) -> Vec<Domain> {
    let count = 1 + [0, 0, 0, 0, 1, 1, 1, 1, 2, 2][draw.below(10)];
    let mut domains = Domain::ALL.to_vec();
    draw.shuffle(&mut domains);
    domains.truncate(count.min(MOST_DOMAINS));
    domains.sort_by_key(|domain| *domain == Domain::Taxi);
    domains
}
