//! Dealing out own dialogues that lie in one file into splits: nobody has published which are for what. How a file is read is in
//! `dialogue_file.rs`.

use crate::fingerprint::Fingerprint;
use crate::{Dialogue, Limits, Split};

/// How data is read.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Reading {
    /// How much is read at most.
    pub limits: Limits,
    /// Which of own dialogues in one file are for what.
    pub dealing: Dealing,
}

/// Which of own dialogues in one file are for what.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Dealing {
    /// A dialogue's text decides, with a salt: neither its place in the file, nor its id, nor the file's name can move it, and
    /// two dialogues with one text are in the same split.
    ByText {
        /// Another text here deals out anew.
        salt: String,
        /// So many of a hundred dialogues are for test, and as many for dev.
        test_percent: u8,
    },
    /// Of 20 dialogues in a row the first is for dev, the second for test: the rule of older runs, which must find the same
    /// dialogues when they go on. Whoever sorts the file anew tests on what was trained on.
    ByLine,
}

impl Dealing {
    /// Of a hundred dialogues, how many are for test where nothing else is asked for.
    pub const USUAL_PERCENT: u8 = 5;
    /// The most that can be asked for: a fifth of the dialogues is left for training.
    pub const MOST_PERCENT: u8 = 40;
    /// Of so many dialogues in a row the first is for dev, the second for test, by the old rule.
    const EVERY: usize = 20;

    /// The split of the dialogue with this number, from 0, where the number says it.
    pub(crate) fn by_number(&self, number: usize) -> Option<Split> {
        match (self, number % Self::EVERY) {
            (Dealing::ByText { .. }, _) => None,
            (Dealing::ByLine, 0) => Some(Split::Dev),
            (Dealing::ByLine, 1) => Some(Split::Test),
            (Dealing::ByLine, _) => Some(Split::Train),
        }
    }

    /// The split of a dialogue with its number.
    pub(crate) fn split_of(&self, dialogue: &Dialogue, number: usize) -> Split {
        let Dealing::ByText { salt, test_percent } = self else {
            return self.by_number(number).unwrap_or(Split::Train);
        };
        // Test and dev are taken from the two ends, so that a greater share takes from train alone.
        let place = place_in_hundred(&Fingerprint::salted(salt, dialogue));
        match u64::from(*test_percent) {
            share if place < share => Split::Test,
            share if place >= 100_u64.saturating_sub(share) => Split::Dev,
            _ => Split::Train,
        }
    }
}

impl Default for Dealing {
    fn default() -> Self {
        Self::ByText { salt: String::new(), test_percent: Self::USUAL_PERCENT }
    }
}

/// A number below 100, each as likely as any other. The last bytes of a text reach but few bits of its fingerprint, so these are
/// mixed (the last steps of SplitMix64).
fn place_in_hundred(fingerprint: &Fingerprint) -> u64 {
    let mix = |number: u64| {
        let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        number ^ (number >> 31)
    };
    let (high, low) = ((fingerprint.0 >> 64) as u64, fingerprint.0 as u64);
    let mixed = mix(high ^ mix(low));
    ((u128::from(mixed) * 100) >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Speaker, Turn};
    use std::collections::BTreeMap;

    fn dialogue(text: &str) -> Dialogue {
        let turn = Turn {
            speaker: Speaker::User,
            utterance: text.to_owned(),
            frames: Vec::new(),
            turn_id: "0".to_owned(),
            log: None,
            other: BTreeMap::new(),
        };
        Dialogue { id: String::new(), services: Vec::new(), turns: vec![turn], goal: None, other: BTreeMap::new() }
    }

    fn dealt(salt: &str, test_percent: u8) -> Vec<Split> {
        let dealing = Dealing::ByText { salt: salt.to_owned(), test_percent };
        (0..10_000).map(|number| dealing.split_of(&dialogue(&number.to_string()), 0)).collect()
    }

    #[test]
    fn shares_are_those_that_are_asked_for() {
        for percent in [1, 5, 20, 40] {
            for salt in ["", "a"] {
                let splits = dealt(salt, percent);
                for split in [Split::Test, Split::Dev] {
                    let count = splits.iter().filter(|of| **of == split).count() as f64;
                    let share = f64::from(percent) / 100.0;
                    // Five standard deviations of a binomial count.
                    let spread = 5.0 * (10_000.0 * share * (1.0 - share)).sqrt();
                    assert!((count - 10_000.0 * share).abs() < spread, "{count} of {percent} % for {split}");
                }
            }
        }
    }

    #[test]
    fn a_greater_share_takes_from_train_alone_and_a_salt_deals_anew() {
        let (few, more) = (dealt("", 5), dealt("", 20));
        assert!(few.iter().zip(&more).all(|(few, more)| few == more || *few == Split::Train));
        let anew = dealt("a", 5).iter().zip(&few).filter(|(salted, plain)| salted != plain).count();
        assert!((1_500..2_100).contains(&anew), "{anew} of 10,000 were moved, where 1,855 are expected");
    }

    /// Runs remember salt and share alone: were this to change, every run would be evaluated on what it was trained on.
    #[test]
    fn who_is_where_stays_so() {
        let tests: Vec<usize> = dealt("", 5)
            .iter()
            .take(60)
            .enumerate()
            .filter(|(_, split)| **split == Split::Test)
            .map(|(at, _)| at)
            .collect();
        assert_eq!(tests, [7, 49, 56]);
    }
}
