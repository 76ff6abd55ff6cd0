//! How a user gets a taxi: between the places of the dialogue where there are two, else between places of the town.

use super::phrases::{Patterns, general, taxi};
use super::talk::{Action, Talk};
use super::timetable::{TOWN, Time};
use super::words::with_article;
use super::world::{Domain, Venue};

const DOMAIN: Domain = Domain::Taxi;
/// Taxis are wanted from seven in the morning on, in steps of a quarter of an hour.
const FIRST: Time = Time(7 * 60);
const STEP_MINUTES: u16 = 15;
const STEPS: usize = 64;

#[derive(Clone)]
struct Stop {
    /// In a sentence.
    called: String,
    /// As in the belief state.
    value: String,
    /// The time of a booking there.
    time: Option<Time>,
}

struct Goal {
    from: Stop,
    to: Stop,
    /// `leaveat` or `arriveby`.
    when: &'static str,
    time: Time,
    /// Whether the time is that of a booking, which need not be said.
    by_booking: bool,
}

/// Talks about a taxi from the first wish to the end.
pub(crate) fn run(talk: &mut Talk<'_>) {
    let goal = draw_goal(talk);
    let later = talk.wanted.len() > 1 || !talk.visited.is_empty();
    let which = if later { 0 } else { talk.draw.below(5) };
    let (opening, told): (Patterns, &[&str]) = match which {
        _ if later => (taxi::OPEN_LATER, &["departure", "destination"]),
        0 | 1 => (taxi::OPEN, &["departure", "destination"]),
        2 | 3 => (taxi::OPEN_TO, &["destination"]),
        _ => (taxi::OPEN_FROM, &["departure"]),
    };
    let words = words(&goal);
    let mut text = talk.say(opening, &words);
    if later && talk.answers_a_question() {
        text = format!("Yes, please. {text}");
    }
    told.iter().for_each(|slot| tell(talk, &goal, slot));
    let says_time = goal.by_booking || talk.draw.chance(35);
    if says_time {
        tell(talk, &goal, goal.when);
        let how = match goal.when {
            _ if goal.by_booking => taxi::ADD_ARRIVE_BOOKING,
            "leaveat" => taxi::ADD_LEAVE,
            _ => taxi::ADD_ARRIVE,
        };
        text = format!("{text} {}", talk.say(how, &words));
    }
    talk.user(DOMAIN, "book", &text, &[]);
    if !told.contains(&"departure") {
        ask(talk, &goal, "departure", taxi::ASK_DEPARTURE, taxi::ANSWER_DEPARTURE);
    }
    if !told.contains(&"destination") {
        ask(talk, &goal, "destination", taxi::ASK_DESTINATION, taxi::ANSWER_DESTINATION);
    }
    if !says_time {
        let answer = if goal.when == "leaveat" { taxi::ADD_LEAVE } else { taxi::ADD_ARRIVE };
        ask(talk, &goal, goal.when, taxi::ASK_TIME, answer);
    }
    book(talk, &goal);
}

fn draw_goal(talk: &mut Talk<'_>) -> Goal {
    let mut stops: Vec<Stop> =
        talk.visited.iter().rev().map(|place| stop(venue(talk, place.name), place.time)).collect();
    while stops.len() < 2 {
        let next = if talk.draw.chance(25) {
            Stop { called: format!("{TOWN} station"), value: format!("{TOWN} station").to_lowercase(), time: None }
        } else {
            stop(&talk.world.venues[talk.draw.below(talk.world.venues.len())], None)
        };
        if stops.iter().all(|other| other.value != next.value) {
            stops.push(next);
        }
    }
    let (mut from, mut to) = (stops[0].clone(), stops[1].clone());
    // To where a table is booked, if there is one; else either way.
    if from.time.is_some() || (to.time.is_none() && talk.draw.chance(50)) {
        std::mem::swap(&mut from, &mut to);
    }
    let by_booking = to.time.is_some() && talk.draw.chance(60);
    let drawn = FIRST.plus(STEP_MINUTES * talk.draw.below(STEPS) as u16);
    let when = if by_booking || talk.draw.chance(50) { "arriveby" } else { "leaveat" };
    let time = to.time.filter(|_| when == "arriveby").unwrap_or(drawn);
    Goal { from, to, when, time, by_booking }
}

fn venue<'w>(talk: &Talk<'w>, name: &str) -> &'w Venue {
    let mut venues = talk.world.venues.iter();
    venues.find(|venue| venue.name == name).expect("a visited venue is one of the world's")
}

fn stop(venue: &Venue, time: Option<Time>) -> Stop {
    Stop { called: venue.called(), value: venue.name.to_lowercase(), time }
}

fn words(goal: &Goal) -> [(&'static str, String); 3] {
    [("from", goal.from.called.clone()), ("to", goal.to.called.clone()), ("time", goal.time.to_string())]
}

fn tell(talk: &mut Talk<'_>, goal: &Goal, slot: &str) {
    let wanted = talk.wanted(DOMAIN);
    match slot {
        "departure" => wanted.insert("departure", goal.from.value.clone()),
        "destination" => wanted.insert("destination", goal.to.value.clone()),
        _ => wanted.insert(goal.when, goal.time.to_string()),
    };
}

fn ask(talk: &mut Talk<'_>, goal: &Goal, slot: &'static str, question: Patterns, answer: Patterns) {
    let before = if talk.draw.chance(35) { talk.say_plainly(general::ACKNOWLEDGE) } else { String::new() };
    let question = talk.say_plainly(question);
    talk.system(&format!("{before} {question}"), &[Action::new("REQUEST", slot, &[])]);
    tell(talk, goal, slot);
    let text = talk.say(answer, &words(goal));
    talk.user(DOMAIN, "book", &text, &[]);
}

fn book(talk: &mut Talk<'_>, goal: &Goal) {
    let car = talk.draw.pick(taxi::CARS);
    // From the same range for fiction as the venues' numbers, but another part of it.
    let phone = format!("07700 900{:03}", talk.draw.below(1000));
    let mut all = words(goal).to_vec();
    all.extend([("a_car", with_article(car)), ("phone", phone.clone())]);
    let how = match (talk.draw.chance(40), goal.when) {
        (true, _) => taxi::BOOKED,
        (false, "leaveat") => taxi::BOOKED_LEAVE,
        (false, _) => taxi::BOOKED_ARRIVE,
    };
    let text = talk.say(how, &all);
    let after = if talk.draw.chance(60) { talk.say_plainly(general::ANYTHING_ELSE) } else { String::new() };
    let informs = [Action::new("INFORM", "type", &[car]), Action::new("INFORM", "phone", &[&phone])];
    talk.system(&format!("{text} {after}"), &informs);
    if talk.draw.chance(15) {
        let text = talk.say_plainly(taxi::ASK_CAR);
        talk.user(DOMAIN, "book", &text, &["type"]);
        let text = talk.say(taxi::CAR, &all);
        talk.system(&text, &informs[..1]);
    }
}
