//! The sample's `schema.json`: services, slots and intents. Values come from the tables.

use super::timetable::DAYS;
use super::world::{Domain, World};
use crate::write::{IntentSchema, ServiceSchema, SlotSchema};

/// Slots beside those that venues are searched by: domain, name, description.
const MORE_SLOTS: [(Domain, &str, &str); 16] = [
    (Domain::Attraction, "name", "name of the attraction"),
    (Domain::Hotel, "name", "name of the hotel or guesthouse"),
    (Domain::Hotel, "bookday", "day on which the stay begins"),
    (Domain::Hotel, "bookpeople", "number of people of the booking"),
    (Domain::Hotel, "bookstay", "number of nights of the stay"),
    (Domain::Restaurant, "name", "name of the restaurant"),
    (Domain::Restaurant, "bookday", "day of the booking"),
    (Domain::Restaurant, "bookpeople", "number of people of the booking"),
    (Domain::Restaurant, "booktime", "time of the booking"),
    (Domain::Taxi, "departure", "where the taxi picks up"),
    (Domain::Taxi, "destination", "where the taxi goes"),
    (Domain::Taxi, "leaveat", "time at which the taxi leaves"),
    (Domain::Taxi, "arriveby", "latest time of arrival"),
    (Domain::Train, "bookpeople", "number of tickets of the booking"),
    (Domain::Train, "leaveat", "earliest time of departure"),
    (Domain::Train, "arriveby", "latest time of arrival"),
];

/// One schema a domain, in the order of names.
pub(crate) fn services() -> Vec<ServiceSchema> {
    let world = World::new();
    Domain::ALL.map(|domain| service(&world, domain)).to_vec()
}

fn service(world: &World, domain: Domain) -> ServiceSchema {
    let name = domain.name();
    let slot = |slot: &str, description: String, values: &[&str]| SlotSchema {
        name: format!("{name}-{slot}"),
        description,
        possible_values: values.iter().map(|value| (*value).to_owned()).collect(),
        is_categorical: !values.is_empty(),
    };
    let mut slots = Vec::new();
    for searched in domain.search_slots() {
        slots.push(slot(searched, format!("{searched} of the {name}"), &world.values(domain, searched)));
    }
    for (_, more, description) in MORE_SLOTS.iter().filter(|more| more.0 == domain) {
        let values: &[&str] = if *more == "bookday" { &DAYS } else { &[] };
        slots.push(slot(more, (*description).to_owned(), values));
    }
    if domain == Domain::Train {
        let mut towns: Vec<_> = world.trains.iter().map(|train| train.from.to_lowercase()).collect();
        towns.sort();
        towns.dedup();
        let towns: Vec<_> = towns.iter().map(String::as_str).collect();
        slots.push(slot("departure", "town where the journey begins".to_owned(), &towns));
        slots.push(slot("destination", "town where the journey ends".to_owned(), &towns));
        slots.push(slot("day", "day of the journey".to_owned(), &DAYS));
    }
    let intent = |verb: &str, required: &[&str]| IntentSchema {
        name: format!("{verb}_{name}"),
        description: format!("{verb} a {name}"),
        required_slots: required.iter().map(|slot| format!("{name}-{slot}")).collect(),
    };
    let intents = match domain {
        Domain::Attraction => vec![intent("find", &[])],
        Domain::Hotel => vec![intent("find", &[]), intent("book", &["bookday", "bookpeople", "bookstay"])],
        Domain::Restaurant => vec![intent("find", &[]), intent("book", &["bookday", "bookpeople", "booktime"])],
        Domain::Taxi => vec![intent("book", &["departure", "destination"])],
        Domain::Train => vec![intent("find", &["departure", "destination"]), intent("book", &["bookpeople"])],
    };
    ServiceSchema { service_name: name.to_owned(), description: format!("{name}s in Fernbridge"), slots, intents }
}
