//! Texts as tokens, in three splits. Knows no data set and no file; how tokens fill a batch is in `packing.rs` and `batch.rs`.

use crate::TrainError;
use reformer_session::{DIALOGUE, SPECIAL_TOKENS, Speaker, Tokenizer};

/// A text file's splits: the first 90 % to train, then 5 % to validate, then 5 % to test.
const TRAIN_PERCENT: usize = 90;
const DEV_PERCENT: usize = 5;

/// A dialogue, or a whole text.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Example {
    /// The tokens. The first one is never predicted.
    pub tokens: Vec<u32>,
    /// For each token whether predicting it counts.
    pub scored: Vec<bool>,
    /// Bytes of the text that the scored tokens stand for.
    pub bytes: u64,
}

impl Example {
    /// Rows that the example takes: one for each token that is followed, at once or later, by a scored one. What stands behind predicts
    /// nothing and is seen by nothing that does.
    pub fn rows(&self) -> usize {
        self.scored.iter().rposition(|&scored| scored).unwrap_or(0)
    }

    /// How many tokens are scored: each once, whatever way the example is cut.
    pub fn scored_tokens(&self) -> u64 {
        self.scored.iter().skip(1).filter(|&&scored| scored).count() as u64
    }
}

/// The examples of each split.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Corpus {
    /// To train on.
    pub train: Vec<Example>,
    /// To validate on while training.
    pub dev: Vec<Example>,
    /// To test on, once.
    pub test: Vec<Example>,
}

impl Corpus {
    /// Dialogues as [`Tokenizer::encode_dialogue`] writes them, an example each.
    ///
    /// # Errors
    /// If the tokenizer fails.
    pub fn from_dialogues<S: AsRef<str>>(
        tokenizer: &Tokenizer,
        train: &[Vec<(Speaker, S)>],
        dev: &[Vec<(Speaker, S)>],
        test: &[Vec<(Speaker, S)>],
    ) -> Result<Self, TrainError> {
        Ok(Self {
            train: encode_dialogues(tokenizer, train)?,
            dev: encode_dialogues(tokenizer, dev)?,
            test: encode_dialogues(tokenizer, test)?,
        })
    }

    /// How much of a text of `length` bytes is trained on.
    pub fn train_bytes(length: usize) -> usize {
        percent(length, TRAIN_PERCENT)
    }

    /// A text file's splits: the first 90 % to train, the next 5 % to validate, the rest to test.
    pub fn cut_text(text: &[u8]) -> [&[u8]; 3] {
        let (train, rest) = text.split_at(Self::train_bytes(text.len()));
        let (dev, test) = rest.split_at(percent(text.len(), DEV_PERCENT).min(rest.len()));
        [train, dev, test]
    }

    /// The bytes of a text file, cut as [`Corpus::cut_text`] does.
    pub fn from_text(text: &[u8]) -> Self {
        let [train, dev, test] = Self::cut_text(text);
        let split = |part: &[u8]| if part.is_empty() { Vec::new() } else { vec![encode_text(part)] };
        Self { train: split(train), dev: split(dev), test: split(test) }
    }
}

/// Divided first, so that no length overflows.
fn percent(length: usize, share: usize) -> usize {
    length / 100 * share + length % 100 * share / 100
}

/// Dialogues as [`Tokenizer::encode_dialogue`] writes them, an example each.
///
/// # Errors
/// If the tokenizer fails.
pub fn encode_dialogues<S: AsRef<str>>(
    tokenizer: &Tokenizer,
    dialogues: &[Vec<(Speaker, S)>],
) -> Result<Vec<Example>, TrainError> {
    let encode = |turns: &Vec<(Speaker, S)>| {
        let encoded = tokenizer.encode_dialogue(turns)?;
        Ok(Example { tokens: encoded.tokens, scored: encoded.scored, bytes: encoded.text_bytes as u64 })
    };
    dialogues.iter().map(encode).collect()
}

/// A text as one example, in the tokens of [`Tokenizer::bytes`]. It begins with the token that stands between dialogues, so that its
/// first byte is predicted too.
pub fn encode_text(text: &[u8]) -> Example {
    let byte_token = |&byte: &u8| SPECIAL_TOKENS.len() as u32 + u32::from(byte);
    let tokens = std::iter::once(DIALOGUE).chain(text.iter().map(byte_token)).collect();
    let scored = std::iter::once(false).chain(text.iter().map(|_| true)).collect();
    Example { tokens, scored, bytes: text.len() as u64 }
}

/// A number that other examples hardly share (FNV-1a, 64 bits): enough to notice that a run's data has changed under it.
pub(crate) fn fingerprint(examples: &[Example]) -> String {
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    let start = 0xcbf2_9ce4_8422_2325;
    let add = |hash: u64, word: u64| (hash ^ word).wrapping_mul(PRIME);
    let hash = examples.iter().fold(start, |hash, example| {
        let hash = add(hash, example.tokens.len() as u64);
        let tokens = example.tokens.iter().zip(&example.scored);
        tokens.fold(hash, |hash, (&token, &scored)| add(hash, u64::from(token) << 1 | u64::from(scored)))
    });
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_split_in_order_and_every_byte_is_scored() {
        let text: Vec<u8> = (0..1007u32).map(|number| number as u8).collect();
        let corpus = Corpus::from_text(&text);
        let lengths = [&corpus.train, &corpus.dev, &corpus.test].map(|split| split[0].bytes);
        assert_eq!(lengths, [906, 50, 51]);
        let whole: Vec<u32> = [&corpus.train, &corpus.dev, &corpus.test]
            .into_iter()
            .flat_map(|split| split[0].tokens[1..].iter().copied())
            .collect();
        assert_eq!(
            Tokenizer::bytes().encode("az").unwrap(),
            encode_text(b"az").tokens[1..],
            "the tokenizer's own bytes"
        );
        assert_eq!(whole, text.iter().map(|&byte| 4 + u32::from(byte)).collect::<Vec<_>>());
        assert_eq!((corpus.dev[0].rows(), corpus.dev[0].scored_tokens()), (50, 50));
        assert_eq!(Corpus::from_text(b""), Corpus::default());
    }

    #[test]
    fn rows_end_where_nothing_scored_follows() {
        let turns = [(Speaker::User, "hi"), (Speaker::System, "yo")];
        let example = &encode_dialogues(&Tokenizer::bytes(), &[turns.to_vec()]).unwrap()[0];
        // <user> h i <end> <system> y o <end> <dialogue>: the last scored token is the second <end>, predicted from row 6.
        assert_eq!((example.tokens.len(), example.rows(), example.scored_tokens(), example.bytes), (9, 7, 6, 4));
        let nothing = Example { tokens: vec![0, 1], scored: vec![false, false], bytes: 0 };
        assert_eq!((nothing.rows(), nothing.scored_tokens()), (0, 0));
    }
}
