//! How a user finds a train and books seats.

use super::booking_script::{draw_reference, finish};
use super::phrases::{Patterns, general, train};
use super::talk::{Action, Talk};
use super::timetable::{DAYS, TOWN, Time, Train, towns};
use super::words::{capitalized, people, tickets, with_article};
use super::world::Domain;

const DOMAIN: Domain = Domain::Train;
/// Times that users name lie between these, in steps.
const FIRST_STEP: usize = 4 * 5 + 2;
const LAST_STEP: usize = 4 * 23;
const STEP_MINUTES: u16 = 15;
const MOST_TICKETS: usize = 8;

/// Slots in the order in which the system asks for them.
const ASKED: [&str; 4] = ["departure", "destination", "day", "time"];

struct Goal {
    from: &'static str,
    to: &'static str,
    day: &'static str,
    /// `leaveat` or `arriveby`.
    when: &'static str,
    time: Time,
}

/// Talks about a train from the first wish to the end.
pub(crate) fn run(talk: &mut Talk<'_>) {
    let goal = draw_goal(talk);
    let mut told: Vec<_> = ASKED.into_iter().filter(|_| talk.draw.chance(60)).collect();
    if told.is_empty() {
        told.push("destination");
    }
    told.iter().for_each(|slot| tell(talk, &goal, slot));
    let text = opening(talk, &goal, &told);
    talk.user(DOMAIN, "find", &text, &[]);
    for slot in ASKED.into_iter().filter(|slot| !told.contains(slot)) {
        // A day is enough to offer a train.
        if slot == "time" && talk.draw.chance(25) {
            continue;
        }
        ask(talk, &goal, slot);
    }
    let mut chosen = offer(talk, &goal);
    if talk.draw.chance(15) {
        chosen = ask_for_another(talk, chosen);
    }
    let books = talk.draw.chance(70);
    let asks = talk.draw.chance(40);
    if asks {
        ask_facts(talk, chosen, books);
    }
    if books {
        book(talk, chosen, goal.day);
    } else if !asks {
        talk.user_begins(train::DECLINE);
    }
    talk.day = Some(goal.day);
}

fn draw_goal(talk: &mut Talk<'_>) -> Goal {
    let town = talk.draw.pick(&towns());
    let (from, to) = if talk.draw.chance(50) { (TOWN, town) } else { (town, TOWN) };
    let day = talk.day.filter(|_| talk.draw.chance(60)).unwrap_or_else(|| talk.draw.pick(&DAYS));
    let when = if talk.draw.chance(50) { "leaveat" } else { "arriveby" };
    let step = FIRST_STEP + talk.draw.below(LAST_STEP - FIRST_STEP);
    Goal { from, to, day, when, time: Time(STEP_MINUTES * step as u16) }
}

fn tell(talk: &mut Talk<'_>, goal: &Goal, slot: &str) {
    let wanted = talk.wanted(DOMAIN);
    match slot {
        "departure" => wanted.insert("departure", goal.from.to_lowercase()),
        "destination" => wanted.insert("destination", goal.to.to_lowercase()),
        "day" => wanted.insert("day", goal.day.to_owned()),
        _ => wanted.insert(goal.when, goal.time.to_string()),
    };
}

fn opening(talk: &mut Talk<'_>, goal: &Goal, told: &[&str]) -> String {
    let mut route = Vec::new();
    if told.contains(&"departure") {
        route.push(format!("from {}", goal.from));
    }
    if told.contains(&"destination") {
        route.push(format!("to {}", goal.to));
    }
    let has_places = !route.is_empty();
    if told.contains(&"day") {
        route.push(format!("on {}", capitalized(goal.day)));
    }
    let has_time = told.contains(&"time");
    if has_time {
        let form = talk.draw.below(2);
        let words = match (goal.when, form) {
            ("leaveat", 0) => "that leaves after",
            ("leaveat", _) => "leaving after",
            (_, 0) => "that arrives by",
            _ => "arriving by",
        };
        route.push(format!("{words} {}", goal.time));
    }
    let route = route.join(" ");
    let words = [("a_what", with_article(&format!("train {route}"))), ("route", route)];
    if talk.answers_a_question() && talk.wanted.len() > 1 {
        talk.say(general::OPEN_AFTER_QUESTION, &words)
    } else if talk.has_begun() && talk.wanted.len() > 1 {
        talk.say(general::OPEN_LATER, &words)
    } else if has_places && !has_time && talk.draw.chance(40) {
        talk.say(train::OPEN, &words)
    } else {
        talk.say(general::OPEN, &words)
    }
}

fn ask(talk: &mut Talk<'_>, goal: &Goal, slot: &'static str) {
    let (question, answer): (Patterns, Patterns) = match (slot, goal.when) {
        ("departure", _) => (train::ASK_DEPARTURE, train::ANSWER_DEPARTURE),
        ("destination", _) => (train::ASK_DESTINATION, train::ANSWER_DESTINATION),
        ("day", _) => (train::ASK_DAY, train::ANSWER_DAY),
        (_, "leaveat") => (train::ASK_TIME, train::ANSWER_LEAVE),
        _ => (train::ASK_TIME, train::ANSWER_ARRIVE),
    };
    let mut before = String::new();
    let mut actions = vec![Action::new("REQUEST", if slot == "time" { goal.when } else { slot }, &[])];
    if slot == "time" && talk.draw.chance(40) {
        let found = talk.world.search_trains(&talk.wanted[&DOMAIN]).len().to_string();
        let words = [("n", found.as_str()), ("from", goal.from), ("to", goal.to), ("day", &capitalized(goal.day))];
        before = talk.say(train::COUNT, &words);
        actions.push(Action::new("COUNT", "count", &[&found]));
    } else if talk.draw.chance(35) {
        before = talk.say_plainly(general::ACKNOWLEDGE);
    }
    let question = talk.say_plainly(question);
    talk.system(&format!("{before} {question}"), &actions);
    tell(talk, goal, slot);
    let words =
        [("from", goal.from), ("to", goal.to), ("day", &capitalized(goal.day)), ("time", &goal.time.to_string())];
    let text = talk.say(answer, &words);
    talk.user(DOMAIN, "find", &text, &[]);
}

fn describe(talk: &mut Talk<'_>, found: &Train, from: Patterns, more: &[(&'static str, String)]) -> String {
    let mut words = vec![
        ("id", found.id.clone()),
        ("from", found.from.to_owned()),
        ("to", found.to.to_owned()),
        ("leaves", found.leaves.to_string()),
        ("arrives", found.arrives().to_string()),
        ("minutes", found.minutes.to_string()),
        ("price", found.price.to_string()),
    ];
    words.extend_from_slice(more);
    talk.say(from, &words)
}

/// The system offers a train that is what is wanted; if there is none, the nearest, which the user takes.
fn offer<'w>(talk: &mut Talk<'w>, goal: &Goal) -> &'w Train {
    let wanted = talk.wanted(DOMAIN).clone();
    let found = talk.world.search_trains(&wanted);
    let best = match (found.first(), found.last()) {
        (Some(first), _) if wanted.contains_key("leaveat") => Some(*first),
        (_, Some(last)) if wanted.contains_key("arriveby") => Some(*last),
        (None, _) | (_, None) => None,
        _ => Some(talk.draw.pick(&found)),
    };
    let question = talk.say_plainly(train::QUESTION);
    if let Some(best) = best {
        let text = describe(talk, best, train::OFFER, &[]);
        talk.system(&format!("{text} {question}"), &[Action::new("OFFER", "id", &[&best.id])]);
        return best;
    }
    let mut any_time = wanted;
    any_time.remove(goal.when);
    let all = talk.world.search_trains(&any_time);
    let early = goal.when == "arriveby";
    let nearest = if early { all[0] } else { all[all.len() - 1] };
    let words = [("time", goal.time.to_string()), ("day", capitalized(goal.day))];
    let text = describe(talk, nearest, if early { train::NO_ARRIVAL } else { train::NO_DEPARTURE }, &words);
    let actions = [Action::new("NO_MATCH", goal.when, &[]), Action::new("ALTERNATIVE", "id", &[&nearest.id])];
    talk.system(&text, &actions);
    let time = if early { nearest.arrives() } else { nearest.leaves };
    talk.wanted(DOMAIN).insert(goal.when, time.to_string());
    talk.user_begins(general::TAKE_ALTERNATIVE);
    nearest
}

/// The user asks for the train before or after, if there is one.
fn ask_for_another<'w>(talk: &mut Talk<'w>, chosen: &'w Train) -> &'w Train {
    let found = talk.world.search_trains(&talk.wanted[&DOMAIN]);
    let at = found.iter().position(|train| train.id == chosen.id);
    let before = at.filter(|at| *at > 0).map(|at| found[at - 1]);
    let after = at.and_then(|at| found.get(at + 1)).copied();
    let (other, question) = match (before, after) {
        (_, Some(after)) => (after, train::LATER),
        (Some(before), None) => (before, train::EARLIER),
        (None, None) => return chosen,
    };
    let text = talk.say_plainly(question);
    talk.user(DOMAIN, "find", &text, &[]);
    let text = describe(talk, other, train::OTHER_OFFER, &[]);
    let question = talk.say_plainly(train::QUESTION);
    talk.system(&format!("{text} {question}"), &[Action::new("OFFER", "id", &[&other.id])]);
    other
}

fn ask_facts(talk: &mut Talk<'_>, chosen: &Train, books: bool) {
    // The time of arrival was said, unless the train is the last one of the day.
    let said = talk.last_said().contains(&chosen.arrives().to_string());
    let (slot, question, answer): (_, Patterns, Patterns) = match talk.draw.below(if said { 2 } else { 3 }) {
        0 => ("price", train::ASK_PRICE, train::PRICE),
        1 => ("duration", train::ASK_DURATION, train::DURATION),
        _ => ("arriveby", train::ASK_ARRIVAL, train::ARRIVAL),
    };
    let text = describe(talk, chosen, question, &[]);
    talk.user(DOMAIN, "find", &text, &[slot]);
    let text = describe(talk, chosen, answer, &[]);
    let after = if books { train::QUESTION } else { general::ANYTHING_ELSE };
    let after = if talk.draw.chance(60) { talk.say_plainly(after) } else { String::new() };
    let value = match slot {
        "price" => chosen.price.to_string(),
        "duration" => chosen.minutes.to_string(),
        _ => chosen.arrives().to_string(),
    };
    talk.system(&format!("{text} {after}"), &[Action::new("INFORM", slot, &[&value])]);
}

fn book(talk: &mut Talk<'_>, chosen: &Train, day: &str) {
    let known = talk.people.filter(|_| talk.draw.chance(60));
    let count = known.unwrap_or_else(|| 1 + talk.draw.below(MOST_TICKETS));
    let reference = draw_reference(talk);
    let words = [
        ("tickets", tickets(count)),
        ("people", people(count)),
        ("day", capitalized(day)),
        ("total", (count * usize::from(chosen.price)).to_string()),
        ("reference", reference.clone()),
    ];
    let same_people = known.is_some_and(|people| people > 1) && talk.draw.chance(70);
    let mut how = if same_people { train::BOOK_SAME_PEOPLE } else { train::BOOK };
    if !same_people && talk.draw.chance(35) {
        let text = talk.say_plainly(train::BOOK_PLAIN);
        talk.user(DOMAIN, "book", &text, &[]);
        let text = talk.say_plainly(train::ASK_TICKETS);
        talk.system(&text, &[Action::new("REQUEST", "bookpeople", &[])]);
        how = train::TICKETS;
    }
    talk.wanted(DOMAIN).insert("bookpeople", count.to_string());
    let text = talk.say(how, &words);
    talk.user(DOMAIN, "book", &text, &[]);
    talk.people = Some(count);
    let text = describe(talk, chosen, train::BOOKED, &words);
    finish(talk, &text, &reference, &chosen.id);
}
