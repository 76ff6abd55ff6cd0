//! How a user and the system come to a restaurant, hotel or attraction: searching, failing, choosing, changing one's mind,
//! asking for facts. Booking is in `booking_script.rs`, facts in `facts_script.rs`.

use super::phrases::{Patterns, VenuePatterns, attraction, general, hotel, restaurant};
use super::talk::{Action, Talk, Visited};
use super::words::{FORMS, amenities, capitalized, either, noun, price_words, slot_words, value_words, with_article};
use super::world::{ANY, Domain, Venue, Wanted};
use super::{booking_script, facts_script};

/// A slot and the value that the user has in mind.
type Wish = (&'static str, &'static str);

/// The most wishes that a goal has.
const MOST_WISHES: usize = 4;
/// How often a goal is changed to find one that fails.
const TRIES_TO_FAIL: usize = 12;
/// Of a hundred goals so many are made to fail; of some the user never comes to say it all.
const FAILING_GOALS: usize = 65;

/// Talks about a domain of venues from the first wish to the end.
pub(crate) fn run(talk: &mut Talk<'_>, domain: Domain) {
    let venue = if talk.draw.chance(12) { name(talk, domain) } else { find(talk, domain) };
    let books = domain != Domain::Attraction && talk.draw.chance(70);
    let asks_percent = if domain == Domain::Attraction { 85 } else { 40 };
    let asks = talk.draw.chance(asks_percent);
    if asks {
        facts_script::run(talk, venue, books);
    }
    let mut time = None;
    if books {
        time = booking_script::run(talk, venue);
    } else if !asks {
        talk.user_begins(patterns(domain).decline);
    }
    talk.visited.push(Visited { domain, name: venue.name, time });
}

/// The user has heard of a venue and names it.
fn name<'w>(talk: &mut Talk<'w>, domain: Domain) -> &'w Venue {
    let venues: Vec<_> = talk.world.venues(domain).collect();
    let venue = talk.draw.pick(&venues);
    talk.wanted(domain).insert("name", venue.name.to_lowercase());
    let place = match domain {
        Domain::Restaurant => "restaurant",
        Domain::Hotel => venue.kind,
        Domain::Attraction | Domain::Taxi | Domain::Train => "place",
    };
    let first = talk.visited.is_empty() && talk.wanted.len() == 1;
    let opening = if first { general::OPEN_NAMED } else { general::OPEN_NAMED_LATER };
    let text = talk.say(opening, &[("name", venue.called().as_str()), ("place", place)]);
    talk.user(domain, "find", &text, &[]);
    let described = describe(talk, venue, patterns(domain).describe);
    let question = question(talk, domain);
    talk.system(&format!("{described} {question}"), &[Action::new("OFFER", "name", &[venue.name])]);
    venue
}

/// The user has wishes, and comes to a venue that the system has offered.
fn find<'w>(talk: &mut Talk<'w>, domain: Domain) -> &'w Venue {
    let mut wishes = draw_wishes(talk, domain);
    let most = wishes.len().min(2);
    let told = if talk.draw.chance(8) { 0 } else { 1 + talk.draw.below(most) };
    let held_back = wishes.split_off(told.min(wishes.len()));
    let wanted = talk.wanted(domain);
    for (slot, value) in wishes {
        wanted.insert(slot, value.to_owned());
    }
    let text = opening(talk, domain);
    talk.user(domain, "find", &text, &[]);
    let (mut venue, mut settled) = search(talk, domain, held_back);
    if !settled && talk.draw.chance(18) {
        (venue, settled) = change_of_mind(talk, domain, venue);
    }
    if !settled && talk.draw.chance(16) {
        venue = ask_for_another(talk, domain, venue);
    }
    venue
}

pub(crate) fn patterns(domain: Domain) -> &'static VenuePatterns {
    match domain {
        Domain::Restaurant => &restaurant::PATTERNS,
        Domain::Hotel => &hotel::PATTERNS,
        Domain::Attraction | Domain::Taxi | Domain::Train => &attraction::PATTERNS,
    }
}

/// What the user has in mind: often something that there is, sometimes something that there is not.
fn draw_wishes(talk: &mut Talk<'_>, domain: Domain) -> Vec<Wish> {
    let venues: Vec<_> = talk.world.venues(domain).collect();
    let target = talk.draw.pick(&venues);
    let mut wishes: Vec<Wish> = Vec::new();
    for slot in domain.search_slots() {
        let value = target.value(slot);
        let percent = if domain == Domain::Hotel { 50 } else { 78 };
        if value != "no" && talk.draw.chance(percent) {
            wishes.push((slot, value));
        }
    }
    talk.draw.shuffle(&mut wishes);
    wishes.truncate(MOST_WISHES);
    if wishes.is_empty() {
        wishes.push(("area", target.area));
    }
    if wishes.len() > 1 && talk.draw.chance(FAILING_GOALS) {
        for _ in 0..TRIES_TO_FAIL {
            let at = talk.draw.below(wishes.len());
            let values = wishable(talk, domain, wishes[at].0);
            let mut changed = wishes.clone();
            changed[at].1 = talk.draw.pick(&values);
            if talk.world.search(domain, &collect(&changed)).is_empty() {
                return changed;
            }
        }
    }
    wishes
}

fn collect(wishes: &[Wish]) -> Wanted {
    wishes.iter().map(|(slot, value)| (*slot, (*value).to_owned())).collect()
}

/// Values that someone may want: nobody asks for a place without parking.
fn wishable(talk: &Talk<'_>, domain: Domain, slot: &str) -> Vec<&'static str> {
    let mut values = talk.world.values(domain, slot);
    values.retain(|value| *value != "no");
    values
}

/// The user's first words about this domain.
fn opening(talk: &mut Talk<'_>, domain: Domain) -> String {
    let one = what(talk, domain, false);
    let words = [("a_what", with_article(&one)), ("what", one), ("whats", what(talk, domain, true))];
    let special = patterns(domain).open;
    if talk.visited.is_empty() && talk.has_begun() && talk.wanted.len() == 1 {
        talk.say(&either(general::OPEN, special), &words)
    } else if talk.answers_a_question() {
        talk.say(general::OPEN_AFTER_QUESTION, &words)
    } else if talk.has_begun() {
        talk.say(general::OPEN_LATER, &words)
    } else if talk.draw.chance(12) {
        talk.say(general::OPEN_SHORT, &words)
    } else if talk.draw.chance(35) {
        talk.say(special, &words)
    } else {
        talk.say(&either(general::OPEN, general::OPEN_POLITE), &words)
    }
}

/// What is wanted so far as a noun phrase in one of its forms.
pub(crate) fn what(talk: &mut Talk<'_>, domain: Domain, plural: bool) -> String {
    let form = talk.draw.below(FORMS);
    noun(domain, talk.wanted(domain), plural, form)
}

/// From the user's wishes to a venue that the system has offered, and whether the user has taken it already.
fn search<'w>(talk: &mut Talk<'w>, domain: Domain, mut held_back: Vec<Wish>) -> (&'w Venue, bool) {
    let mut asked_in_vain = false;
    loop {
        let wanted = talk.wanted(domain).clone();
        let found = talk.world.search(domain, &wanted);
        if found.is_empty() {
            if let Some(venue) = no_match(talk, domain) {
                return (venue, true);
            }
            continue;
        }
        if found.len() > 1 && !held_back.is_empty() && talk.draw.chance(88) {
            let (slot, value) = held_back.remove(0);
            ask(talk, domain, slot, found.len());
            talk.wanted(domain).insert(slot, value.to_owned());
            let text = answer(talk, slot, value);
            talk.user(domain, "find", &text, &[]);
            continue;
        }
        let open: Vec<_> = domain.search_slots().iter().filter(|slot| !wanted.contains_key(**slot)).collect();
        if found.len() > 3 && !open.is_empty() && !asked_in_vain && talk.draw.chance(30) {
            asked_in_vain = true;
            let slot = *talk.draw.pick(&open);
            ask(talk, domain, slot, found.len());
            talk.wanted(domain).insert(slot, ANY.to_owned());
            let any: Patterns =
                if matches!(slot, "parking" | "internet") { hotel::ANSWER_NOT_NEEDED } else { general::ANSWER_ANY };
            let text = talk.say(any, &[("slot", slot_words(domain, slot))]);
            talk.user(domain, "find", &text, &[]);
            continue;
        }
        let venue = talk.draw.pick(&found);
        offer(talk, venue, found.len());
        return (venue, false);
    }
}

/// The system asks for a slot, often with the number of what it has found.
fn ask(talk: &mut Talk<'_>, domain: Domain, slot: &'static str, found: usize) {
    let mut actions = vec![Action::new("REQUEST", slot, &[])];
    let mut text = String::new();
    if talk.draw.chance(60) {
        text = count(talk, domain, found);
        actions.push(Action::new("COUNT", "count", &[&found.to_string()]));
    } else if talk.draw.chance(50) {
        text = talk.say_plainly(general::ACKNOWLEDGE);
    }
    let question: Patterns = match (domain, slot) {
        (_, "area") => general::ASK_AREA,
        (_, "pricerange") => general::ASK_PRICE,
        (_, "food") => restaurant::ASK_FOOD,
        (_, "stars") => hotel::ASK_STARS,
        (_, "parking") => hotel::ASK_PARKING,
        (_, "internet") => hotel::ASK_INTERNET,
        (Domain::Hotel, _) => hotel::ASK_TYPE,
        _ => attraction::ASK_TYPE,
    };
    let question = talk.say_plainly(question);
    talk.system(&format!("{text} {question}"), &actions);
}

fn count(talk: &mut Talk<'_>, domain: Domain, found: usize) -> String {
    let several = what(talk, domain, true);
    let one = what(talk, domain, false);
    let words = [("n", found.to_string()), ("whats", several), ("what", one)];
    talk.say(if found == 1 { general::ONLY } else { general::COUNT }, &words)
}

fn answer(talk: &mut Talk<'_>, slot: &str, value: &str) -> String {
    let (kind, food) = (with_article(value), capitalized(value));
    let price = price_words(value);
    let domain = talk.current();
    match slot {
        "area" => talk.say(general::ANSWER_AREA, &[("area", value)]),
        "pricerange" => talk.say(general::ANSWER_PRICE, &[("price", price)]),
        "food" => talk.say(restaurant::ANSWER_FOOD, &[("food", &food)]),
        "stars" => talk.say(hotel::ANSWER_STARS, &[("stars", value)]),
        "parking" => talk.say_plainly(hotel::ANSWER_PARKING),
        "internet" => talk.say_plainly(hotel::ANSWER_INTERNET),
        _ if domain == Domain::Hotel => talk.say(hotel::ANSWER_TYPE, &[("type", value)]),
        _ => talk.say(attraction::ANSWER_TYPE, &[("a_type", &kind)]),
    }
}

/// The system describes a venue that is what the user wants.
fn offer(talk: &mut Talk<'_>, venue: &Venue, found: usize) {
    let mut actions = vec![Action::new("OFFER", "name", &[venue.name])];
    let mut text = String::new();
    if talk.draw.chance(30) {
        text = count(talk, venue.domain, found);
        actions.push(Action::new("COUNT", "count", &[&found.to_string()]));
    }
    let described = describe(talk, venue, patterns(venue.domain).describe);
    let question = question(talk, venue.domain);
    talk.system(&format!("{text} {described} {question}"), &actions);
}

fn question(talk: &mut Talk<'_>, domain: Domain) -> String {
    if talk.draw.chance(70) { talk.say_plainly(patterns(domain).question) } else { String::new() }
}

/// Fills a pattern with what is known of a venue.
pub(crate) fn describe(talk: &mut Talk<'_>, venue: &Venue, from: Patterns) -> String {
    let entrance = if venue.domain == Domain::Attraction { facts_script::entrance(talk, venue) } else { String::new() };
    let price = price_words(venue.price);
    let words = [
        ("name", venue.called()),
        ("area", venue.area.to_owned()),
        ("food", capitalized(venue.kind)),
        ("a_food", with_article(&capitalized(venue.kind))),
        ("type", venue.kind.to_owned()),
        ("a_type", with_article(venue.kind)),
        ("price", price.to_owned()),
        ("range", venue.price.to_owned()),
        ("a_price", with_article(price)),
        ("stars", venue.stars.to_owned()),
        ("amenities", amenities(venue).to_owned()),
        ("entrance", entrance),
        ("fee", venue.fee.to_owned()),
        ("phone", venue.phone.clone()),
        ("address", venue.address.clone()),
        ("postcode", venue.postcode.clone()),
    ];
    talk.say(from, &words)
}

/// There is nothing that the user wants: the system says so, and the user gives way, or takes what comes near.
fn no_match<'w>(talk: &mut Talk<'w>, domain: Domain) -> Option<&'w Venue> {
    let wanted = talk.wanted(domain).clone();
    let mut ways = Vec::new();
    for (slot, _) in wanted.iter().filter(|(_, value)| *value != ANY) {
        let mut less = wanted.clone();
        less.remove(slot);
        ways.push((*slot, talk.world.search(domain, &less)));
    }
    // What is wanted is one change away from a venue; if it were not, giving up one wish after the other ends anyway.
    if ways.iter().any(|way| !way.1.is_empty()) {
        ways.retain(|way| !way.1.is_empty());
    }
    let (slot, nearby) = ways.swap_remove(talk.draw.below(ways.len()));
    let mut words = vec![("what", what(talk, domain, false)), ("slot", slot_words(domain, slot).to_owned())];
    words.push(("a_what", with_article(&words[0].1)));
    let failure = Action::new("NO_MATCH", slot, &[]);
    let yes_or_no = matches!(slot, "parking" | "internet");
    if nearby.is_empty() || (!yes_or_no && talk.draw.chance(40)) {
        let text = talk.say(general::NO_MATCH_ASK, &words);
        talk.system(&text, &[failure]);
        let text = if nearby.is_empty() {
            talk.wanted(domain).insert(slot, ANY.to_owned());
            talk.say(general::ANSWER_ANY, &words)
        } else {
            let value = talk.draw.pick(&nearby).value(slot);
            talk.wanted(domain).insert(slot, value.to_owned());
            talk.say(general::TRY_OTHER, &[("value", value_words(slot, value))])
        };
        talk.user(domain, "find", &text, &[]);
        return None;
    }
    let near = talk.draw.pick(&nearby);
    let accepted = if yes_or_no { ANY } else { near.value(slot) };
    let mut close = wanted;
    close.insert(slot, accepted.to_owned());
    words.push(("alternative", with_article(&noun(domain, &close, false, 0))));
    words.push(("name", near.called()));
    let text = talk.say(general::NO_MATCH_ALTERNATIVE, &words);
    talk.system(&text, &[failure, Action::new("ALTERNATIVE", "name", &[near.name])]);
    let other = talk.draw.pick(&nearby).value(slot);
    if !yes_or_no && other != near.value(slot) && talk.draw.chance(50) {
        talk.wanted(domain).insert(slot, other.to_owned());
        let text = talk.say(general::REFUSE_ALTERNATIVE, &[("value", value_words(slot, other))]);
        talk.user(domain, "find", &text, &[]);
        return None;
    }
    talk.wanted(domain).insert(slot, accepted.to_owned());
    talk.user_begins(general::TAKE_ALTERNATIVE);
    Some(near)
}

/// Having heard of a venue, the user wants something else after all.
fn change_of_mind<'w>(talk: &mut Talk<'w>, domain: Domain, venue: &'w Venue) -> (&'w Venue, bool) {
    let wanted = talk.wanted(domain).clone();
    let changeable = |slot: &&&str| wanted.contains_key(**slot) && !matches!(**slot, "parking" | "internet");
    let slots: Vec<_> = domain.search_slots().iter().filter(changeable).collect();
    if slots.is_empty() {
        return (venue, false);
    }
    let slot = *talk.draw.pick(&slots);
    let mut values = wishable(talk, domain, slot);
    values.retain(|value| *value != venue.value(slot));
    let value = talk.draw.pick(&values);
    talk.wanted(domain).insert(slot, value.to_owned());
    let text = talk.say(general::CHANGE_OF_MIND, &[("value", value_words(slot, value))]);
    talk.user(domain, "find", &text, &[]);
    if !talk.world.search(domain, &talk.wanted[&domain]).is_empty() {
        talk.system_begins(general::ACKNOWLEDGE);
    }
    search(talk, domain, Vec::new())
}

/// The user wants to hear of another venue that is what was wanted.
fn ask_for_another<'w>(talk: &mut Talk<'w>, domain: Domain, venue: &'w Venue) -> &'w Venue {
    let text = talk.say_plainly(general::ANOTHER);
    talk.user(domain, "find", &text, &[]);
    let mut others = talk.world.search(domain, &talk.wanted[&domain]);
    others.retain(|other| other.name != venue.name);
    if others.is_empty() {
        let words = [("name", venue.called()), ("what", what(talk, domain, false))];
        let text = talk.say(general::NO_OTHER, &words);
        talk.system(&text, &[Action::new("OFFER", "name", &[venue.name])]);
        talk.user_begins(general::STAY_WITH_IT);
        return venue;
    }
    let other = talk.draw.pick(&others);
    let described = describe(talk, other, patterns(domain).describe_other);
    let question = question(talk, domain);
    talk.system(&format!("{described} {question}"), &[Action::new("OFFER", "name", &[other.name])]);
    other
}
