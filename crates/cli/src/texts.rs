//! The texts of data, read and not yet tokens: what is trained on, and what is measured on. Where they come from is in `material.rs`.

use crate::quantities::Bytes;
use anyhow::bail;
use reformer_session::{Speaker, Tokenizer};
use reformer_trainer::Corpus;
use std::path::{Path, PathBuf};

/// Turns of a dialogue as the tokenizer takes them.
pub type Turns = Vec<(Speaker, String)>;

/// The texts of the splits that training needs.
pub enum Texts {
    /// Dialogues to train on and to validate on.
    Dialogues {
        train: Vec<Turns>,
        dev: Vec<Turns>,
        /// How many were left out of train, if they were to be.
        left_out: Option<usize>,
    },
    /// All bytes of a text file.
    Bytes(Vec<u8>),
}

/// What there is of one split, to measure on.
pub struct Examples {
    /// The texts.
    pub texts: SplitTexts,
    /// How many dialogues were left out since they occur in another split, if they were to be.
    pub left_out: Option<usize>,
    /// Whether the splits are ours: own dialogues in one file, or a text, and nothing that somebody has published.
    pub is_dealt: bool,
    /// Where they come from.
    pub path: PathBuf,
}

/// The texts of one split.
pub enum SplitTexts {
    /// Dialogues.
    Dialogues(Vec<Turns>),
    /// A part of a file.
    Bytes(Vec<u8>),
}

impl Texts {
    /// As tokens.
    ///
    /// # Errors
    /// If the tokenizer fails.
    pub fn encode(self, tokenizer: &Tokenizer) -> anyhow::Result<Corpus> {
        match self {
            Self::Dialogues { train, dev, .. } => Ok(Corpus::from_dialogues(tokenizer, &train, &dev, &[])?),
            Self::Bytes(text) => Ok(Corpus::from_text(&text)),
        }
    }

    /// `2,700 dialogues for training, 1.91 MiB of text`: what there is to learn from.
    pub fn describe(&self) -> String {
        match self {
            Self::Dialogues { train, left_out, .. } => {
                let bytes = train.iter().flatten().map(|(_, text)| text.len() as u64).sum();
                let without = left_out
                    .map(|count| format!(", without {count} that occur in dev or test too"))
                    .unwrap_or_default();
                format!("{} dialogues to train on, {} of text{without}", train.len(), Bytes(bytes))
            }
            Self::Bytes(text) => {
                format!("{} of text, the first 90 % to train on", Bytes(text.len() as u64))
            }
        }
    }
}

/// A text file is cut as bytes: other tokens would mean other text.
///
/// # Errors
/// If the tokenizer is none for bytes.
pub fn refuse_word_pieces(path: &Path, tokenizer: &Tokenizer) -> anyhow::Result<()> {
    if tokenizer.vocabulary() != Tokenizer::bytes().vocabulary() {
        bail!(
            "{}: a text file is read as bytes, and this run's tokenizer knows {}: name dialogues with --data",
            path.display(),
            tokenizer.kind()
        );
    }
    Ok(())
}
