//! Text out of bytes that arrive a few at a time: only whole characters leave. Knows no tokens.

/// Holds back the bytes of a character that is not complete yet.
///
/// ```
/// let mut stream = reformer_session::Utf8Stream::default();
/// let bytes = "é!".as_bytes();
/// assert_eq!(stream.push(&bytes[..1]), "");
/// assert_eq!(stream.push(&bytes[1..]), "é!");
/// assert_eq!(stream.finish(), "");
/// ```
#[derive(Clone, Debug, Default)]
pub struct Utf8Stream {
    pending: Vec<u8>,
}

impl Utf8Stream {
    /// Takes bytes, gives the text that is complete with them. What can never become a character gives U+FFFD.
    pub fn push(&mut self, bytes: &[u8]) -> String {
        self.pending.extend_from_slice(bytes);
        let mut text = String::new();
        let mut taken = 0;
        for chunk in self.pending.utf8_chunks() {
            text.push_str(chunk.valid());
            taken += chunk.valid().len();
            let invalid = chunk.invalid();
            let at_the_end = taken + invalid.len() == self.pending.len();
            // An incomplete character can only stand at the very end.
            if at_the_end && is_incomplete(invalid) {
                break;
            }
            if !invalid.is_empty() {
                text.push(char::REPLACEMENT_CHARACTER);
                taken += invalid.len();
            }
        }
        self.pending.drain(..taken);
        text
    }

    /// What is left when no more bytes come: nothing, or one U+FFFD for a character that was never completed.
    pub fn finish(&mut self) -> String {
        let text = String::from_utf8_lossy(&self.pending).into_owned();
        self.pending.clear();
        text
    }
}

fn is_incomplete(bytes: &[u8]) -> bool {
    matches!(std::str::from_utf8(bytes), Err(error) if error.error_len().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_split_gives_what_all_bytes_at_once_give(bytes: Vec<u8>, text: String, cuts: Vec<usize>) {
            for bytes in [bytes, text.into_bytes()] {
                let mut stream = Utf8Stream::default();
                let mut got = String::new();
                let mut from = 0;
                let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
                cuts.sort_unstable();
                for cut in cuts.into_iter().chain([bytes.len()]) {
                    got.push_str(&stream.push(&bytes[from..cut]));
                    from = cut;
                }
                got.push_str(&stream.finish());
                prop_assert_eq!(got, String::from_utf8_lossy(&bytes));
            }
        }
    }
}
