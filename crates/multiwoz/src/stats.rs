//! Counting what a source holds: how much of everything, how long dialogues are, and which occur in two splits. Flaws are in
//! `check.rs`.

use crate::duplicates::{Duplicates, Texts, each_dialogue};
use crate::{DataError, Source, Split};
use serde::Serialize;
use std::collections::BTreeMap;

/// What a source holds.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Stats {
    /// See [`Source::layout`].
    pub layout: String,
    /// The splits that are there.
    pub splits: BTreeMap<Split, SplitStats>,
    /// For every two splits, how many texts occur in both; added up.
    pub duplicates_across_splits: usize,
    /// How many pairs of different splits have nearly the same text.
    pub near_duplicates_across_splits: usize,
    /// Which these are.
    pub duplicates: Duplicates,
}

/// What a split holds.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct SplitStats {
    /// Its dialogues.
    pub dialogues: usize,
    /// Their turns, of both speakers.
    pub turns: usize,
    /// Bytes of their utterances in UTF-8.
    pub bytes: usize,
    /// For each domain, how many dialogues are about it; a dialogue may be about several.
    pub domains: BTreeMap<String, usize>,
    /// How many turns dialogues have.
    pub turns_a_dialogue: Percentiles,
    /// How many bytes of text dialogues have.
    pub bytes_a_dialogue: Percentiles,
    /// Turns and bytes of each dialogue.
    #[serde(skip)]
    pub lengths: Vec<Length>,
}

/// How long a dialogue is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Length {
    /// Its turns.
    pub turns: usize,
    /// Bytes of its utterances.
    pub bytes: usize,
}

/// Of numbers in ascending order, the least, those that so many per cent are at most, and the greatest. All 0 if there are
/// none.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Percentiles {
    /// The least.
    pub least: usize,
    /// A tenth are at most this.
    pub p10: usize,
    /// Half of them are.
    pub p50: usize,
    /// Nine tenths are.
    pub p90: usize,
    /// 99 of a hundred are.
    pub p99: usize,
    /// The greatest.
    pub most: usize,
}

impl Percentiles {
    /// By nearest rank: each is one of the numbers.
    fn of(numbers: impl Iterator<Item = usize>) -> Self {
        let mut numbers: Vec<usize> = numbers.collect();
        numbers.sort_unstable();
        let at = |percent: usize| {
            let rank = (percent * numbers.len()).div_ceil(100).max(1);
            numbers.get(rank - 1).copied().unwrap_or(0)
        };
        Self { least: at(0), p10: at(10), p50: at(50), p90: at(90), p99: at(99), most: at(100) }
    }
}

/// Counts. What is in memory beside what reading takes is stated at [`Duplicates::find`].
///
/// # Errors
/// If anything can't be read: half a count would be wrong.
pub fn stats(source: &Source) -> Result<Stats, DataError> {
    let mut splits = BTreeMap::new();
    let mut texts = Texts::default();
    for split in source.splits() {
        let mut counted = SplitStats::default();
        each_dialogue(source, split, &mut |at, dialogue| {
            let length = Length { turns: dialogue.turns.len(), bytes: dialogue.text_bytes() };
            counted.dialogues += 1;
            counted.turns += length.turns;
            counted.bytes += length.bytes;
            counted.lengths.push(length);
            texts.add(split, at, &dialogue);
            let mut services = dialogue.services;
            services.sort();
            services.dedup();
            services.into_iter().for_each(|service| *counted.domains.entry(service).or_default() += 1);
        })?;
        counted.turns_a_dialogue = Percentiles::of(counted.lengths.iter().map(|length| length.turns));
        counted.bytes_a_dialogue = Percentiles::of(counted.lengths.iter().map(|length| length.bytes));
        splits.insert(split, counted);
    }
    let duplicates = texts.duplicates(source)?;
    Ok(Stats {
        layout: source.layout().to_owned(),
        splits,
        duplicates_across_splits: duplicates.exact.len(),
        near_duplicates_across_splits: duplicates.near.len(),
        duplicates,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_numbers_that_are_there() {
        let of = |numbers: &[usize]| Percentiles::of(numbers.iter().copied());
        assert_eq!(of(&[]), Percentiles::default());
        assert_eq!(of(&[7]), Percentiles { least: 7, p10: 7, p50: 7, p90: 7, p99: 7, most: 7 });
        let hundred: Vec<usize> = (1..=100).rev().collect();
        assert_eq!(of(&hundred), Percentiles { least: 1, p10: 10, p50: 50, p90: 90, p99: 99, most: 100 });
        assert_eq!(of(&[5, 1, 2]).p50, 2);
    }
}
