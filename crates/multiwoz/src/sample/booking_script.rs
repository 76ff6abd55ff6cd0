//! Booking a table or a room: details at once or when asked for, failures, reference numbers.

use super::phrases::general;
use super::talk::{Action, Talk};
use super::timetable::{DAYS, Time};
use super::venue_script::patterns;
use super::words::{capitalized, nights, people};
use super::world::{Domain, Venue};

/// Characters of reference numbers: none that is easily taken for another.
const REFERENCE_CHARACTERS: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
const REFERENCE_LENGTH: usize = 6;
/// The most people of a booking.
const MOST_PEOPLE: usize = 8;
/// The most nights of a stay.
const MOST_NIGHTS: usize = 5;
/// Tables are booked from this time on, in steps, up to so many steps later.
const FIRST_TABLE: Time = Time(11 * 60);
const STEP_MINUTES: u16 = 15;
const TABLE_STEPS: usize = 42;

struct Booking {
    people: usize,
    day: &'static str,
    time: Time,
    nights: usize,
}

impl Booking {
    fn words(&self, venue: &Venue, reference: &str) -> Vec<(&'static str, String)> {
        vec![
            ("name", venue.called()),
            ("people", people(self.people)),
            ("day", capitalized(self.day)),
            ("time", self.time.to_string()),
            ("nights", nights(self.nights)),
            ("reference", reference.to_owned()),
        ]
    }

    fn tell(&self, talk: &mut Talk<'_>, venue: &Venue) {
        let wanted = talk.wanted(venue.domain);
        wanted.insert("bookpeople", self.people.to_string());
        wanted.insert("bookday", self.day.to_owned());
        if venue.domain == Domain::Restaurant {
            wanted.insert("booktime", self.time.to_string());
        } else {
            wanted.insert("bookstay", self.nights.to_string());
        }
    }
}

/// Books a venue; returns the time of a table.
pub(crate) fn run(talk: &mut Talk<'_>, venue: &Venue) -> Option<Time> {
    let domain = venue.domain;
    let said = patterns(domain);
    let known = talk.people.filter(|_| talk.draw.chance(60));
    let mut booking = Booking {
        people: known.unwrap_or_else(|| 1 + talk.draw.below(MOST_PEOPLE)),
        day: talk.day.filter(|_| talk.draw.chance(60)).unwrap_or_else(|| talk.draw.pick(&DAYS)),
        time: draw_time(talk),
        nights: 1 + talk.draw.below(MOST_NIGHTS),
    };
    talk.wanted(domain).insert("name", venue.name.to_lowercase());
    let same_people = known.is_some_and(|people| people > 1) && talk.draw.chance(70);
    if !same_people && talk.draw.chance(40) {
        let text = talk.say_plainly(said.book_plain);
        talk.user(domain, "book", &text, &[]);
        let text = talk.say_plainly(said.ask_details);
        let when = if domain == Domain::Hotel { "bookstay" } else { "booktime" };
        let asked = ["bookpeople", "bookday", when].map(|slot| Action::new("REQUEST", slot, &[]));
        talk.system(&text, &asked);
        booking.tell(talk, venue);
        let text = talk.say(said.details, &booking.words(venue, ""));
        talk.user(domain, "book", &text, &[]);
    } else {
        booking.tell(talk, venue);
        let how = if same_people { said.book_same_people } else { said.book };
        let text = talk.say(how, &booking.words(venue, ""));
        talk.user(domain, "book", &text, &[]);
    }
    if talk.draw.chance(16) {
        fail(talk, venue, &mut booking);
    }
    talk.people = Some(booking.people);
    talk.day = Some(booking.day);
    let reference = draw_reference(talk);
    let text = talk.say(said.booked, &booking.words(venue, &reference));
    finish(talk, &text, &reference, venue.name);
    (domain == Domain::Restaurant).then_some(booking.time)
}

/// The booking does not succeed at once.
fn fail(talk: &mut Talk<'_>, venue: &Venue, booking: &mut Booking) {
    let said = patterns(venue.domain);
    let text = talk.say(said.not_booked, &booking.words(venue, ""));
    talk.system(&text, &[Action::new("NO_BOOKING", "name", &[venue.name])]);
    let hotel = venue.domain == Domain::Hotel;
    let other_day = talk.draw.chance(50) || (hotel && booking.nights == 1);
    if other_day {
        let days: Vec<_> = DAYS.into_iter().filter(|day| *day != booking.day).collect();
        booking.day = talk.draw.pick(&days);
    } else if hotel {
        booking.nights -= 1;
    } else {
        let shift = STEP_MINUTES * (2 + 2 * talk.draw.below(2) as u16);
        booking.time = if talk.draw.chance(50) { Time(booking.time.0 - shift) } else { booking.time.plus(shift) };
    }
    booking.tell(talk, venue);
    let how = if other_day { said.other_day } else { said.other_time };
    let text = talk.say(how, &booking.words(venue, ""));
    talk.user(venue.domain, "book", &text, &[]);
    if talk.draw.chance(50) {
        talk.system_begins(&["That is possible.", "That worked.", "Good news, that is free."]);
    }
}

/// The system says that something is booked, and the user may ask for the reference number again.
pub(crate) fn finish(talk: &mut Talk<'_>, booked: &str, reference: &str, what: &str) {
    let domain = talk.current();
    let else_asked = if talk.draw.chance(75) { talk.say_plainly(general::ANYTHING_ELSE) } else { String::new() };
    let mut actions = vec![Action::new("BOOKED", if domain == Domain::Train { "id" } else { "name" }, &[what])];
    actions.push(Action::new("INFORM", "reference", &[reference]));
    talk.system(&format!("{booked} {else_asked}"), &actions);
    if talk.draw.chance(6) {
        let text = talk.say_plainly(general::ASK_REFERENCE);
        talk.user(domain, "book", &text, &["reference"]);
        let text = talk.say(general::REFERENCE, &[("reference", reference)]);
        talk.system(&text, &[Action::new("INFORM", "reference", &[reference])]);
    }
}

fn draw_time(talk: &mut Talk<'_>) -> Time {
    FIRST_TABLE.plus(STEP_MINUTES * talk.draw.below(TABLE_STEPS) as u16)
}

pub(crate) fn draw_reference(talk: &mut Talk<'_>) -> String {
    (0..REFERENCE_LENGTH).map(|_| char::from(talk.draw.pick(REFERENCE_CHARACTERS))).collect()
}
