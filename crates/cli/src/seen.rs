//! What was trained on: remembered when a run begins, and asked when one is measured. The fingerprints are `session`'s.

use crate::texts::{Texts, Turns};
use reformer_session::{BLOCK, RunFolder, TrainedOn};
use reformer_trainer::{Corpus, Example, encode_text};
use std::path::Path;

/// What these texts, and the run that it starts from, will have taught a run. If that other run can't be read any more, it is only
/// known that there was more.
pub fn remembered(texts: &Texts, init_from: Option<&Path>) -> TrainedOn {
    let mut trained_on = TrainedOn::default();
    match texts {
        Texts::Dialogues { train, .. } => train.iter().for_each(|turns| trained_on.add_dialogue(turns)),
        Texts::Bytes(text) => trained_on.add_text(&text[..Corpus::train_bytes(text.len())]),
    }
    if let Some(other) = init_from {
        let read = RunFolder::open(other).and_then(|run| run.read_trained_on());
        trained_on.add_run(read.ok().flatten());
    }
    trained_on
}

/// How much of a split was trained on.
pub struct Counts {
    /// Dialogues, or bytes of a text, of the whole split that the run was trained on.
    pub also_in_training: u64,
    /// How many are not measured: these, and of a text what is too short to tell from them.
    pub left_out: u64,
}

/// Dialogues without those that were trained on, unless these are to be `included`.
pub fn dialogues(trained_on: &TrainedOn, mut all: Vec<Turns>, included: bool) -> (Vec<Turns>, Counts) {
    let mut also_in_training = 0;
    all.retain(|turns| {
        let is_known = trained_on.has_dialogue(turns);
        also_in_training += u64::from(is_known);
        included || !is_known
    });
    (all, Counts { also_in_training, left_out: if included { 0 } else { also_in_training } })
}

/// A text in pieces, without the parts that were trained on, unless these are to be `included`: then it is one piece. Where a part
/// was trained on, what touches it and is shorter than a block may be the rest of what was: it is left out, too.
pub fn text(trained_on: &TrainedOn, text: &[u8], included: bool) -> (Vec<Example>, Counts) {
    let known = trained_on.known_parts(text);
    let also_in_training = known.iter().map(|part| part.len() as u64).sum();
    if included {
        return (vec![encode_text(text)], Counts { also_in_training, left_out: 0 });
    }
    let ends = known.iter().map(|part| part.end);
    let begins = known.iter().map(|part| part.start);
    let unknown = std::iter::once(0).chain(ends).zip(begins.chain([text.len()]));
    let least = if known.is_empty() { 1 } else { BLOCK };
    let kept: Vec<_> = unknown
        .filter(|(begin, end)| end - begin >= least)
        .map(|(begin, end)| encode_text(&text[begin..end]))
        .collect();
    let left_out = text.len() as u64 - kept.iter().map(|piece| piece.bytes).sum::<u64>();
    (kept, Counts { also_in_training, left_out })
}

#[cfg(test)]
mod tests {
    use super::*;
    use reformer_session::Speaker;

    #[test]
    fn what_was_trained_on_is_counted_and_left_out() {
        let dialogue = |word: &str| vec![(Speaker::User, word.to_owned())];
        let texts = Texts::Dialogues { train: vec![dialogue("a"), dialogue("b")], dev: Vec::new(), left_out: None };
        let trained_on = remembered(&texts, None);
        let all = || vec![dialogue("b"), dialogue("c"), dialogue("b")];
        let (kept, without) = dialogues(&trained_on, all(), false);
        assert_eq!((kept, without.also_in_training, without.left_out), (vec![dialogue("c")], 2, 2));
        let (kept, with) = dialogues(&trained_on, all(), true);
        assert_eq!((kept, with.also_in_training, with.left_out), (all(), 2, 0));
    }

    #[test]
    fn of_a_text_the_new_parts_are_kept() {
        let number = |at: usize| format!("{at} ").into_bytes();
        let old: Vec<u8> = (0..5_000).flat_map(number).collect();
        let texts = Texts::Bytes(old.clone());
        let trained_on = remembered(&texts, None);
        let seen = &old[..2 * BLOCK];
        let new: Vec<u8> = (90_000..91_000).flat_map(number).collect();
        let mixed = [new.as_slice(), seen, b"and this"].concat();
        let (kept, without) = text(&trained_on, &mixed, false);
        assert_eq!(kept, [encode_text(&new)]);
        // "and this" may be more of what was trained on: it is too short to tell.
        assert_eq!((without.also_in_training, without.left_out), (seen.len() as u64, seen.len() as u64 + 8));
        let (kept, short) = text(&trained_on, b"and this", false);
        assert_eq!((kept, short.left_out), (vec![encode_text(b"and this")], 0));
        let (kept, with) = text(&trained_on, &mixed, true);
        assert_eq!((kept, with.left_out), (vec![encode_text(&mixed)], 0));
        // What is behind the first nine tenths was not trained on.
        let end = &old[Corpus::train_bytes(old.len())..];
        assert_eq!(text(&trained_on, end, false).1.also_in_training, 0);
    }
}
