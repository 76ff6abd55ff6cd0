//! How alike two texts are: the Jaccard similarity of their shingles (runs of words), and MinHash signatures, which estimate
//! it from little memory and find likely pairs without comparing all. Which texts are compared is in `duplicates.rs`.

use crate::Dialogue;
use crate::fingerprint::Fingerprint;

/// Words of a shingle. A changed word changes three of them: of the 180 of a usual dialogue, texts that are 0.8 alike differ in
/// some six words.
const SHINGLE_WORDS: usize = 3;
/// Bands of a signature, and the hashes of each: texts whose bands are equal in one place are compared. Of pairs that are 0.8
/// alike, (1 − 0.8⁵)³² are missed, 3 in a million; of those that are 0.1 alike, 3 in ten thousand are compared in vain.
pub(crate) const BANDS: usize = 32;
const BAND_HASHES: usize = 5;
const HASHES: usize = BANDS * BAND_HASHES;

/// The shingles of a text as sorted hashes; none for a text without words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Shingles(Vec<u64>);

impl Shingles {
    /// Of all utterances as one text. Only words count, in any case: letters and digits between anything else.
    pub(crate) fn of(dialogue: &Dialogue) -> Self {
        let words: Vec<String> = dialogue
            .turns
            .iter()
            .flat_map(|turn| turn.utterance.split(|character: char| !character.is_alphanumeric()))
            .filter(|word| !word.is_empty())
            .map(str::to_lowercase)
            .collect();
        // A text that is shorter than a shingle is one.
        let runs = words.windows(SHINGLE_WORDS.min(words.len()).max(1));
        let mut hashes: Vec<u64> = runs.map(hash).collect();
        hashes.sort_unstable();
        hashes.dedup();
        Self(hashes)
    }

    /// The share of all their shingles that both have: 0 for texts that have none in common, 1 for the same ones.
    pub(crate) fn similarity(&self, other: &Self) -> f64 {
        let (mut a, mut b, mut both) = (0, 0, 0);
        while let (Some(first), Some(second)) = (self.0.get(a), other.0.get(b)) {
            both += usize::from(first == second);
            a += usize::from(first <= second);
            b += usize::from(second <= first);
        }
        let all = self.0.len() + other.0.len() - both;
        if all == 0 { 0.0 } else { both as f64 / all as f64 }
    }

    /// None where there are no shingles.
    pub(crate) fn signature(&self) -> Option<Signature> {
        if self.0.is_empty() {
            return None;
        }
        let mut least = vec![u32::MAX; HASHES].into_boxed_slice();
        let factors: Vec<(u64, u64)> = (0..HASHES as u64).map(|at| (mixed(2 * at) | 1, mixed(2 * at + 1))).collect();
        for &shingle in &self.0 {
            for (least, (factor, shift)) in least.iter_mut().zip(&factors) {
                *least = (*least).min((shingle.wrapping_mul(*factor).wrapping_add(*shift) >> 32) as u32);
            }
        }
        Some(Signature(least))
    }
}

fn hash(words: &[String]) -> u64 {
    // A byte that no UTF-8 text contains ends a word.
    let bytes = words.iter().flat_map(|word| word.bytes().chain([0xff]));
    mixed(Fingerprint::of_bytes(bytes).0 as u64)
}

/// SplitMix64's finaliser: every bit of the input moves every bit of the output.
fn mixed(number: u64) -> u64 {
    let mut hash = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

/// For each of many orders of all possible shingles, the first that a text has.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Signature(Box<[u32]>);

impl Signature {
    /// A part of it, below [`BANDS`].
    pub(crate) fn band(&self, band: usize) -> &[u32] {
        &self.0[band * BAND_HASHES..(band + 1) * BAND_HASHES]
    }

    /// In how many of [`Signature::HASHES`] places two are equal: their share estimates the similarity.
    pub(crate) fn agreement(&self, other: &Self) -> usize {
        self.0.iter().zip(&other.0).filter(|(a, b)| a == b).count()
    }

    /// The places of a signature.
    pub(crate) const HASHES: usize = HASHES;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Speaker, Turn};
    use std::collections::{BTreeMap, BTreeSet};

    fn shingles(utterances: &[&str]) -> Shingles {
        let turn = |text: &&str| Turn {
            speaker: Speaker::User,
            utterance: (*text).to_owned(),
            frames: vec![],
            turn_id: String::new(),
            log: None,
            other: BTreeMap::new(),
        };
        let turns = utterances.iter().map(turn).collect();
        Shingles::of(&Dialogue { id: "id".into(), services: vec![], turns, goal: None, other: BTreeMap::new() })
    }

    /// Words `from..to`, each with its number.
    fn words(from: usize, to: usize) -> String {
        (from..to).map(|number| format!("word{number} ")).collect()
    }

    #[test]
    fn similarity_is_that_of_the_sets() {
        let text = shingles(&["I need a train,", "please: to Ely"]);
        assert_eq!(text.similarity(&shingles(&["i NEED a train please to ely!"])), 1.0, "only words count");
        assert_eq!(text.similarity(&shingles(&["something else altogether"])), 0.0);
        // 5 shingles of each, 3 in both: the words need, a, train, please, to.
        assert_eq!(text.similarity(&shingles(&["they need a train please to norwich"])), 3.0 / 7.0);
        assert_eq!(shingles(&["?!", ""]).similarity(&shingles(&[])), 0.0, "no words are like nothing");
        assert_eq!(shingles(&["Thanks!"]).similarity(&shingles(&["thanks"])), 1.0, "short texts count, too");
        assert_eq!(shingles(&["thanks"]).similarity(&shingles(&["thanks a lot"])), 0.0);
        assert!(shingles(&[""]).signature().is_none());
    }

    #[test]
    fn signatures_estimate_the_similarity() {
        for shared in [0, 50, 100, 150, 190, 200] {
            let (a, b) = (shingles(&[&words(0, 202)]), shingles(&[&words(200 - shared, 402 - shared)]));
            let exact = a.similarity(&b);
            let estimate = a.signature().unwrap().agreement(&b.signature().unwrap()) as f64 / HASHES as f64;
            // Four standard deviations of a mean of 160: √(s(1 − s) ÷ 160) is at most 0.04.
            assert!((exact - estimate).abs() < 0.16, "{shared}: {exact} was taken for {estimate}");
        }
    }

    #[test]
    fn all_hashes_of_a_signature_differ() {
        let signature = shingles(&[&words(0, 400)]).signature().unwrap();
        let different: BTreeSet<u32> = signature.0.iter().copied().collect();
        assert_eq!(different.len(), HASHES);
        assert_eq!(signature.band(BANDS - 1), &signature.0[HASHES - BAND_HASHES..]);
    }
}
