//! Questions about a venue that was offered, and the answers.

use super::phrases::{Patterns, attraction, general, hotel, restaurant};
use super::talk::{Action, Talk};
use super::venue_script::{describe, patterns};
use super::words::{capitalized, price_words};
use super::world::{Domain, Venue};

/// The user asks once or twice about a venue; `books` says whether a booking follows.
pub(crate) fn run(talk: &mut Talk<'_>, venue: &Venue, books: bool) {
    talk.wanted(venue.domain).insert("name", venue.name.to_lowercase());
    let mut facts = vec!["phone", "address", "postcode", "area"];
    facts.extend(match venue.domain {
        Domain::Restaurant => &["pricerange", "food"][..],
        Domain::Hotel => &["pricerange", "parking", "internet", "stars"],
        _ => &["entrance fee", "entrance fee", "type"],
    });
    // Nobody asks what was said a moment ago.
    facts.retain(|fact| !is_said(venue, fact, talk.last_said()));
    talk.draw.shuffle(&mut facts);
    let questions = if talk.draw.chance(25) { 2 } else { 1 };
    for at in 0..questions {
        let fact = facts[at];
        let (question, answer, requested) = if is_contact(fact) && talk.draw.chance(45) {
            two_facts(talk, venue, fact)
        } else {
            one_fact(talk, venue, fact)
        };
        talk.user(venue.domain, "find", &question, &requested);
        let last = at + 1 == questions;
        let after = match (books, last && talk.draw.chance(60)) {
            (_, false) => String::new(),
            (true, true) => talk.say_plainly(patterns(venue.domain).question),
            (false, true) => talk.say_plainly(general::ANYTHING_ELSE),
        };
        let actions: Vec<_> =
            requested.iter().map(|slot| Action::new("INFORM", slot, &[&value(venue, slot)])).collect();
        talk.system(&format!("{answer} {after}"), &actions);
    }
}

/// Whether a text says a fact about a venue.
fn is_said(venue: &Venue, fact: &str, text: &str) -> bool {
    match fact {
        "area" => text.contains(&format!("in the {}", venue.area)),
        "pricerange" => text.contains(price_words(venue.price)),
        "stars" => text.contains(&format!("{} stars", venue.stars)) || text.contains(&format!("{}-star", venue.stars)),
        "parking" => text.contains("parking"),
        "internet" => text.contains("wifi"),
        "entrance fee" => text.contains("pounds") || text.contains("free to enter") || text.contains("ntrance"),
        "food" => text.contains(&capitalized(venue.kind)),
        "type" => text.contains(venue.kind),
        _ => false,
    }
}

/// What is asked for with [`general::ASK_FACT`].
fn is_contact(fact: &str) -> bool {
    matches!(fact, "phone" | "address" | "postcode")
}

fn contact_words(fact: &str) -> &'static str {
    match fact {
        "phone" => "phone number",
        "address" => "address",
        _ => "postcode",
    }
}

fn contact_answer(fact: &str) -> Patterns {
    match fact {
        "phone" => general::PHONE,
        "address" => general::ADDRESS,
        _ => general::POSTCODE,
    }
}

type Exchange = (String, String, Vec<&'static str>);

fn two_facts(talk: &mut Talk<'_>, venue: &Venue, fact: &'static str) -> Exchange {
    let others: Vec<_> = ["phone", "address", "postcode"].into_iter().filter(|other| *other != fact).collect();
    let other = talk.draw.pick(&others);
    let words = [
        ("fact", contact_words(fact).to_owned()),
        ("other", contact_words(other).to_owned()),
        ("name", venue.called()),
    ];
    let question = talk.say(general::ASK_TWO_FACTS, &words);
    let first = describe(talk, venue, contact_answer(fact));
    let second = describe(talk, venue, contact_answer(other));
    (question, format!("{first} {second}"), vec![fact, other])
}

fn one_fact(talk: &mut Talk<'_>, venue: &Venue, fact: &'static str) -> Exchange {
    let yes = |value: &str| value == "yes";
    let (question, answer): (Patterns, Patterns) = match (venue.domain, fact) {
        (_, "phone" | "address" | "postcode") => (general::ASK_FACT, contact_answer(fact)),
        (_, "area") => (general::ASK_WHERE, general::WHERE),
        (_, "pricerange") => (general::ASK_COST, general::COST),
        (_, "food") => (restaurant::ASK_WHAT_FOOD, restaurant::WHAT_FOOD),
        (_, "stars") => (hotel::ASK_HOW_MANY_STARS, hotel::HOW_MANY_STARS),
        (_, "parking") if yes(venue.parking) => (hotel::ASK_IF_PARKING, hotel::HAS_PARKING),
        (_, "parking") => (hotel::ASK_IF_PARKING, hotel::NO_PARKING),
        (_, "internet") if yes(venue.internet) => (hotel::ASK_IF_INTERNET, hotel::HAS_INTERNET),
        (_, "internet") => (hotel::ASK_IF_INTERNET, hotel::NO_INTERNET),
        (_, "entrance fee") => (attraction::ASK_FEE, fee(venue)),
        _ => (attraction::ASK_KIND, attraction::KIND),
    };
    let words = [("fact", contact_words(fact).to_owned()), ("name", venue.called())];
    let question = talk.say(question, &words);
    let answer = describe(talk, venue, answer);
    (question, answer, vec![fact])
}

fn fee(venue: &Venue) -> Patterns {
    if venue.fee == "0" { attraction::FREE } else { attraction::FEE }
}

/// A sentence about an attraction's entrance fee.
pub(crate) fn entrance(talk: &mut Talk<'_>, venue: &Venue) -> String {
    talk.say(fee(venue), &[("fee", venue.fee)])
}

fn value(venue: &Venue, slot: &str) -> String {
    match slot {
        "phone" => venue.phone.clone(),
        "address" => venue.address.clone(),
        "postcode" => venue.postcode.clone(),
        "entrance fee" => venue.fee.to_owned(),
        _ => venue.value(slot).to_owned(),
    }
}
