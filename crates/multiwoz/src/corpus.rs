//! The dialogues of all three splits in memory.

use crate::{DataError, Dialogue, Source, Split};

/// All three splits.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Corpus {
    /// For learning.
    pub train: Vec<Dialogue>,
    /// For looking at while learning.
    pub dev: Vec<Dialogue>,
    /// For looking at once, at the end.
    pub test: Vec<Dialogue>,
}

impl Corpus {
    /// Reads all three splits of a source.
    ///
    /// # Errors
    /// See [`Source::split`].
    pub fn read(source: &Source) -> Result<Self, DataError> {
        Ok(Self {
            train: source.split(Split::Train)?,
            dev: source.split(Split::Dev)?,
            test: source.split(Split::Test)?,
        })
    }

    /// The dialogues of a split.
    pub fn split(&self, split: Split) -> &[Dialogue] {
        match split {
            Split::Train => &self.train,
            Split::Dev => &self.dev,
            Split::Test => &self.test,
        }
    }

    /// The dialogues of a split, to change.
    pub fn split_mut(&mut self, split: Split) -> &mut Vec<Dialogue> {
        match split {
            Split::Train => &mut self.train,
            Split::Dev => &mut self.dev,
            Split::Test => &mut self.test,
        }
    }
}
