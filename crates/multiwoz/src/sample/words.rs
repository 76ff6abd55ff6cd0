//! Values as words: noun phrases, amounts, capitals. Sentences are in `phrases`.

use super::phrases::Patterns;
use super::world::{ANY, Domain, Venue, Wanted};

/// Noun phrases of one meaning differ in this many forms.
pub(crate) const FORMS: usize = 3;

/// `Italian` for `italian`.
pub(crate) fn capitalized(word: &str) -> String {
    let mut characters = word.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

/// `an Italian restaurant` for `Italian restaurant`.
pub(crate) fn with_article(noun: &str) -> String {
    let vowel = noun.to_lowercase().starts_with(['a', 'e', 'i', 'o', 'u']);
    format!("{} {noun}", if vowel { "an" } else { "a" })
}

/// A price range in front of a noun, or after `is`.
pub(crate) fn price_words(price: &str) -> &str {
    if price == "moderate" { "moderately priced" } else { price }
}

/// `one person`, `3 people`.
pub(crate) fn people(count: usize) -> String {
    amount(count, "person", "people")
}

/// `one night`, `3 nights`.
pub(crate) fn nights(count: usize) -> String {
    amount(count, "night", "nights")
}

/// `one ticket`, `3 tickets`.
pub(crate) fn tickets(count: usize) -> String {
    amount(count, "ticket", "tickets")
}

fn amount(count: usize, one: &str, several: &str) -> String {
    if count == 1 { format!("one {one}") } else { format!("{count} {several}") }
}

fn plural_of(noun: &str) -> String {
    if let Some(stem) = noun.strip_suffix("ry") {
        format!("{stem}ries")
    } else if noun.ends_with("ch") {
        format!("{noun}es")
    } else {
        format!("{noun}s")
    }
}

/// What is wanted of a venue, without an article: `cheap Italian restaurant in the north`.
pub(crate) fn noun(domain: Domain, wanted: &Wanted, plural: bool, form: usize) -> String {
    let get = |slot| wanted.get(slot).map(String::as_str).filter(|value| *value != ANY);
    let numbered = |noun: &str| if plural { plural_of(noun) } else { noun.to_owned() };
    let place = |rest: &str| format!("{} {rest}", numbered("place"));
    let mut before = get("pricerange").map_or_else(String::new, |price| format!("{} ", price_words(price)));
    let mut area = get("area").map_or_else(String::new, |area| format!(" in the {area}"));
    if form == 2 && !area.is_empty() {
        area += " of town";
    }
    let mut after = String::new();
    let head = match (domain, get("food").map(capitalized), get("type")) {
        (Domain::Restaurant, Some(food), _) => match form {
            0 => format!("{food} {}", numbered("restaurant")),
            1 => {
                after = format!(" that {} {food} food", if plural { "serve" } else { "serves" });
                numbered("restaurant")
            }
            _ => place(&format!("for {food} food")),
        },
        (Domain::Restaurant, None, _) if form == 2 => place("to eat"),
        (Domain::Restaurant, None, _) => numbered("restaurant"),
        (Domain::Attraction, _, Some(kind)) if form == 2 => format!("{} to visit", numbered(kind)),
        (_, _, Some(kind)) => numbered(kind),
        (Domain::Attraction, _, None) if form == 0 => numbered("attraction"),
        (Domain::Attraction, _, None) => place("to visit"),
        (_, _, None) => place("to stay"),
    };
    if let Some(stars) = get("stars") {
        before += &format!("{stars}-star ");
    }
    let extras: Vec<_> = [("parking", "free parking"), ("internet", "free wifi")]
        .into_iter()
        .filter(|(slot, _)| get(slot) == Some("yes"))
        .map(|(_, words)| words)
        .collect();
    if !extras.is_empty() {
        after += &format!(" with {}", extras.join(" and "));
    }
    format!("{before}{head}{area}{after}")
}

/// A value of a slot as a noun that can be asked for: `something cheap`, `Italian food`.
pub(crate) fn value_words(slot: &str, value: &str) -> String {
    match slot {
        "area" => format!("something in the {value}"),
        "pricerange" => format!("something {}", price_words(value)),
        "food" => format!("{} food", capitalized(value)),
        "stars" => format!("something with {value} stars"),
        "parking" => "something with free parking".to_owned(),
        "internet" => "something with free wifi".to_owned(),
        _ => with_article(value),
    }
}

/// A slot in a sentence.
pub(crate) fn slot_words(domain: Domain, slot: &str) -> &'static str {
    match (domain, slot) {
        (_, "area") => "area",
        (_, "pricerange") => "price range",
        (_, "food") => "kind of food",
        (_, "stars") => "star rating",
        (_, "parking") => "parking",
        (_, "internet") => "internet",
        (Domain::Attraction, _) => "kind of attraction",
        _ => "type of place",
    }
}

/// A hotel's parking and wifi: `free wifi but no parking`.
pub(crate) fn amenities(venue: &Venue) -> &'static str {
    match (venue.parking, venue.internet) {
        ("yes", "yes") => "free parking and free wifi",
        ("yes", _) => "free parking but no wifi",
        (_, "yes") => "free wifi but no parking",
        _ => "neither parking nor wifi",
    }
}

/// Fills what stands in braces, removes double spaces and begins sentences with a capital.
pub(crate) fn fill<S: AsRef<str>>(pattern: &str, words: &[(&str, S)]) -> String {
    let mut text = String::new();
    let mut pieces = pattern.split('{');
    text += pieces.next().unwrap_or("");
    for piece in pieces {
        let (name, rest) = piece.split_once('}').unwrap_or((piece, ""));
        match words.iter().find(|(known, _)| *known == name) {
            Some((_, value)) => text += value.as_ref(),
            // A test finds the braces in what is said.
            None => text += &format!("{{{name}}}"),
        }
        text += rest;
    }
    sentence_case(&text)
}

/// Single spaces, and a capital after each end of a sentence.
pub(crate) fn sentence_case(text: &str) -> String {
    let mut result = String::new();
    let mut begins = true;
    for word in text.split_whitespace() {
        if !result.is_empty() {
            result.push(' ');
        }
        if begins {
            result += &capitalized(word);
        } else {
            result += word;
        }
        begins = word.ends_with(['.', '?', '!']);
    }
    result
}

/// How people write who don't write in full: shorter forms by their long ones.
const CONTRACTIONS: [(&str, &str); 14] = [
    ("I am ", "I'm "),
    ("I would ", "I'd "),
    ("I will ", "I'll "),
    ("I have changed", "I've changed"),
    ("I have been", "I've been"),
    ("do not ", "don't "),
    ("does not ", "doesn't "),
    ("can not ", "can't "),
    ("It is ", "It's "),
    ("That is ", "That's "),
    ("that is all", "that's all"),
    ("What is ", "What's "),
    ("Let us ", "Let's "),
    ("let us ", "let's "),
];

/// How a user writes, throughout a dialogue.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Style {
    /// As the patterns are.
    Full,
    /// With contractions.
    Contracted,
    /// With contractions, without capitals, and without the last full stop.
    Careless,
}

impl Style {
    pub(crate) fn write(self, text: &str) -> String {
        if self == Style::Full {
            return text.to_owned();
        }
        let mut text = text.to_owned();
        for (long, short) in CONTRACTIONS {
            text = text.replace(long, short);
        }
        if self == Style::Careless {
            text = text.to_lowercase();
            if text.ends_with('.') {
                text.pop();
            }
        }
        text
    }
}

/// Both lists one after the other, to choose from.
pub(crate) fn either(first: Patterns, second: Patterns) -> Vec<&'static str> {
    first.iter().chain(second).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noun_phrases_read_well() {
        let mut wanted = Wanted::new();
        let say = |domain, wanted: &Wanted, plural, form| noun(domain, wanted, plural, form);
        assert_eq!(say(Domain::Restaurant, &wanted, false, 0), "restaurant");
        wanted.insert("food", "italian".to_owned());
        wanted.insert("area", "north".to_owned());
        wanted.insert("pricerange", "moderate".to_owned());
        let one = say(Domain::Restaurant, &wanted, false, 1);
        assert_eq!(one, "moderately priced restaurant in the north that serves Italian food");
        let several = say(Domain::Restaurant, &wanted, true, 2);
        assert_eq!(several, "moderately priced places for Italian food in the north of town");
        let hotel = Wanted::from([("stars", "4".to_owned()), ("parking", "yes".to_owned()), ("area", ANY.to_owned())]);
        assert_eq!(say(Domain::Hotel, &hotel, true, 0), "4-star places to stay with free parking");
        let galleries = Wanted::from([("type", "gallery".to_owned())]);
        assert_eq!(say(Domain::Attraction, &galleries, true, 0), "galleries");
        assert_eq!(with_article("Italian restaurant"), "an Italian restaurant");
    }

    #[test]
    fn patterns_are_filled_and_sentences_begin_with_a_capital() {
        assert_eq!(fill("{a}  is {b}. {a} too? yes", &[("a", "the Inn"), ("b", "")]), "The Inn is . The Inn too? Yes");
        assert_eq!(Style::Careless.write("I would like Thai food."), "i'd like thai food");
    }
}
