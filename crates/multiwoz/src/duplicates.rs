//! Dialogues that occur in two splits, with the same text or nearly the same: what a model has seen tells little of what it
//! has learned. How alike texts are is in `near.rs`, counting in `stats.rs`.

use crate::fingerprint::Fingerprint;
use crate::near::{BANDS, Shingles, Signature};
use crate::{DataError, Dialogue, Source, Split};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// From this similarity of their shingles two texts are nearly the same.
pub const NEAR: f64 = 0.8;
/// An estimated similarity below this is not looked at: five standard deviations of the estimate below [`NEAR`].
const WORTH_A_LOOK: f64 = 0.64;
/// The most texts of another split that a text is compared with for a band they share. Where more share it, the data is made
/// of templates, and any few of them show it; without a bound, time would grow with the square of the data.
const MOST_COMPARED: usize = 128;
/// Of another split, the texts whose similarity with a text is computed exactly: those with the best estimates.
const MOST_VERIFIED: usize = 8;

/// Dialogues that occur in two splits.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct Duplicates {
    /// For every two splits, the texts that occur in both. A text is all utterances of a dialogue in order.
    pub exact: Vec<ExactDuplicate>,
    /// For every dialogue, the most similar one of each other split, if its similarity is at least [`NEAR`] and its text
    /// another; each pair once, in the order of splits and dialogues. Found by MinHash and verified: some pair in a million may be missed.
    pub near: Vec<NearDuplicate>,
    /// For every two splits, which dialogues of the first occur in the second.
    #[serde(skip)]
    occurring: BTreeMap<(Split, Split), BTreeSet<usize>>,
}

/// A dialogue's name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
pub struct DialogueName {
    /// Its split.
    pub split: Split,
    /// Its id.
    pub id: String,
}

/// Two dialogues with one text. Where a split has the text more than once, its first dialogue is named.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct ExactDuplicate {
    /// Of an earlier split.
    pub first: DialogueName,
    /// Of a later one.
    pub second: DialogueName,
}

/// Two dialogues whose texts are nearly the same.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct NearDuplicate {
    /// Of an earlier split.
    pub first: DialogueName,
    /// Of a later one.
    pub second: DialogueName,
    /// Of all runs of three words in either, the share that is in both.
    pub similarity: f64,
}

impl Duplicates {
    /// Looks for them, reading the source once, and once more if there are near ones to verify. In memory, beside what
    /// reading takes, are some 800 bytes a dialogue, and 8 a word for those that are verified.
    ///
    /// # Errors
    /// If anything can't be read.
    pub fn find(source: &Source) -> Result<Self, DataError> {
        let mut texts = Texts::default();
        for split in source.splits() {
            each_dialogue(source, split, &mut |at, dialogue| texts.add(split, at, &dialogue))?;
        }
        texts.duplicates(source)
    }

    /// Which dialogues of `split`, by their place in it from 0, have a text that occurs, wholly or nearly, in another: those
    /// of train that are in dev or test, and those of dev or test that are in train.
    pub fn left_out(&self, split: Split) -> BTreeSet<usize> {
        let others: &[Split] = if split == Split::Train { &[Split::Dev, Split::Test] } else { &[Split::Train] };
        others.iter().filter_map(|&other| self.occurring.get(&(split, other))).flatten().copied().collect()
    }
}

/// All dialogues of a split, with their places.
pub(crate) fn each_dialogue(
    source: &Source,
    split: Split,
    each: &mut dyn FnMut(usize, Dialogue),
) -> Result<(), DataError> {
    let mut at = 0;
    for part in source.parts(split)? {
        for dialogue in part?.dialogues {
            each(at, dialogue);
            at += 1;
        }
    }
    Ok(())
}

/// The different texts of a source.
#[derive(Default)]
pub(crate) struct Texts {
    texts: Vec<Text>,
    by_fingerprint: BTreeMap<Fingerprint, usize>,
}

struct Text {
    signature: Option<Signature>,
    /// Where it occurs: in each split the id of the first dialogue, and all places.
    places: BTreeMap<Split, (String, Vec<usize>)>,
}

impl Texts {
    pub(crate) fn add(&mut self, split: Split, at: usize, dialogue: &Dialogue) {
        let text = *self.by_fingerprint.entry(Fingerprint::of(dialogue)).or_insert_with(|| {
            self.texts.push(Text { signature: Shingles::of(dialogue).signature(), places: BTreeMap::new() });
            self.texts.len() - 1
        });
        let places = &mut self.texts[text].places;
        places.entry(split).or_insert_with(|| (dialogue.id.clone(), Vec::new())).1.push(at);
    }

    /// Reads `source` once more if there is something to verify.
    pub(crate) fn duplicates(self, source: &Source) -> Result<Duplicates, DataError> {
        let mut found = Duplicates::default();
        for (first, second) in pairs_of_splits() {
            for (at, text) in self.texts.iter().enumerate() {
                if let (Some(a), Some(b)) = (text.places.get(&first), text.places.get(&second)) {
                    let name = |split, (id, _): &(String, Vec<usize>)| DialogueName { split, id: id.clone() };
                    found.exact.push(ExactDuplicate { first: name(first, a), second: name(second, b) });
                    self.mark(&mut found, (first, at), (second, at));
                }
            }
        }
        for ((first, a), (second, b), similarity) in self.near(source)? {
            let name = |split: Split, at: usize| {
                self.texts[at].places.get(&split).map(|(id, _)| DialogueName { split, id: id.clone() })
            };
            if let (Some(a), Some(b)) = (name(first, a), name(second, b)) {
                found.near.push(NearDuplicate { first: a, second: b, similarity });
            }
            self.mark(&mut found, (first, a), (second, b));
        }
        Ok(found)
    }

    fn mark(&self, found: &mut Duplicates, first: (Split, usize), second: (Split, usize)) {
        for ((split, text), (other, _)) in [(first, second), (second, first)] {
            let places = self.texts[text].places.get(&split).into_iter().flat_map(|(_, places)| places);
            found.occurring.entry((split, other)).or_default().extend(places);
        }
    }

    /// Pairs of texts that are nearly the same, each with the split in which it is looked at, the earlier split first.
    fn near(&self, source: &Source) -> Result<Vec<(Occurrence, Occurrence, f64)>, DataError> {
        let likely = self.likely();
        let mut wanted: BTreeSet<usize> = BTreeSet::new();
        for ((_, text), _, others) in &likely {
            wanted.insert(*text);
            wanted.extend(others);
        }
        let shingles = self.read_shingles(source, &wanted)?;
        let mut pairs = BTreeMap::new();
        for (occurrence, other, texts) in likely {
            let similarity = |text: &usize| match (shingles.get(&occurrence.1), shingles.get(text)) {
                (Some(a), Some(b)) => a.similarity(b),
                _ => 0.0,
            };
            let best = texts.iter().map(|text| (*text, similarity(text))).filter(|&(_, similarity)| similarity >= NEAR);
            // Of equally similar ones the first.
            if let Some((text, similarity)) = best.reduce(|best, next| if next.1 > best.1 { next } else { best }) {
                let mut pair = [occurrence, (other, text)];
                pair.sort();
                pairs.insert(pair, similarity);
            }
        }
        Ok(pairs.into_iter().map(|([first, second], similarity)| (first, second, similarity)).collect())
    }

    /// For texts of one split, those of another that may be nearly the same, the likeliest first.
    fn likely(&self) -> Vec<(Occurrence, Split, Vec<usize>)> {
        let mut found: BTreeMap<(Occurrence, Split), BTreeSet<(usize, usize)>> = BTreeMap::new();
        for band in 0..BANDS {
            let mut groups: BTreeMap<&[u32], Vec<usize>> = BTreeMap::new();
            for (at, text) in self.texts.iter().enumerate() {
                if let Some(signature) = &text.signature {
                    groups.entry(signature.band(band)).or_default().push(at);
                }
            }
            for group in groups.values().filter(|group| group.len() > 1) {
                let of = |split: Split| -> Vec<usize> {
                    group.iter().copied().filter(|&at| self.texts[at].places.contains_key(&split)).collect()
                };
                for (first, second) in pairs_of_splits() {
                    let (of_first, of_second) = (of(first), of(second));
                    self.compare((first, &of_first), (second, &of_second), &mut found);
                    self.compare((second, &of_second), (first, &of_first), &mut found);
                }
            }
        }
        // The sets are ordered by what is missing, then by place.
        let texts = |set: BTreeSet<(usize, usize)>| set.into_iter().map(|(_, text)| text).collect();
        found.into_iter().map(|((occurrence, other), set)| (occurrence, other, texts(set))).collect()
    }

    fn compare(
        &self,
        (split, texts): (Split, &[usize]),
        (other, others): (Split, &[usize]),
        found: &mut BTreeMap<(Occurrence, Split), BTreeSet<(usize, usize)>>,
    ) {
        for (at, &text) in texts.iter().enumerate() {
            // Of too many, each text gets others, so that all have their turn.
            for &second in others.iter().cycle().skip(at % others.len().max(1)).take(others.len().min(MOST_COMPARED)) {
                let (Some(a), Some(b)) = (&self.texts[text].signature, &self.texts[second].signature) else { continue };
                let missing = Signature::HASHES - a.agreement(b);
                if text == second || missing as f64 > (1.0 - WORTH_A_LOOK) * Signature::HASHES as f64 {
                    continue;
                }
                let best = found.entry(((split, text), other)).or_default();
                best.insert((missing, second));
                if best.len() > MOST_VERIFIED {
                    best.pop_last();
                }
            }
        }
    }

    fn read_shingles(&self, source: &Source, wanted: &BTreeSet<usize>) -> Result<BTreeMap<usize, Shingles>, DataError> {
        let mut places: BTreeMap<Split, BTreeMap<usize, usize>> = BTreeMap::new();
        for &text in wanted {
            if let Some((&split, (_, at))) = self.texts[text].places.first_key_value() {
                places.entry(split).or_default().extend(at.first().map(|&at| (at, text)));
            }
        }
        let mut shingles = BTreeMap::new();
        for (split, texts) in places {
            each_dialogue(source, split, &mut |at, dialogue| {
                if let Some(&text) = texts.get(&at) {
                    shingles.insert(text, Shingles::of(&dialogue));
                }
            })?;
        }
        Ok(shingles)
    }
}

/// A text in one of its splits.
type Occurrence = (Split, usize);

/// Every two splits, the earlier one first.
fn pairs_of_splits() -> impl Iterator<Item = (Split, Split)> {
    let second = |first: Split| Split::ALL.into_iter().filter(move |&second| first < second);
    Split::ALL.into_iter().flat_map(move |first| second(first).map(move |second| (first, second)))
}
