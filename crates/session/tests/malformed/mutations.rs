//! Good files with bytes changed, cut out, put in twice and exchanged, at random: nothing panics, and what is taken for good is whole.

use crate::fixture::{Run, model, optimizer};
use proptest::prelude::*;
use proptest::sample::Index;
use reformer_cpu::Cpu;
use reformer_session::{SPECIAL_TOKENS, Tokenizer, parameter_specs};
use reformer_tensor::Backend;
use serde_json::Value;
use std::fs;

/// What stands in JSON and breaks it best.
const PIECES: [&str; 16] = [
    "{",
    "}",
    "[",
    "]",
    "\"",
    ",",
    ":",
    "null",
    "-1",
    "1e999",
    "18446744073709551616",
    "0",
    "\\ud800",
    "\u{feff}",
    "\0",
    "x",
];

#[derive(Clone, Debug)]
enum Change {
    Byte(Index, u8),
    Cut(Index, Index),
    Twice(Index, Index),
    Insert(Index, &'static str),
    End(Index),
}

fn change() -> impl Strategy<Value = Change> {
    let place = any::<Index>;
    prop_oneof![
        (place(), any::<u8>()).prop_map(|(at, byte)| Change::Byte(at, byte)),
        (place(), place()).prop_map(|(from, to)| Change::Cut(from, to)),
        (place(), place()).prop_map(|(from, to)| Change::Twice(from, to)),
        (place(), prop::sample::select(&PIECES[..])).prop_map(|(at, piece)| Change::Insert(at, piece)),
        place().prop_map(Change::End),
    ]
}

fn apply(mut bytes: Vec<u8>, changes: &[Change]) -> Vec<u8> {
    for change in changes {
        let place = |index: &Index| index.index(bytes.len() + 1);
        match change {
            Change::Byte(at, byte) if !bytes.is_empty() => {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
            Change::Byte(..) => {}
            // Short pieces: a file without its half is in the tables.
            Change::Cut(from, length) => {
                let from = place(from);
                let to = (from + length.index(16)).min(bytes.len());
                bytes.drain(from..to);
            }
            Change::Twice(from, length) => {
                let from = place(from);
                let to = (from + length.index(64)).min(bytes.len());
                let piece = bytes[from..to].to_vec();
                bytes.splice(to..to, piece);
            }
            Change::Insert(at, piece) => {
                let at = place(at);
                bytes.splice(at..at, piece.bytes());
            }
            Change::End(at) => {
                let at = place(at);
                bytes.truncate(at);
            }
        }
    }
    bytes
}

#[test]
fn no_change_of_bytes_panics_or_passes_for_something_else() {
    let run = Run::new();
    let texts = ["i need a cheap hotel", "a cheap train"];
    let tokenizer = run.run.tokenizer_path();
    Tokenizer::train_byte_pair(texts.into_iter(), 265, 0).unwrap().save(&tokenizer).unwrap();
    let newest = run.newest();
    let inside = |name: &str| newest.path().join(name);
    let files = [
        run.run.config_path(),
        tokenizer,
        inside("state.json"),
        inside("model.safetensors"),
        inside("optimizer.safetensors"),
    ];
    let goods = files.clone().map(|path| fs::read(path).unwrap());
    proptest!(ProptestConfig::with_cases(96), |(changes in prop::collection::vec(change(), 1..5))| {
        for (path, good) in files.iter().zip(&goods) {
            let bytes = apply(good.clone(), &changes);
            fs::write(path, &bytes).unwrap();
            if let Ok(config) = run.run.read_config() {
                prop_assert!(config.model.validate().is_ok());
            }
            if let Ok(tokenizer) = run.run.read_tokenizer() {
                for text in texts {
                    let tokens = tokenizer.encode(text).unwrap();
                    prop_assert!(tokens.iter().all(|&token| token as usize >= SPECIAL_TOKENS.len()));
                    prop_assert_eq!(tokenizer.decode(&tokens).unwrap(), text);
                }
            }
            if let Ok(state) = newest.state::<Value>() {
                prop_assert_eq!(state.step, 20);
            }
            let mut store = Cpu::new(1).store();
            let _ = newest.read_optimizer(&optimizer(), store.as_mut());
            for name in store.names() {
                prop_assert!(store.read(&name).unwrap().as_f32().unwrap().iter().all(|value| value.is_finite()));
            }
            let mut store = Cpu::new(1).store();
            if newest.read_parameters(&parameter_specs(&model()), store.as_mut()).is_ok() && path.ends_with("model.safetensors") {
                // A header may change without changing what it says; numbers may not.
                prop_assert_eq!(&bytes[bytes.len() - 64..], &good[good.len() - 64..]);
            }
            if path.extension().is_some_and(|extension| extension == "safetensors") && bytes != *good {
                prop_assert!(newest.verify().is_err());
            }
            fs::write(path, good).unwrap();
        }
    });
}
