//! A `tokenizer.json` that holds anything: refused, or one that gives every text back and knows every token it makes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use reformer_session::{SPECIAL_TOKENS, Tokenizer};
use reformer_session_fuzz::{check, put};

const TEXTS: [&str; 5] = ["", "hello <end> <user>", "  don't\n\n\t7 ", "Zürich 🚂\0\u{10ffff}", "aaaaabbbabab"];

fuzz_target!(|data: &[u8]| {
    match Tokenizer::load(&put("tokenizer.json", data)) {
        Ok(tokenizer) => {
            for text in TEXTS {
                let tokens = tokenizer.encode(text).expect("every text has tokens");
                let special = SPECIAL_TOKENS.len() as u32;
                assert!(tokens.iter().all(|&token| token >= special && (token as usize) < tokenizer.vocabulary()));
                assert_eq!(tokenizer.decode(&tokens).expect("they were checked"), text);
            }
        }
        Err(error) => check(&error, "tokenizer.json"),
    }
});
