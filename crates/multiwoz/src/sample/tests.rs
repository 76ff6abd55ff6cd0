//! What the sample promises: its size and variety, that it is the same each time, and that the system speaks the truth.

use super::world::{ANY, Domain, Wanted, World};
use super::*;
use crate::dialogue::{Speaker, Turn};
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// Every slot that a user can fill, without its domain.
const SLOTS: [&str; 17] = [
    "area",
    "arriveby",
    "bookday",
    "bookpeople",
    "bookstay",
    "booktime",
    "day",
    "departure",
    "destination",
    "food",
    "internet",
    "leaveat",
    "name",
    "parking",
    "pricerange",
    "stars",
    "type",
];

/// Made once for all tests.
fn made() -> &'static [(Split, (Dialogue, Vec<&'static str>))] {
    static MADE: OnceLock<Vec<(Split, (Dialogue, Vec<&'static str>))>> = OnceLock::new();
    MADE.get_or_init(|| generate().collect())
}

fn dialogues() -> impl Iterator<Item = &'static Dialogue> {
    made().iter().map(|(_, (dialogue, _))| dialogue)
}

/// What a user's turn says is wanted, by domain.
fn wanted(turn: &Turn) -> BTreeMap<Domain, Wanted> {
    let mut all = BTreeMap::new();
    for frame in &turn.frames {
        let domain = Domain::ALL.into_iter().find(|domain| domain.name() == frame.service).unwrap();
        let values = &frame.state.as_ref().unwrap().slot_values;
        let slot = |name: &str| {
            let name = name.split_once('-').unwrap().1;
            SLOTS.into_iter().find(|slot| *slot == name).unwrap()
        };
        all.insert(domain, values.iter().map(|(name, values)| (slot(name), values[0].clone())).collect());
    }
    all
}

fn acts(turn: &Turn) -> Vec<(String, String, Vec<String>)> {
    let of = |action: &crate::Action| (action.act.clone(), action.slot.clone(), action.values.clone());
    turn.frames.iter().flat_map(|frame| frame.actions.iter().map(of)).collect()
}

#[test]
fn it_is_the_same_each_time() {
    let again = corpus();
    for split in Split::ALL {
        let first: Vec<_> = made().iter().filter(|made| made.0 == split).map(|(_, (dialogue, _))| dialogue).collect();
        assert!(again.split(split).iter().eq(first), "{split} differs from one making to the next");
    }
    let mut bytes = Vec::new();
    for dialogue in dialogues() {
        serde_json::to_writer(&mut bytes, dialogue).unwrap();
    }
    // A new value is right after an intended change of the sample, and after nothing else.
    let found = Fingerprint::of_bytes(bytes.into_iter()).0;
    assert_eq!(format!("{found:032x}"), "b59daab7152a7b4480d922c14d3232cd", "the sample's bytes have changed");
}

#[test]
fn it_has_the_promised_size_and_every_dialogue_the_promised_form() {
    let count = |split| made().iter().filter(|made| made.0 == split).count();
    assert_eq!(Split::ALL.map(count), [3600, 200, 200]);
    let mut ids = BTreeSet::new();
    for dialogue in dialogues() {
        let id = &dialogue.id;
        assert!(ids.insert(id), "{id} occurs twice");
        assert!((6..=16).contains(&dialogue.turns.len()), "{id} has {} turns", dialogue.turns.len());
        for (at, turn) in dialogue.turns.iter().enumerate() {
            let speaker = if at % 2 == 0 { Speaker::User } else { Speaker::System };
            assert_eq!(turn.speaker, speaker, "{id}, turn {at}");
            assert_eq!(turn.turn_id, at.to_string(), "{id}");
            let text = &turn.utterance;
            let clean =
                !text.contains(['{', '}']) && !text.contains("  ") && !text.contains(" .") && text.trim() == text;
            assert!(clean && !text.is_empty(), "{id}, turn {at}: {text:?}");
            assert!(!turn.frames.is_empty(), "{id}, turn {at} has no frame");
            let states = turn.frames.iter().filter(|frame| frame.state.is_some()).count();
            assert_eq!(states, if speaker == Speaker::User { turn.frames.len() } else { 0 }, "{id}, turn {at}");
        }
    }
}

#[test]
fn no_text_occurs_twice() {
    let mut texts = BTreeMap::new();
    for dialogue in dialogues() {
        let text: Vec<_> = dialogue.text().map(|(_, text)| text).collect();
        if let Some(other) = texts.insert(text, &dialogue.id) {
            panic!("{} has the text of {other}", dialogue.id);
        }
    }
}

#[test]
fn it_is_varied() {
    let patterns: BTreeSet<_> = made().iter().flat_map(|(_, (_, patterns))| patterns).collect();
    assert!(patterns.len() >= 400, "only {} sentence patterns are used", patterns.len());
    let with = |act: &str| {
        let has =
            |dialogue: &&Dialogue| dialogue.turns.iter().any(|turn| acts(turn).iter().any(|found| found.0 == act));
        dialogues().filter(has).count()
    };
    for (act, least) in
        [("NO_MATCH", 600), ("ALTERNATIVE", 400), ("NO_BOOKING", 150), ("BOOKED", 1500), ("COUNT", 1000)]
    {
        assert!(with(act) >= least, "{act} occurs in only {} dialogues", with(act));
    }
    for domain in Domain::ALL {
        let about =
            dialogues().filter(|dialogue| dialogue.services.iter().any(|service| service == domain.name())).count();
        assert!(about >= 800, "only {about} dialogues are about a {}", domain.name());
    }
    for (domains, least) in [(1, 1000), (2, 1000), (3, 200)] {
        let such = dialogues().filter(|dialogue| dialogue.services.len() == domains).count();
        assert!(such >= least, "only {such} dialogues have {domains} domains");
    }
    let changes = |dialogue: &&Dialogue| {
        let states = dialogue.turns.iter().step_by(2).map(Turn::belief_state);
        states
            .clone()
            .zip(states.skip(1))
            .any(|(before, after)| before.iter().any(|(slot, value)| after.get(slot).is_some_and(|now| now != value)))
    };
    let changed = dialogues().filter(changes).count();
    assert!(changed >= 500, "wishes change in only {changed} dialogues");
}

#[test]
fn the_system_speaks_the_truth() {
    let world = World::new();
    let (mut offers, mut counts, mut trains) = (0, 0, 0);
    for dialogue in dialogues() {
        for (at, pair) in dialogue.turns.windows(2).enumerate().filter(|(at, _)| at % 2 == 0) {
            let [user, system] = pair else { unreachable!("windows of two") };
            let place = format!("{}, turn {}: {:?}", dialogue.id, at + 1, system.utterance);
            let wanted = wanted(user);
            let current = Domain::ALL.into_iter().find(|domain| domain.name() == system.frames[0].service).unwrap();
            let now = wanted.get(&current).cloned().unwrap_or_default();
            let acts = acts(system);
            let by = |act: &str| acts.iter().find(|found| found.0 == act);
            for venue in &world.venues {
                if !system.utterance.contains(venue.name.trim_start_matches("The ")) {
                    continue;
                }
                let is_value = |found: Option<&(String, String, Vec<String>)>| {
                    found.is_some_and(|found| found.2.contains(&venue.name.to_owned()))
                };
                if is_value(by("OFFER")) {
                    offers += 1;
                    assert!(venue.domain == current && venue.suits(&now), "{place}: it is not {now:?}");
                } else if is_value(by("ALTERNATIVE")) {
                    assert!(world.search(current, &now).is_empty(), "{place}: there is something for {now:?}");
                    let slot = by("NO_MATCH").unwrap().1.split_once('-').unwrap().1;
                    let mut less = now.clone();
                    less.remove(slot);
                    assert!(venue.suits(&less), "{place}: it is not even {less:?}");
                    let words = if matches!(slot, "parking" | "internet") { "" } else { venue.value(slot) };
                    assert!(
                        system.utterance.to_lowercase().contains(words),
                        "{place}: does not say that it is {words}"
                    );
                } else {
                    let named = ["name", "departure", "destination"].iter().filter_map(|slot| now.get(slot));
                    let named: Vec<_> = named.collect();
                    assert!(named.contains(&&venue.name.to_lowercase()), "{place}: {} is not {named:?}", venue.name);
                }
            }
            for train in &world.trains {
                if !system.utterance.contains(&train.id) {
                    continue;
                }
                trains += 1;
                let mut any_time = now.clone();
                let fits = |wanted: &Wanted| world.search_trains(wanted).iter().any(|found| found.id == train.id);
                if by("ALTERNATIVE").is_some() {
                    assert!(!fits(&now), "{place}: that train is no alternative, but is {now:?}");
                    any_time.remove("leaveat");
                    any_time.remove("arriveby");
                    assert!(world.search_trains(&now).is_empty() && fits(&any_time), "{place}: {now:?}");
                } else {
                    assert!(fits(&now), "{place}: the train is not {now:?}");
                }
            }
            if let Some((_, _, values)) = by("COUNT") {
                counts += 1;
                let found = match current {
                    Domain::Train => world.search_trains(&now).len(),
                    _ => world.search(current, &now).len(),
                };
                assert_eq!(values[0], found.to_string(), "{place}");
                let number = if found == 1 { "one".to_owned() } else { found.to_string() };
                assert!(system.utterance.contains(&number), "{place}: does not say {number}");
            }
            if by("NO_MATCH").is_some() && current != Domain::Train {
                assert!(world.search(current, &now).is_empty(), "{place}: there is something for {now:?}");
            }
        }
    }
    assert!(offers > 3000 && counts > 1500 && trains > 1500, "{offers} offers, {counts} counts, {trains} trains");
}

#[test]
fn facts_are_those_of_the_venue_that_is_named() {
    let world = World::new();
    let mut facts = 0;
    for dialogue in dialogues() {
        for pair in dialogue.turns.windows(2).step_by(2) {
            let state = wanted(&pair[0]);
            for (act, slot, values) in acts(&pair[1]) {
                let Some((domain, slot)) = slot.split_once('-').filter(|_| act == "INFORM") else { continue };
                let Some(domain) = Domain::ALL.into_iter().find(|known| known.name() == domain) else { continue };
                let Some(venue) = state
                    .get(&domain)
                    .and_then(|wanted| wanted.get("name"))
                    .and_then(|name| world.venues.iter().find(|venue| venue.name.to_lowercase() == *name))
                else {
                    continue;
                };
                let is = match slot {
                    "phone" => &venue.phone,
                    "address" => &venue.address,
                    "postcode" => &venue.postcode,
                    _ => continue,
                };
                facts += 1;
                assert_eq!(values[0], *is, "{}: {:?}", dialogue.id, pair[1].utterance);
                assert!(pair[1].utterance.contains(is), "{}: {:?} lacks {is}", dialogue.id, pair[1].utterance);
            }
        }
    }
    assert!(facts > 500, "only {facts} facts were looked at");
}

#[test]
fn the_schema_knows_every_slot_and_value() {
    let services = schema::services();
    let slots: BTreeMap<_, _> =
        services.iter().flat_map(|service| &service.slots).map(|slot| (slot.name.as_str(), slot)).collect();
    for dialogue in dialogues() {
        for (slot, values) in dialogue.turns.iter().flat_map(Turn::belief_state) {
            let known =
                slots.get(slot.as_str()).unwrap_or_else(|| panic!("{}: {slot} is not in the schema", dialogue.id));
            let in_schema = !known.is_categorical || known.possible_values.contains(&values[0]) || values[0] == ANY;
            assert!(in_schema, "{}: {slot} is {values:?}", dialogue.id);
        }
    }
}
