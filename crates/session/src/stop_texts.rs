//! Ending a stream of text where one of some texts comes, however the stream is cut into pieces. Knows no tokens.

/// Watches a stream for texts that end it. What may be the beginning of one is held back until it is known.
///
/// ```
/// let mut stops = reformer_session::StopTexts::new(vec!["bye".to_owned()]);
/// assert_eq!(stops.push("hello b"), ("hello ".to_owned(), None));
/// assert_eq!(stops.push("oy, by"), ("boy, ".to_owned(), None));
/// assert_eq!(stops.push("e now"), (String::new(), Some(0)));
/// ```
#[derive(Clone, Debug, Default)]
pub struct StopTexts {
    stops: Vec<String>,
    held: String,
}

impl StopTexts {
    /// Watches for these; an empty one is none.
    pub fn new(stops: Vec<String>) -> Self {
        Self { stops, held: String::new() }
    }

    /// Takes the next piece; gives the text that is surely before a stop, and which of the stops is complete, if one is. The one that
    /// is complete first counts, of several the longest; neither it nor what follows is given.
    pub fn push(&mut self, piece: &str) -> (String, Option<usize>) {
        let mut free = String::new();
        for letter in piece.chars() {
            self.held.push(letter);
            let complete = self.stops.iter().enumerate().filter(|(_, stop)| !stop.is_empty());
            let complete = complete.filter(|(_, stop)| self.held.ends_with(stop.as_str()));
            if let Some((which, stop)) = complete.max_by_key(|(_, stop)| stop.len()) {
                free.push_str(&self.held[..self.held.len() - stop.len()]);
                self.held.clear();
                return (free, Some(which));
            }
            let kept = self.kept();
            free.extend(self.held.drain(..kept));
        }
        (free, None)
    }

    /// What was held back, once nothing more comes.
    pub fn finish(&mut self) -> String {
        std::mem::take(&mut self.held)
    }

    /// Where the longest end of `held` that may begin a stop begins.
    fn kept(&self) -> usize {
        let begins = |end: &str| self.stops.iter().any(|stop| stop.starts_with(end));
        let starts = self.held.char_indices().map(|(at, _)| at);
        starts.into_iter().find(|&at| begins(&self.held[at..])).unwrap_or(self.held.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Letter by letter over the whole text: the first place where a stop ends.
    fn expected(text: &str, stops: &[String]) -> (String, Option<usize>) {
        let ends = text.char_indices().map(|(at, letter)| at + letter.len_utf8());
        for end in ends {
            let ending = stops.iter().enumerate().filter(|(_, stop)| text[..end].ends_with(stop.as_str()));
            if let Some((which, stop)) = ending.max_by_key(|(_, stop)| stop.len()) {
                return (text[..end - stop.len()].to_owned(), Some(which));
            }
        }
        (text.to_owned(), None)
    }

    proptest! {
        #[test]
        fn any_pieces_end_where_the_whole_text_does(
            pieces in proptest::collection::vec("[abü]{0,4}", 0..12),
            stops in proptest::collection::vec("[abü]{1,4}", 0..4),
        ) {
            let mut watch = StopTexts::new(stops.clone());
            let (mut shown, mut which) = (String::new(), None);
            for piece in &pieces {
                let (free, found) = watch.push(piece);
                shown += &free;
                which = found;
                if found.is_some() {
                    break;
                }
            }
            shown += &watch.finish();
            prop_assert_eq!((shown, which), expected(&pieces.concat(), &stops));
        }
    }

    #[test]
    fn only_what_may_begin_a_stop_is_held_back() {
        let mut stops = StopTexts::new(vec!["\nuser:".to_owned(), String::new()]);
        assert_eq!(stops.push("yes.\n"), ("yes.".to_owned(), None));
        assert_eq!(stops.push("\nus"), ("\n".to_owned(), None));
        assert_eq!(stops.push("e"), (String::new(), None));
        assert_eq!(stops.push("d"), ("\nused".to_owned(), None));
        assert_eq!(stops.push("\n"), (String::new(), None));
        assert_eq!(stops.finish(), "\n");
    }
}
