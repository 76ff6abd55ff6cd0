//! Text to tokens and back: byte pairs (the `tokenizers` crate) or plain bytes. `decode(encode(x)) = x` for every text.
//! What a file of byte pairs must look like is in `tokenizer/file.rs`, streams of text are in `utf8.rs`, dialogues in `dialogue.rs`.
//!
//! Both kinds begin with the special tokens, ids 0 to 3. They stand for no text: no text is ever encoded to one of them
//! (the literal text `<user>` becomes ordinary tokens), and decoding skips them.

mod file;

use crate::durable::write_atomically;
use crate::tensors::hexadecimal;
use crate::{SessionError, files, json};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::path::Path;
use tokenizers::models::TrainerWrapper;
use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;

/// Begins a turn of the person.
pub const USER: u32 = 0;
/// Begins a turn of the model.
pub const SYSTEM: u32 = 1;
/// Ends a turn.
pub const END: u32 = 2;
/// Ends a dialogue.
pub const DIALOGUE: u32 = 3;
/// The special tokens' names; a token's id is its place here.
pub const SPECIAL_TOKENS: [&str; 4] = ["<user>", "<system>", "<end>", "<dialogue>"];

/// Values of a byte.
const BYTES: usize = 256;
/// Special tokens and single bytes: the least that encodes every text.
const SMALLEST_VOCABULARY: usize = SPECIAL_TOKENS.len() + BYTES;
/// A pair must occur this often to become a token: what occurs once teaches nothing.
const LEAST_OCCURRENCES: u64 = 2;
/// The longest word that byte pairs are learned from, in bytes; of a longer one pieces are. What learning takes grows with the
/// square of a word: megabytes without a blank would take days.
const LONGEST_WORD: usize = 256;
/// A text is encoded in pieces of at most so many bytes: the library needs more than a hundred bytes of memory for each.
const ENCODED_AT_ONCE: usize = 64 << 10;
/// Two million tokens take about as much, far more than any text needs.
const LARGEST_FILE: u64 = 1 << 26;

/// Text to tokens and back.
#[derive(Clone)]
pub struct Tokenizer {
    kind: Kind,
    /// The bytes that each token stands for; none for special tokens.
    pieces: Vec<Vec<u8>>,
}

#[derive(Clone)]
enum Kind {
    Bytes,
    BytePair(Box<tokenizers::Tokenizer>),
}

impl Tokenizer {
    /// A token a byte: the special tokens, then byte b as token 4 + b; 260 tokens.
    pub fn bytes() -> Self {
        let ordinary = (0..=u8::MAX).map(|byte| vec![byte]);
        let pieces = SPECIAL_TOKENS.iter().map(|_| Vec::new()).chain(ordinary).collect();
        Self { kind: Kind::Bytes, pieces }
    }

    /// Learns byte pairs from `texts` until there are `vocabulary` tokens, special ones included, or no pair occurs twice
    /// any more. Words are split as GPT-2 does. The same texts give the same tokenizer, byte for byte, with any number of `threads`
    /// (0: one a core).
    ///
    /// # Errors
    /// [`SessionError::Tokenizer`] if `vocabulary` is below 260 (special tokens and single bytes), or the library fails.
    pub fn train_byte_pair<S: AsRef<str> + Send>(
        texts: impl Iterator<Item = S> + Send,
        vocabulary: usize,
        threads: usize,
    ) -> Result<Self, SessionError> {
        if vocabulary < SMALLEST_VOCABULARY {
            return Err(SessionError::Tokenizer(format!(
                "a vocabulary of {vocabulary} is too small: byte pairs need at least {SMALLEST_VOCABULARY} tokens, \
                 {} special ones and {BYTES} single bytes",
                SPECIAL_TOKENS.len()
            )));
        }
        let special = SPECIAL_TOKENS.iter().map(|&name| tokenizers::AddedToken::from(name, true)).collect();
        let trainer = BpeTrainer::builder()
            .show_progress(false)
            .vocab_size(vocabulary)
            .min_frequency(LEAST_OCCURRENCES)
            .special_tokens(special)
            .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
            .build();
        let mut library = tokenizers::Tokenizer::new(BPE::default());
        library.with_pre_tokenizer(Some(ByteLevel::new(false, false, true)));
        library.with_decoder(Some(ByteLevel::new(false, false, true)));
        let pieces = texts.flat_map(|text| short_words(text.as_ref()).map(str::to_owned).collect::<Vec<_>>());
        // In a pool of its own: the library would take rayon's, which panics where the system starts no more threads.
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().map_err(|error| {
            SessionError::Tokenizer(format!("the system did not start the threads to learn it with ({error})"))
        })?;
        pool.install(|| library.train(&mut TrainerWrapper::from(trainer), pieces)).map_err(from_library)?;
        let text = library.to_string(false).map_err(from_library)?;
        // Through the same door as a file, so that what was trained is checked as what is loaded.
        Self::from_json(&text).map_err(SessionError::Tokenizer)
    }

    /// Reads a `tokenizer.json`.
    ///
    /// # Errors
    /// If it can't be read, or isn't a tokenizer that this program can use: the message names the field.
    pub fn load(path: &Path) -> Result<Self, SessionError> {
        let text = files::read_text(path, LARGEST_FILE).map_err(|unusable| unusable.in_run(path))?;
        Self::from_json(&text).map_err(|message| SessionError::format(path, message))
    }

    /// Writes a `tokenizer.json`: the library's format for byte pairs, `{"type":"bytes"}` for bytes. Atomic.
    ///
    /// # Errors
    /// If it can't be written.
    pub fn save(&self, path: &Path) -> Result<(), SessionError> {
        write_atomically(path, self.to_json()?.as_bytes())
    }

    /// What [`Tokenizer::save`] writes.
    ///
    /// # Errors
    /// [`SessionError::Tokenizer`] if the library fails.
    pub fn to_json(&self) -> Result<String, SessionError> {
        match &self.kind {
            Kind::Bytes => Ok(serde_json::json!({"type": "bytes"}).to_string() + "\n"),
            Kind::BytePair(library) => Ok(library.to_string(true).map_err(from_library)? + "\n"),
        }
    }

    fn from_json(text: &str) -> Result<Self, String> {
        // Also of what was just trained: a file that could not be read again must not be written.
        if text.len() as u64 > LARGEST_FILE {
            return Err(format!("it has {} bytes, more than {LARGEST_FILE}: learn a smaller vocabulary", text.len()));
        }
        let value = json::parse(text)?;
        if value == serde_json::json!({"type": "bytes"}) {
            return Ok(Self::bytes());
        }
        let pieces = file::pieces(&value)?;
        let mut library = tokenizers::Tokenizer::from_bytes(text).map_err(|error| error.to_string())?;
        // Special tokens are never found in a text, whatever it says.
        library.set_encode_special_tokens(true);
        Ok(Self { kind: Kind::BytePair(Box::new(library)), pieces })
    }

    /// SHA-256 of what it does: its kind, the bytes of every token in order of their ids, and the pairs that are merged, in order.
    /// How a file spells that, blanks and all, is not in it.
    ///
    /// # Errors
    /// [`SessionError::Tokenizer`] if the library fails.
    pub fn sha256(&self) -> Result<String, SessionError> {
        let mut hash = Sha256::new_with_prefix(self.kind());
        let mut add = |bytes: &[u8]| {
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        };
        self.pieces.iter().for_each(|piece| add(piece));
        if let Kind::BytePair(library) = &self.kind {
            let file: Value = serde_json::from_str(&library.to_string(false).map_err(from_library)?)
                .map_err(|error| SessionError::Tokenizer(error.to_string()))?;
            file::merges(&file).for_each(|parts| add(parts.join(" ").as_bytes()));
        }
        Ok(hexadecimal(hash))
    }

    /// Tokens in the vocabulary, special ones included.
    pub fn vocabulary(&self) -> usize {
        self.pieces.len()
    }

    /// `bytes` or `byte pairs`.
    pub fn kind(&self) -> &'static str {
        match self.kind {
            Kind::Bytes => "bytes",
            Kind::BytePair(_) => "byte pairs",
        }
    }

    /// The tokens of a text; never a special one.
    ///
    /// # Errors
    /// [`SessionError::Tokenizer`] if the library fails.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, SessionError> {
        match &self.kind {
            Kind::Bytes => Ok(text.bytes().map(|byte| (SPECIAL_TOKENS.len() + usize::from(byte)) as u32).collect()),
            Kind::BytePair(library) => {
                let mut tokens = Vec::new();
                for piece in pieces_of(text) {
                    tokens.extend_from_slice(library.encode_fast(piece, false).map_err(from_library)?.get_ids());
                }
                Ok(tokens)
            }
        }
    }

    /// The bytes that a token stands for: none for a special one; they need not be whole characters.
    ///
    /// # Errors
    /// [`SessionError::UnknownToken`].
    pub fn token_bytes(&self, token: u32) -> Result<&[u8], SessionError> {
        let unknown = SessionError::UnknownToken { id: token, vocabulary: self.vocabulary() };
        self.pieces.get(token as usize).map(Vec::as_slice).ok_or(unknown)
    }

    /// The text of `tokens`. Special tokens are skipped; bytes that are no text (a model may write any) become U+FFFD.
    ///
    /// # Errors
    /// [`SessionError::UnknownToken`].
    pub fn decode(&self, tokens: &[u32]) -> Result<String, SessionError> {
        let mut bytes = Vec::new();
        for &token in tokens {
            bytes.extend_from_slice(self.token_bytes(token)?);
        }
        Ok(String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
    }
}

/// A text cut where a word, or the blank between two, is longer than [`LONGEST_WORD`].
fn short_words(text: &str) -> impl Iterator<Item = &str> {
    let (mut begun, mut was_blank) = (0, false);
    let cut = move |(at, character): (usize, char)| {
        if character.is_whitespace() != was_blank {
            (begun, was_blank) = (at, !was_blank);
        }
        let is_too_long = at + character.len_utf8() - begun > LONGEST_WORD;
        if is_too_long {
            begun = at;
        }
        is_too_long.then_some(at)
    };
    cut_at(text, text.char_indices().filter_map(cut))
}

/// A text in pieces of at most [`ENCODED_AT_ONCE`] bytes, cut before a blank where there is one.
fn pieces_of(mut text: &str) -> impl Iterator<Item = &str> {
    std::iter::from_fn(move || {
        let mut end = text.len();
        if end > ENCODED_AT_ONCE {
            end = (0..=ENCODED_AT_ONCE).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(end);
            end = text[..end].rfind(' ').filter(|&at| at > 0).unwrap_or(end);
        }
        let (piece, rest) = text.split_at(end);
        text = rest;
        (!piece.is_empty()).then_some(piece)
    })
}

/// A text in pieces that begin at its start and at these places.
fn cut_at(text: &str, places: impl Iterator<Item = usize>) -> impl Iterator<Item = &str> {
    let mut begin = 0;
    places.chain([text.len()]).map(move |end| &text[std::mem::replace(&mut begin, end)..end])
}

impl std::fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tokenizer({}, {} tokens)", self.kind(), self.vocabulary())
    }
}

fn from_library(error: tokenizers::Error) -> SessionError {
    SessionError::Tokenizer(error.to_string())
}
