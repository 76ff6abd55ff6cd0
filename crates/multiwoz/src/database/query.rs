//! Finding records by the values of slots, as tolerantly as the evaluation of MultiWOZ does. How values are compared is in
//! `matching.rs`.

use super::matching::{alike, canonical, is_no_wish, minutes, same};
use super::{QueryError, Record};
use crate::BeliefState;
use crate::error::shorten;

/// Slots whose values are names: a part is enough, and a mistake does no harm.
const NAMES: [&str; 5] = ["name", "food", "departure", "destination", "department"];
/// Slots that are yes or no, and what else stands for these: annotations say `free`, and some `true`.
const FACILITIES: [&str; 2] = ["internet", "parking"];
/// Slots that begin so are about a booking, and not about what is booked.
const BOOKING: &str = "book";
/// In a record: not known.
const UNKNOWN: &str = "?";

/// What is asked of a column.
enum Wish {
    Same(String),
    Alike(String),
    /// In minutes.
    NotBefore(u32),
    /// In minutes.
    NotAfter(u32),
}

impl Wish {
    fn new(slot: &str, column: &str, value: &str) -> Result<Self, QueryError> {
        let fail = |expected| QueryError::Value { slot: shorten(slot), value: shorten(value), expected };
        if column == "leaveAt" || column == "arriveBy" {
            let time = minutes(value).ok_or_else(|| fail("a time such as 17:45, or \"dontcare\""))?;
            return Ok(if column == "leaveAt" { Wish::NotBefore(time) } else { Wish::NotAfter(time) });
        }
        let value = canonical(value);
        let value = match value.as_str() {
            "free" | "true" if FACILITIES.contains(&column) => "yes".to_owned(),
            "false" if FACILITIES.contains(&column) => "no".to_owned(),
            _ => value,
        };
        Ok(if NAMES.contains(&column) { Wish::Alike(value) } else { Wish::Same(value) })
    }

    fn is_met(&self, text: &str) -> bool {
        match self {
            Wish::Same(value) => same(value, &canonical(text)),
            Wish::Alike(value) => alike(value, &canonical(text)),
            // A time that can't be read is not known.
            Wish::NotBefore(time) => minutes(text).is_none_or(|minutes| minutes >= *time),
            Wish::NotAfter(time) => minutes(text).is_none_or(|minutes| minutes <= *time),
        }
    }
}

/// The records with these values, in the order of the file. A slot is a field's name, with or without its domain and in any
/// spelling (`hotel-pricerange`, `price range`, `leaveAt`, `leave`).
///
/// Case, punctuation, spaces within words, leading articles, `&` for `and` and American spelling make no difference; for internet
/// and parking `free` means yes. For names,
/// towns, departments and kinds of food a part is enough, with a mistake in ten letters. A train leaves at or after
/// `leaveAt` and arrives at or before `arriveBy`; times are compared on the day's clock. `dontcare`, `not mentioned`, `none`
/// and an empty value ask for nothing, and what the database does not know (`?`, empty or missing) fits any value. Slots of a
/// booking, such as `bookday`, are passed over.
///
/// # Errors
/// If there is no such slot, or a time can't be read.
pub fn find<'r, 'w, R: Record>(
    records: &'r [R],
    wanted: impl IntoIterator<Item = (&'w str, &'w str)>,
) -> Result<Vec<&'r R>, QueryError> {
    search(records, wanted.into_iter().map(|(slot, value)| (slot, [value])))
}

/// As [`find`], for what a belief state says of the records' domain; of several values for a slot, one is enough.
///
/// # Errors
/// See [`find`].
pub fn find_for_state<'r, R: Record>(records: &'r [R], state: &BeliefState) -> Result<Vec<&'r R>, QueryError> {
    let of_domain = state.iter().filter(|(slot, _)| slot.split('-').next() == Some(R::DOMAIN));
    search(records, of_domain.map(|(slot, values)| (slot.as_str(), values)))
}

fn search<'r, 'w, R: Record, V: IntoIterator<Item = S>, S: AsRef<str>>(
    records: &'r [R],
    wanted: impl Iterator<Item = (&'w str, V)>,
) -> Result<Vec<&'r R>, QueryError> {
    let mut wishes: Vec<(&str, Vec<Wish>)> = Vec::new();
    for (slot, values) in wanted {
        let Some(column) = column::<R>(slot)? else { continue };
        let values: Vec<S> = values.into_iter().collect();
        if values.iter().any(|value| is_no_wish(value.as_ref())) {
            continue;
        }
        let of_slot: Result<Vec<Wish>, _> =
            values.iter().map(|value| Wish::new(slot, column, value.as_ref())).collect();
        wishes.push((column, of_slot?));
    }
    // An empty list of values, like an empty value, asks for nothing.
    wishes.retain(|(_, of_slot)| !of_slot.is_empty());
    let fits = |record: &&R| {
        wishes.iter().all(|(column, of_slot)| {
            let mut texts = record.texts(column);
            texts.retain(|text| !text.trim().is_empty() && text != UNKNOWN);
            texts.is_empty() || texts.iter().any(|text| of_slot.iter().any(|wish| wish.is_met(text)))
        })
    };
    Ok(records.iter().filter(fits).collect())
}

/// The column of a slot; none for a booking's.
fn column<R: Record>(slot: &str) -> Result<Option<&'static str>, QueryError> {
    let bare = slot.strip_prefix(R::DOMAIN).and_then(|rest| rest.strip_prefix('-')).unwrap_or(slot);
    let name = plain(bare);
    if name.starts_with(BOOKING) {
        return Ok(None);
    }
    let name = match name.as_str() {
        "leave" => "leaveat",
        "arrive" => "arriveby",
        name => name,
    };
    match R::COLUMNS.iter().find(|column| plain(column) == name) {
        Some(column) => Ok(Some(column)),
        None => Err(QueryError::UnknownSlot { slot: shorten(slot), domain: R::DOMAIN, slots: R::COLUMNS.join(", ") }),
    }
}

/// A slot's letters and digits, in lower case.
fn plain(slot: &str) -> String {
    slot.chars().filter(|character| character.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}
