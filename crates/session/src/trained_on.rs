//! What a run was trained on, remembered without the text itself: a fingerprint of each dialogue, and of each block of a text.
//! With it an evaluation can say how much of what it measures was seen in training. Knows no data set.

use crate::durable::write_atomically;
use crate::rolling::{Fingerprints, fingerprints_of};
use crate::{SessionError, Speaker, files};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::ops::Range;
use std::path::Path;

/// Bytes of a block of a text: short enough to find a page that was seen, and a book has but some hundreds.
pub const BLOCK: usize = 4096;
/// What is shorter occurs by chance, and says nothing of where it is from.
const SHORTEST_BLOCK: usize = 64;
/// The first line of the file.
const HEADER: &str = "reformer trained-on 1";
/// The line that says that something is missing here.
const PARTLY: &str = "partly";
const DIALOGUE: &str = "dialogue";
const TEXT: &str = "block";
/// A line has 47 bytes at most; so many lines are ten million dialogues, or 40 GB of text. Of more, some is forgotten.
const LARGEST_FILE: u64 = 500_000_000;
/// Ends a turn. No UTF-8 text contains this byte, so that moving a word to the next turn gives another dialogue.
const END_OF_TURN: [u8; 1] = [0xff];

/// Fingerprints of what was trained on. 128 bits each: two of a million different texts share one with a probability below 10⁻²⁶.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TrainedOn {
    dialogues: BTreeSet<u128>,
    /// By the length of the block: all have [`BLOCK`] bytes, but for a text that is shorter.
    blocks: BTreeMap<usize, Fingerprints>,
    partly: bool,
}

impl TrainedOn {
    /// Remembers a dialogue: what was said, in order; neither case nor white space makes it another.
    pub fn add_dialogue<S: AsRef<str>>(&mut self, turns: &[(Speaker, S)]) {
        self.dialogues.insert(fingerprint(turns));
    }

    /// Remembers a text, block by block. The last block ends where the text does, so that all of it is in one.
    pub fn add_text(&mut self, text: &[u8]) {
        let length = text.len().min(BLOCK);
        if length < SHORTEST_BLOCK {
            return;
        }
        let known = self.blocks.entry(length).or_default();
        for block in text.chunks_exact(length).chain([&text[text.len() - length..]]) {
            fingerprints_of(block, length, |_, fingerprint| _ = known.insert(fingerprint));
        }
    }

    /// Remembers what another run was trained on, from which this one starts; none if that run doesn't know.
    pub fn add_run(&mut self, other: Option<Self>) {
        let Some(other) = other else {
            self.partly = true;
            return;
        };
        self.dialogues.extend(other.dialogues);
        for (length, fingerprints) in other.blocks {
            self.blocks.entry(length).or_default().extend(fingerprints);
        }
        self.partly |= other.partly;
    }

    /// Whether something is missing: the run started from one that does not know what it was trained on, or it was trained on more than
    /// the file takes, ten million dialogues or 40 GB of text.
    pub fn is_partly_known(&self) -> bool {
        self.partly
    }

    /// Whether it knows dialogues: of one that was trained on text alone, nobody can tell whether a dialogue is in it.
    pub fn knows_dialogues(&self) -> bool {
        !self.dialogues.is_empty() || self.blocks.is_empty()
    }

    /// Whether it knows texts: of one that was trained on dialogues alone, nobody can tell whether a text was one of them.
    pub fn knows_texts(&self) -> bool {
        !self.blocks.is_empty() || self.dialogues.is_empty()
    }

    /// Whether this dialogue was trained on: one with the same utterances in the same order, whatever their case and white space.
    pub fn has_dialogue<S: AsRef<str>>(&self, turns: &[(Speaker, S)]) -> bool {
        self.dialogues.contains(&fingerprint(turns))
    }

    /// Which bytes of a text are in blocks that were trained on, wherever these lie in it; in order, each as long as can be.
    pub fn known_parts(&self, text: &[u8]) -> Vec<Range<usize>> {
        let mut found: Vec<Range<usize>> = Vec::new();
        for (&length, known) in &self.blocks {
            fingerprints_of(text, length, |at, fingerprint| {
                if known.contains(&fingerprint) {
                    add(&mut found, at..at + length);
                }
            });
        }
        found.sort_by_key(|part| part.start);
        let mut joined = Vec::new();
        found.into_iter().for_each(|part| add(&mut joined, part));
        joined
    }

    /// Writes it, a fingerprint a line; of more than fits into a file that can be read again, what fits, marked as a part. Atomic.
    pub(crate) fn save(&self, path: &Path) -> Result<(), SessionError> {
        write_atomically(path, self.to_text(LARGEST_FILE).as_bytes())
    }

    fn to_text(&self, most: u64) -> String {
        let header = if self.partly { format!("{HEADER}\n{PARTLY}\n") } else { format!("{HEADER}\n") };
        let mut text = header.clone();
        // Writing to a text never fails.
        for dialogue in &self.dialogues {
            let _ = writeln!(text, "{DIALOGUE} {dialogue:032x}");
        }
        for (length, fingerprints) in &self.blocks {
            // Sorted first: a hash set has another order in each process, and the same data must give the same file.
            let mut sorted: Vec<_> = fingerprints.iter().collect();
            sorted.sort_unstable();
            for block in sorted {
                let _ = writeln!(text, "{TEXT} {length} {block:032x}");
            }
        }
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        if text.len() <= most {
            return text;
        }
        let header_now = format!("{HEADER}\n{PARTLY}\n");
        let room = most.saturating_sub(header_now.len());
        let lines = &text[header.len()..];
        // The text is ASCII. Whole lines alone.
        let kept = lines[..room.min(lines.len())].rfind('\n').map_or(0, |end| end + 1);
        header_now + &lines[..kept]
    }

    /// Reads it; none where the file isn't there, as in runs of earlier versions.
    pub(crate) fn load(path: &Path) -> Result<Option<Self>, SessionError> {
        let text = match files::read_text(path, LARGEST_FILE) {
            Ok(text) => text,
            Err(files::Unusable::Missing(_)) => return Ok(None),
            Err(unusable) => return Err(unusable.in_run(path)),
        };
        let mut lines = text.lines().enumerate();
        let fail = |number: usize, expected: &str| {
            SessionError::format(
                path,
                format!(
                    "line {}: expected {expected}: remove the file, and no evaluation can say any more what of its text was trained on",
                    number + 1
                ),
            )
        };
        if lines.next().is_none_or(|(_, line)| line != HEADER) {
            return Err(fail(0, &format!("`{HEADER}`")));
        }
        let mut read = Self::default();
        for (number, line) in lines {
            let mut words = line.split(' ');
            let (kind, last) = (words.next(), words.next_back());
            let hash = last.filter(|last| last.len() == 32).and_then(|last| u128::from_str_radix(last, 16).ok());
            let length = words.next().and_then(|length| length.parse().ok());
            let is_last = words.next().is_none();
            match (kind, length, hash, is_last) {
                (Some(PARTLY), None, None, _) if line == PARTLY => read.partly = true,
                (Some(DIALOGUE), None, Some(hash), true) => _ = read.dialogues.insert(hash),
                (Some(TEXT), Some(length @ SHORTEST_BLOCK..=BLOCK), Some(hash), true) => {
                    read.blocks.entry(length).or_default().insert(hash);
                }
                _ => {
                    return Err(fail(
                        number,
                        "`dialogue` or `block` with a length from 64 to 4096, and 32 hexadecimal digits",
                    ));
                }
            }
        }
        Ok(Some(read))
    }
}

/// Adds a part that begins no earlier than the last one, to that one where they touch.
fn add(parts: &mut Vec<Range<usize>>, part: Range<usize>) {
    match parts.last_mut() {
        Some(last) if (last.start..=last.end).contains(&part.start) => last.end = last.end.max(part.end),
        _ => parts.push(part),
    }
}

/// The first half of a SHA-256 over all utterances in order, in lower case and with single blanks: a version of a data set often
/// differs from another in no more than that.
fn fingerprint<S: AsRef<str>>(turns: &[(Speaker, S)]) -> u128 {
    let mut hash = Sha256::new();
    for (_, text) in turns {
        for word in text.as_ref().split_whitespace() {
            hash.update(word.to_lowercase());
            hash.update(b" ");
        }
        hash.update(END_OF_TURN);
    }
    let mut half = [0; 16];
    half.copy_from_slice(&hash.finalize()[..16]);
    u128::from_be_bytes(half)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn dialogue(texts: [&str; 2]) -> [(Speaker, &str); 2] {
        [(Speaker::User, texts[0]), (Speaker::System, texts[1])]
    }

    /// No two blocks of it are the same.
    fn text(length: usize) -> Vec<u8> {
        let mut state = 1u64;
        let mut byte = |_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        };
        (0..length).map(&mut byte).collect()
    }

    #[test]
    fn dialogues_are_known_by_what_was_said() {
        let mut trained_on = TrainedOn::default();
        trained_on.add_dialogue(&dialogue(["i need a hotel", "in which area?"]));
        assert!(trained_on.has_dialogue(&dialogue(["i need a hotel", "in which area?"])));
        assert!(trained_on.has_dialogue(&dialogue(["I need a  Hotel ", "in which\tarea?\n"])));
        assert!(!trained_on.has_dialogue(&dialogue(["i need a hotel in", "which area?"])));
        assert!(!trained_on.has_dialogue(&dialogue(["i need ahotel", "in which area?"])));
        assert!(trained_on.knows_dialogues() && !trained_on.knows_texts());
        assert!(!trained_on.has_dialogue(&dialogue(["i need a hotel", ""])));
    }

    #[test]
    fn blocks_are_found_wherever_they_lie() {
        let trained = text(3 * BLOCK + 100);
        let mut trained_on = TrainedOn::default();
        trained_on.add_text(&trained);
        assert_eq!(trained_on.known_parts(&trained), vec![0..trained.len()], "the last block ends with the text");
        let new = text(20 * BLOCK).split_off(10 * BLOCK);
        assert!(trained_on.known_parts(&new).is_empty());
        // Moved by seven bytes, and with something new behind.
        let moved = [&new[..7], &trained[BLOCK..3 * BLOCK], &new[50..90]].concat();
        assert_eq!(trained_on.known_parts(&moved), vec![7..7 + 2 * BLOCK]);
        let mut short = TrainedOn::default();
        short.add_text(&trained[..100]);
        assert!(short.known_parts(&moved).is_empty());
        assert_eq!(short.known_parts(&trained), vec![0..100]);
        short.add_text(b"too short to tell");
        assert!(short.known_parts(b"that is too short to tell").is_empty());
    }

    #[test]
    fn a_run_that_starts_from_another_knows_both() {
        let (mut first, mut second) = (TrainedOn::default(), TrainedOn::default());
        first.add_dialogue(&dialogue(["a", "b"]));
        first.add_text(&text(BLOCK));
        second.add_run(Some(first));
        assert!(second.has_dialogue(&dialogue(["a", "b"])) && !second.is_partly_known());
        assert_eq!(second.known_parts(&text(BLOCK)), vec![0..BLOCK]);
        second.add_run(None);
        let mut third = TrainedOn::default();
        third.add_run(Some(second));
        assert!(third.is_partly_known());
    }

    #[test]
    fn what_is_no_line_of_it_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trained-on.txt");
        assert_eq!(TrainedOn::load(&path).unwrap(), None);
        let hash = "0123456789abcdef0123456789abcdef";
        let long = "f".repeat(1 << 20);
        for (text, line) in [
            (String::new(), 1),
            ("reformer trained-on 2\n".to_owned(), 1),
            (format!("{HEADER}\n\n"), 2),
            (format!("{HEADER}\ndialogue {hash}\ndialogue {}\n", &hash[1..]), 3),
            (format!("{HEADER}\ndialogue 1 {hash}\n"), 2),
            (format!("{HEADER}\nblock {hash}\n"), 2),
            (format!("{HEADER}\nblock 0 {hash}\n"), 2),
            (format!("{HEADER}\nblock 5000 {hash}\n"), 2),
            (format!("{HEADER}\nblock 4096 4096 {hash}\n"), 2),
            (format!("{HEADER}\npartly {hash}\n"), 2),
            (format!("{HEADER}\n{long}\n"), 2),
        ] {
            std::fs::write(&path, &text).unwrap();
            let error = TrainedOn::load(&path).unwrap_err().to_string();
            assert!(error.contains(&format!("trained-on.txt: line {line}: expected")), "{error}\n{}", text.len());
            assert!(error.len() < 700, "{} bytes", error.len());
        }
    }

    #[test]
    fn of_too_much_what_fits_is_kept_and_marked_as_a_part() {
        let mut trained_on = TrainedOn::default();
        let all: Vec<String> = (0..50).map(|number| format!("dialogue {number}")).collect();
        all.iter().for_each(|said| trained_on.add_dialogue(&dialogue([said, ""])));
        let whole = trained_on.to_text(LARGEST_FILE);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trained-on.txt");
        for most in [whole.len(), whole.len() - 1, 1000, 60, 40, 31] {
            let text = trained_on.to_text(most as u64);
            assert!(text.len() <= most.max(HEADER.len() + PARTLY.len() + 2), "{} bytes of {most}", text.len());
            std::fs::write(&path, &text).unwrap();
            let read = TrainedOn::load(&path).unwrap().unwrap();
            let known = all.iter().filter(|said| read.has_dialogue(&dialogue([said, ""]))).count();
            let fits = if most == whole.len() { 50 } else { most.saturating_sub(HEADER.len() + PARTLY.len() + 2) / 42 };
            assert_eq!((known, read.is_partly_known()), (fits, most < whole.len()), "{most}");
        }
    }

    proptest! {
        #[test]
        fn it_is_read_as_it_was_written(dialogues: Vec<(String, String)>, lengths in prop::collection::vec(0..9000usize, 0..3), partly: bool) {
            let mut trained_on = TrainedOn::default();
            for (one, two) in &dialogues {
                trained_on.add_dialogue(&dialogue([one, two]));
            }
            lengths.iter().for_each(|&length| trained_on.add_text(&text(length)));
            if partly {
                trained_on.add_run(None);
            }
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("trained-on.txt");
            trained_on.save(&path).unwrap();
            prop_assert_eq!(TrainedOn::load(&path).unwrap(), Some(trained_on));
        }
    }
}
