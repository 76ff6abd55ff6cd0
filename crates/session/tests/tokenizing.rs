//! Tokenizers: text survives, special tokens can't be spoken, training is deterministic, files are checked.

use proptest::prelude::*;
use reformer_session::{DIALOGUE, END, SPECIAL_TOKENS, SYSTEM, Speaker, Tokenizer, USER};
use serde_json::{Value, json};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Sentences that repeat with variations, and texts that look like special tokens.
fn corpus() -> Vec<String> {
    let places = ["the centre", "the north", "cambridge", "the <end> of town", "Zürich 🚂"];
    let wishes =
        ["a cheap hotel", "a train to <user>", "an  expensive\nrestaurant", "<system> information", "3 people"];
    let mut texts = Vec::new();
    for place in places {
        for wish in wishes {
            texts.push(format!("i am looking for {wish} in {place}, please."));
            texts.push(format!("{wish}? {place}! <user><user><end> <dialogue>"));
        }
    }
    texts
}

static BYTE_PAIR: LazyLock<Tokenizer> =
    LazyLock::new(|| Tokenizer::train_byte_pair(corpus().into_iter(), 350, 0).unwrap());

fn survives(text: &str) {
    for tokenizer in [&*BYTE_PAIR, &Tokenizer::bytes()] {
        let tokens = tokenizer.encode(text).unwrap();
        assert_eq!(tokenizer.decode(&tokens).unwrap(), text, "{tokenizer:?}");
        let special = tokens.iter().find(|&&token| (token as usize) < SPECIAL_TOKENS.len());
        assert_eq!(special, None, "{tokenizer:?} turned {text:?} into special tokens: {tokens:?}");
        assert!(tokens.iter().all(|&token| (token as usize) < tokenizer.vocabulary()));
    }
}

#[test]
fn hard_texts_survive() {
    for text in [
        "",
        " ",
        "\n\r\n\t  \u{a0}\u{3000} ",
        "\0\0nul\0",
        "<user>",
        "<user><system><end><dialogue>",
        " <end> <end>",
        "a<end>b",
        "🙂👩‍👩‍👧‍👦🇨🇭é\u{301}",
        "\u{feff}BOM",
        "don't we'll I'VE",
        "\u{10ffff}\u{e000}",
        "Ġhello Ċ",
    ] {
        survives(text);
    }
    survives(&" ".repeat(100_000));
    survives(&"<end>".repeat(1_000));
}

proptest! {
    #[test]
    fn every_text_survives(text: String) {
        survives(&text);
    }

    #[test]
    fn every_mixture_of_hard_pieces_survives(
        pieces in prop::collection::vec(
            prop_oneof![
                Just("<user>"), Just("<end>"), Just("<dialogue>"), Just("<"), Just("user"), Just(">"), Just(" "),
                Just("  "), Just("\n"), Just("\0"), Just("'s"), Just("🚂"), Just("ü"), Just("hotel"), Just("7"), Just("\u{a0}"),
            ],
            0..30,
        )
    ) {
        survives(&pieces.concat());
    }
}

#[test]
fn byte_pairs_shorten_what_they_were_trained_on() {
    let text = &corpus()[0];
    let tokens = BYTE_PAIR.encode(text).unwrap().len();
    assert!(2 * tokens < text.len(), "{tokens} tokens for {} bytes", text.len());
    assert_eq!(BYTE_PAIR.vocabulary(), 350);
}

#[test]
fn training_twice_gives_equal_bytes() {
    // Few letters and many repeats: many pairs tie, and many merges give strings that exist already.
    let letters = ["a", "b", "ab", "ba", " "];
    let texts: Vec<String> = (0u32..400)
        .map(|line| (0..3 + line % 37).map(|at| letters[((line * line + 7 * at * at + at) % 5) as usize]).collect())
        .chain(corpus())
        .collect();
    let train = |texts: &[String]| Tokenizer::train_byte_pair(texts.iter(), 700, 0).unwrap().to_json().unwrap();
    let first = train(&texts);
    for attempt in 1..6 {
        assert_eq!(train(&texts), first, "training {attempt} differs from the first");
    }
    let backwards: Vec<String> = texts.iter().rev().cloned().collect();
    assert_eq!(train(&backwards), first, "the order of the texts matters");
}

#[test]
fn as_many_threads_learn_as_are_asked_for() {
    for threads in [1, 3] {
        let most = AtomicUsize::new(0);
        let texts = corpus();
        let texts = texts.iter().inspect(|_| _ = most.fetch_max(rayon::current_num_threads(), Ordering::SeqCst));
        let learned = Tokenizer::train_byte_pair(texts, 350, threads).unwrap();
        assert_eq!(most.into_inner(), threads);
        assert_eq!(learned.to_json().unwrap(), BYTE_PAIR.to_json().unwrap(), "with {threads} threads");
    }
}

#[test]
fn files_give_the_same_tokenizer() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokenizer.json");
    for tokenizer in [&*BYTE_PAIR, &Tokenizer::bytes()] {
        tokenizer.save(&path).unwrap();
        let loaded = Tokenizer::load(&path).unwrap();
        assert_eq!(loaded.to_json().unwrap(), tokenizer.to_json().unwrap());
        for text in corpus() {
            assert_eq!(loaded.encode(&text).unwrap(), tokenizer.encode(&text).unwrap());
        }
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "{\"type\":\"bytes\"}\n");
}

#[test]
fn special_tokens_come_first_in_both_kinds() {
    assert_eq!([USER, SYSTEM, END, DIALOGUE], [0, 1, 2, 3]);
    let file: Value = serde_json::from_str(&BYTE_PAIR.to_json().unwrap()).unwrap();
    for (id, name) in SPECIAL_TOKENS.iter().enumerate() {
        assert_eq!(file["model"]["vocab"][name], json!(id));
        assert_eq!(BYTE_PAIR.token_bytes(id as u32).unwrap(), b"");
    }
    let bytes = Tokenizer::bytes();
    assert_eq!(bytes.vocabulary(), 260);
    assert_eq!(bytes.token_bytes(4 + 0xC3).unwrap(), [0xC3]);
    assert_eq!(bytes.decode(&[USER, 4 + u32::from(b'h'), END, 4 + u32::from(b'i'), DIALOGUE]).unwrap(), "hi");
}

#[test]
fn unknown_tokens_are_named() {
    let error = Tokenizer::bytes().decode(&[4, 260]).unwrap_err().to_string();
    assert_eq!(error, "token 260 does not exist: the vocabulary has 260 tokens, 0 to 259");
}

#[test]
fn a_vocabulary_below_single_bytes_is_refused() {
    let error = Tokenizer::train_byte_pair(corpus().into_iter(), 259, 0).unwrap_err().to_string();
    assert!(error.contains("259 is too small") && error.contains("260"), "{error}");
    assert_eq!(Tokenizer::train_byte_pair(["", ""].into_iter(), 1000, 0).unwrap().vocabulary(), 260);
}

#[test]
fn a_dialogue_counts_every_byte_of_its_text_once() {
    let turns: Vec<(Speaker, String)> = corpus()
        .into_iter()
        .enumerate()
        .map(|(at, text)| (if at % 2 == 0 { Speaker::User } else { Speaker::System }, text))
        .collect();
    let dialogue = BYTE_PAIR.encode_dialogue(&turns).unwrap();
    let bytes: usize = turns.iter().map(|(_, text)| text.len()).sum();
    assert_eq!(dialogue.text_bytes, bytes);
    assert_eq!(dialogue.tokens.len(), dialogue.scored.len());
    let scored: Vec<u32> =
        dialogue.tokens.iter().zip(&dialogue.scored).filter(|(_, scored)| **scored).map(|(&token, _)| token).collect();
    assert_eq!(scored.iter().filter(|&&token| token == END).count(), turns.len());
    assert!(!scored.iter().any(|token| [USER, SYSTEM, DIALOGUE].contains(token)));
    let text: String = turns.iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(BYTE_PAIR.decode(&scored).unwrap(), text);
}

/// Megabytes without a blank, nothing but blanks, and many words: in time that grows with the text and not with its square.
#[test]
fn long_words_and_long_texts_take_no_longer_than_others() {
    let letters: String =
        (0..2_000_000_u32).map(|at| char::from(b'a' + (at.wrapping_mul(2_654_435_761) >> 29) as u8)).collect();
    let began = std::time::Instant::now();
    for text in [letters, " ".repeat(2_000_000), "\u{e9}word ".repeat(300_000)] {
        let tokenizer = Tokenizer::train_byte_pair([&text].into_iter(), 300, 0).unwrap();
        let tokens = tokenizer.encode(&text).unwrap();
        assert!(tokens.len() < text.len());
        assert!(tokenizer.decode(&tokens).unwrap() == text, "a text became another");
    }
    assert!(began.elapsed() < std::time::Duration::from_secs(60), "it took {:?}", began.elapsed());
}
