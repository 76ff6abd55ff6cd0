//! Counting what a source holds, and dialogues whose text occurs in two splits. Flaws are in `check.rs`.

use crate::fingerprint::Fingerprint;
use crate::{DataError, Source, Split};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// What a source holds.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Stats {
    /// See [`Source::layout`].
    pub layout: String,
    /// The splits that are there.
    pub splits: BTreeMap<Split, SplitStats>,
    /// For every two splits, how many texts occur in both; added up. A text is all utterances of a dialogue in order.
    pub duplicates_across_splits: usize,
}

/// What a split holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct SplitStats {
    /// Its dialogues.
    pub dialogues: usize,
    /// Their turns, of both speakers.
    pub turns: usize,
    /// Bytes of their utterances in UTF-8.
    pub bytes: usize,
}

/// Counts, a file at a time: beside a file, 16 bytes and a little a dialogue are in memory.
///
/// # Errors
/// If anything can't be read: half a count would be wrong.
pub fn stats(source: &Source) -> Result<Stats, DataError> {
    let mut splits = BTreeMap::new();
    let mut texts: Vec<BTreeSet<Fingerprint>> = Vec::new();
    for split in source.splits() {
        let mut counted = SplitStats::default();
        let mut seen = BTreeSet::new();
        for part in source.parts(split)? {
            for dialogue in part?.dialogues {
                counted.dialogues += 1;
                counted.turns += dialogue.turns.len();
                counted.bytes += dialogue.text_bytes();
                seen.insert(Fingerprint::of(&dialogue));
            }
        }
        splits.insert(split, counted);
        texts.push(seen);
    }
    let pairs = (0..texts.len()).flat_map(|first| (0..first).map(move |second| (first, second)));
    let duplicates_across_splits = pairs.map(|(first, second)| texts[first].intersection(&texts[second]).count()).sum();
    Ok(Stats { layout: source.layout().to_owned(), splits, duplicates_across_splits })
}
