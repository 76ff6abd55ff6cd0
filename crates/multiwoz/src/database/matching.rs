//! When what a user says and what the database holds are the same: spelling, names in part, times. Knows no records.

/// What stands for "it does not matter", or for nothing said, as [`canonical`] gives it.
const NO_WISH: [&str; 9] =
    ["", "dontcare", "dont care", "do nt care", "do not care", "not mentioned", "none", "any", "doesnt matter"];
/// Words with two spellings: the first is taken for the second. The last one is the database's own mistake.
const SPELLINGS: [(&str, &str); 4] =
    [("center", "centre"), ("theater", "theatre"), ("moderately", "moderate"), ("mutliple", "multiple")];
const ARTICLES: [&str; 3] = ["the", "a", "an"];
/// Of this many letters in a row one may be wrong in a name.
const LETTERS_A_MISTAKE: usize = 10;
/// A shorter part of a name is no name: it would be in too many.
const SHORTEST_PART: usize = 3;
const HOUR: u32 = 60;

/// Whether a value is no wish at all.
pub(super) fn is_no_wish(value: &str) -> bool {
    NO_WISH.contains(&canonical(value).as_str())
}

/// Lower case, without punctuation, with `and` for `&`, British, and without a leading article (`a and b` keeps its letter).
pub(super) fn canonical(text: &str) -> String {
    let spelled = text.to_lowercase().replace('&', " and ").replace(['\'', '’', '`'], "");
    let words = spelled.split(|character: char| !character.is_alphanumeric()).filter(|word| !word.is_empty());
    let usual =
        |word| SPELLINGS.into_iter().find_map(|(other, usual)| (other == word).then_some(usual)).unwrap_or(word);
    let words: Vec<&str> = words.map(usual).collect();
    let article = words.len() > 1 && ARTICLES.contains(&words[0]) && words[1] != "and";
    words[usize::from(article)..].join(" ")
}

/// Whether two canonical texts are the same, wherever words are parted: `guest house` and `guesthouse`.
pub(super) fn same(a: &str, b: &str) -> bool {
    a.split(' ').flat_map(str::chars).eq(b.split(' ').flat_map(str::chars))
}

/// Whether two canonical names are the same, or the shorter is found in the longer, with a mistake in ten letters at most.
pub(super) fn alike(a: &str, b: &str) -> bool {
    if same(a, b) {
        return true;
    }
    let mut parts = [a.chars().collect::<Vec<char>>(), b.chars().collect()];
    parts.sort_by_key(Vec::len);
    let [part, whole] = parts;
    part.len() >= SHORTEST_PART && mistakes(&part, &whole) <= part.len() / LETTERS_A_MISTAKE
}

/// The fewest letters to insert, to leave out or to change so that `part` is found in `whole`.
fn mistakes(part: &[char], whole: &[char]) -> usize {
    // Row by row of the table of edit distances; a match may begin, and end, anywhere.
    let mut above = vec![0; whole.len() + 1];
    for (row, letter) in part.iter().enumerate() {
        let mut current = vec![row + 1];
        for (column, other) in whole.iter().enumerate() {
            let changed = above[column] + usize::from(letter != other);
            current.push(changed.min(above[column + 1] + 1).min(current[column] + 1));
        }
        above = current;
    }
    above.into_iter().min().unwrap_or(0)
}

/// A time of day in minutes: `9:15`, `09.15`, `0915`, `9`, `9 pm`, `9:15 a.m.`, `after 9:15`, `noon`. Up to 24:59: the database
/// has trains that arrive then.
pub(super) fn minutes(text: &str) -> Option<u32> {
    let text = text.to_lowercase().replace("o'clock", "");
    let mut text = text.trim();
    for word in ["after", "before", "around", "about", "by", "at"] {
        text = text.strip_prefix(word).unwrap_or(text).trim();
    }
    if ["noon", "midday", "lunch"].contains(&text) {
        return Some(12 * HOUR);
    }
    let bare = text.replace(['.', ' '], "");
    let half = ["am", "pm"].into_iter().find(|half| bare.ends_with(half));
    let clock = half.map_or(text, |half| text.trim_end_matches(|c: char| half.contains(c) || c == '.' || c == ' '));
    let clock = clock.trim_end_matches(['.', ',', '?']);
    let digits =
        |text: &str| (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok());
    let (hours, minutes): (u32, u32) = match clock.split_once([':', '.']) {
        Some((hours, minutes)) if minutes.trim().len() == 2 => (digits(hours.trim())??, digits(minutes.trim())??),
        Some(_) => return None,
        None if clock.len() == 4 && clock.is_ascii() => (digits(&clock[..2])??, digits(&clock[2..])??),
        None => (digits(clock)??, 0),
    };
    let hours = match half {
        Some(_) if hours == 0 || hours > 12 => hours,
        Some("pm") => hours % 12 + 12,
        Some(_) => hours % 12,
        None => hours,
    };
    (hours <= 24 && minutes < HOUR).then_some(hours * HOUR + minutes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_are_one() {
        let rows = [
            ("The Cambridge  Belfry", "cambridge belfry"),
            ("Center", "centre"),
            ("Rosa's B&B", "rosas b and b"),
            ("A and B Guest House", "a and b guest house"),
            ("alpha-milton", "alpha milton"),
            ("the", "the"),
            ("?!", ""),
            ("Café  Ñ", "café ñ"),
        ];
        for (text, expected) in rows {
            assert_eq!(canonical(text), expected, "{text}");
            assert_eq!(canonical(expected), expected, "once is enough");
        }
        assert!(same("guest house", "guesthouse") && same("night club", "nightclub") && !same("hotel", "hotels"));
    }

    #[test]
    fn no_wish_is_seen() {
        for value in ["dontcare", "Don't care", "do n't care", "do not care", "", "not mentioned", "none", " ANY "] {
            assert!(is_no_wish(value), "{value}");
        }
        for value in ["no", "yes", "anything else", "0"] {
            assert!(!is_no_wish(value), "{value}");
        }
    }

    #[test]
    fn names_may_be_parts_and_have_a_mistake_in_ten_letters() {
        for (a, b) in [
            ("london kings cross", "kings cross"),
            ("birmingham", "birmingham new street"),
            ("acorn guest house", "acorn guesthouse"),
            ("stansted airport", "stanstead airport"),
            ("european", "modern european"),
            ("ely", "ely"),
        ] {
            assert!(alike(a, b) && alike(b, a), "{a} and {b}");
        }
        for (a, b) in [
            ("cambridge", "stevenage"),
            ("indian", "italian"),
            ("an", "indian"),
            ("norwich", "northwich"),
            ("kings lynn", "london kings cross"),
            ("", "hotel"),
        ] {
            assert!(!alike(a, b) && !alike(b, a), "{a} and {b}");
        }
    }

    #[test]
    fn times_are_read_as_people_say_them() {
        let rows = [
            ("09:15", 9 * 60 + 15),
            ("9:15", 9 * 60 + 15),
            ("0915", 9 * 60 + 15),
            ("9.15", 9 * 60 + 15),
            ("9", 9 * 60),
            ("after 9:15", 9 * 60 + 15),
            ("by 17:45.", 17 * 60 + 45),
            ("5:45 pm", 17 * 60 + 45),
            ("5:45 p.m.", 17 * 60 + 45),
            ("5pm", 17 * 60),
            ("12 pm", 12 * 60),
            ("12:30 am", 30),
            ("17:45 pm", 17 * 60 + 45),
            ("9 o'clock", 9 * 60),
            ("noon", 12 * 60),
            ("00:00", 0),
            ("24:55", 24 * 60 + 55),
        ];
        for (text, expected) in rows {
            assert_eq!(minutes(text), Some(expected), "{text}");
        }
        for text in
            ["", "soon", "25:00", "9:60", "9:5", ":", "9:", ":15", "12345", "99999999999", "-1", "pm", "+9", "é9:15"]
        {
            assert_eq!(minutes(text), None, "{text}");
        }
    }
}
