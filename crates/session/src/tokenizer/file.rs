//! What a `tokenizer.json` of byte pairs must say so that the library does with it what this program relies on, and the tokens and merges
//! in it. Reading the file itself, and encoding, are in `tokenizer.rs`.

use super::SPECIAL_TOKENS;
use serde_json::Value;
use std::collections::BTreeMap;

/// What a file must say so that it splits and joins text as this program does.
const REQUIRED_WORDS: [(&str, &str); 4] =
    [("/model/type", "BPE"), ("/pre_tokenizer/type", "ByteLevel"), ("/decoder/type", "ByteLevel"), ("/version", "1.0")];
static REQUIRED: [(&str, Value); 13] = [
    ("/truncation", Value::Null),
    ("/padding", Value::Null),
    ("/normalizer", Value::Null),
    ("/post_processor", Value::Null),
    ("/pre_tokenizer/add_prefix_space", Value::Bool(false)),
    ("/pre_tokenizer/use_regex", Value::Bool(true)),
    ("/model/dropout", Value::Null),
    ("/model/unk_token", Value::Null),
    ("/model/continuing_subword_prefix", Value::Null),
    ("/model/end_of_word_suffix", Value::Null),
    ("/model/fuse_unk", Value::Bool(false)),
    ("/model/byte_fallback", Value::Bool(false)),
    ("/model/ignore_merges", Value::Bool(false)),
];
/// Every key that the library writes: another may mean something to another version of it.
const KNOWN_KEYS: [(&str, &[&str]); 3] = [
    (
        "",
        &[
            "version",
            "truncation",
            "padding",
            "added_tokens",
            "normalizer",
            "pre_tokenizer",
            "post_processor",
            "decoder",
            "model",
        ],
    ),
    ("/pre_tokenizer", &["type", "add_prefix_space", "trim_offsets", "use_regex"]),
    (
        "/model",
        &[
            "type",
            "dropout",
            "unk_token",
            "continuing_subword_prefix",
            "end_of_word_suffix",
            "fuse_unk",
            "byte_fallback",
            "ignore_merges",
            "vocab",
            "merges",
        ],
    ),
];

fn require(file: &Value, pointer: &str, expected: &Value) -> Result<(), String> {
    let got = file.pointer(pointer).unwrap_or(&Value::Null);
    if got == expected {
        return Ok(());
    }
    let field = pointer[1..].replace('/', ".");
    Err(format!("`{field}` is {got}, expected {expected}: this is not a tokenizer that was trained here"))
}

fn refuse_unknown_keys(file: &Value, pointer: &str, known: &[&str]) -> Result<(), String> {
    let keys = file.pointer(pointer).and_then(Value::as_object).into_iter().flat_map(|object| object.keys());
    match keys.map(String::as_str).find(|key| !known.contains(key)) {
        Some(key) => {
            let field = pointer.get(1..).map(|section| format!("{section}.")).unwrap_or_default();
            Err(format!("`{field}{key}` is unknown: this is not a tokenizer that was trained here"))
        }
        None => Ok(()),
    }
}

/// The library finds these in a text before anything else: one too many would give tokens that the model does not have.
fn check_added_tokens(file: &Value) -> Result<(), String> {
    let added = file.get("added_tokens").and_then(Value::as_array).ok_or("`added_tokens` is missing or no list")?;
    if added.len() != SPECIAL_TOKENS.len() {
        return Err(format!(
            "`added_tokens` has {} tokens, not the {} special ones",
            added.len(),
            SPECIAL_TOKENS.len()
        ));
    }
    for (id, (token, name)) in added.iter().zip(SPECIAL_TOKENS).enumerate() {
        if token["id"] != id || token["content"] != name || token["special"] != true {
            return Err(format!("`added_tokens` holds {token}, expected the special token {name:?} with the id {id}"));
        }
    }
    Ok(())
}

/// The bytes of every token, by id, with everything checked that encoding and decoding rely on.
pub(super) fn pieces(file: &Value) -> Result<Vec<Vec<u8>>, String> {
    for (pointer, kind) in REQUIRED_WORDS {
        require(file, pointer, &Value::from(kind))?;
    }
    for (pointer, known) in KNOWN_KEYS {
        refuse_unknown_keys(file, pointer, known)?;
    }
    check_added_tokens(file)?;
    for (pointer, expected) in &REQUIRED {
        require(file, pointer, expected)?;
    }
    let vocabulary = file.pointer("/model/vocab").and_then(Value::as_object).ok_or("`model.vocab` is missing")?;
    let bytes_of = byte_of_letter();
    let mut pieces: Vec<Option<Vec<u8>>> = vec![None; vocabulary.len()];
    for (name, id) in vocabulary {
        let count = pieces.len();
        let place = id.as_u64().and_then(|id| pieces.get_mut(usize::try_from(id).ok()?));
        let place = place.ok_or_else(|| {
            format!("`model.vocab` gives {name:?} the id {id}, beyond the vocabulary of {count} tokens")
        })?;
        if place.is_some() {
            return Err(format!("`model.vocab` gives the id {id} to two tokens, one of them {name:?}"));
        }
        let special = SPECIAL_TOKENS.iter().position(|special| special == name);
        if special.is_some_and(|special| id.as_u64() != Some(special as u64)) {
            return Err(format!("`model.vocab` gives the special token {name:?} the id {id}"));
        }
        let piece: Option<Vec<u8>> = match special {
            Some(_) => Some(Vec::new()),
            None => name.chars().map(|letter| bytes_of.get(&letter).copied()).collect(),
        };
        *place = Some(piece.ok_or_else(|| format!("`model.vocab` holds {name:?}, which is not made of bytes"))?);
    }
    // As many places as tokens, none filled twice: none is empty.
    let pieces: Vec<Vec<u8>> = pieces.into_iter().flatten().collect();
    let known = |name: &str| vocabulary.contains_key(name);
    if let Some(name) = SPECIAL_TOKENS.into_iter().find(|name| !known(name)) {
        return Err(format!("`model.vocab` lacks the special token {name:?}"));
    }
    if let Some((letter, byte)) = bytes_of.iter().find(|(letter, _)| !known(&letter.to_string())) {
        return Err(format!("`model.vocab` lacks {letter:?}, the byte {byte}"));
    }
    if !file.pointer("/model/merges").is_some_and(Value::is_array) {
        return Err("`model.merges` is missing".to_owned());
    }
    for parts in merges(file) {
        let joined = parts.concat();
        if SPECIAL_TOKENS.contains(&joined.as_str()) {
            return Err(format!("`model.merges` makes the special token {joined:?} out of text"));
        }
    }
    Ok(pieces)
}

/// The pairs that are merged, in their order.
pub(super) fn merges(file: &Value) -> impl Iterator<Item = Vec<&str>> {
    file.pointer("/model/merges").and_then(Value::as_array).into_iter().flatten().map(merge_parts)
}

/// The two parts of a merge, which files write as a list or with a blank between them; no letter of a byte is a blank.
fn merge_parts(merge: &Value) -> Vec<&str> {
    match merge {
        Value::Array(parts) => parts.iter().filter_map(Value::as_str).collect(),
        other => other.as_str().unwrap_or_default().split(' ').collect(),
    }
}

/// Byte-level files spell each byte as a visible letter: printable Latin-1 as itself, the others as U+0100 and on.
fn byte_of_letter() -> BTreeMap<char, u8> {
    let visible = |byte: u8| matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF);
    let shown = (0..=u8::MAX).filter(|&byte| visible(byte)).map(|byte| (char::from(byte), byte));
    let hidden = (0..=u8::MAX).filter(|&byte| !visible(byte));
    let moved = ('\u{100}'..).zip(hidden);
    shown.chain(moved).collect()
}
