//! `tokenizer.json`.

use crate::fixture::{Run, changed, no_json_at_all, refuse_all};
use reformer_session::Tokenizer;
use serde_json::{Value, json};
use std::sync::LazyLock;

static GOOD: LazyLock<String> = LazyLock::new(|| {
    let texts = ["i need a cheap hotel in the centre", "a cheap train to the centre", "the hotel in the north"];
    Tokenizer::train_byte_pair(texts.into_iter(), 280, 0).unwrap().to_json().unwrap()
});

fn vocabulary(file: &mut Value) -> &mut serde_json::Map<String, Value> {
    file["model"]["vocab"].as_object_mut().unwrap()
}

fn last(file: &mut Value) -> String {
    let count = vocabulary(file).len();
    vocabulary(file).iter().find(|(_, id)| **id == json!(count - 1)).unwrap().0.clone()
}

#[test]
fn what_is_no_json_is_no_tokenizer() {
    let run = Run::new();
    refuse_all(&run.run.tokenizer_path(), &no_json_at_all(&GOOD), || run.run.read_tokenizer());
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    let run = Run::new();
    let good = GOOD.trim_end().as_bytes();
    let rows: Vec<(Vec<u8>, &str)> =
        (0..64).map(|part| (good[..good.len() * part / 64].to_vec(), "tokenizer.json")).collect();
    refuse_all(&run.run.tokenizer_path(), &rows, || run.run.read_tokenizer());
}

#[test]
fn what_is_no_tokenizer_of_ours_is_refused_by_field() {
    let run = Run::new();
    let changes: [(fn(&mut Value), &str); 69] = [
        // Ids.
        (
            |v| v["model"]["vocab"]["!"] = json!(100_000),
            "gives \"!\" the id 100000, beyond the vocabulary of 280 tokens",
        ),
        (|v| v["model"]["vocab"]["!"] = json!(280), "the id 280, beyond the vocabulary of 280 tokens"),
        (|v| v["model"]["vocab"]["!"] = json!(1u64 << 60), "the id 1152921504606846976, beyond the vocabulary"),
        (|v| v["model"]["vocab"]["!"] = json!(4_294_967_300u64), "the id 4294967300, beyond the vocabulary"),
        (|v| v["model"]["vocab"]["!"] = json!(-1), "the id -1, beyond the vocabulary"),
        (|v| v["model"]["vocab"]["!"] = json!(4.5), "the id 4.5, beyond the vocabulary"),
        (|v| v["model"]["vocab"]["!"] = json!("4"), "the id \"4\", beyond the vocabulary"),
        (|v| v["model"]["vocab"]["!"] = json!(null), "the id null, beyond the vocabulary"),
        (|v| v["model"]["vocab"]["!"] = json!(270), "gives the id 270 to two tokens"),
        (|v| v["model"]["vocab"]["!"] = json!(0), "gives the id 0 to two tokens"),
        // A missing id is one that another token is beyond.
        (
            |v| {
                let name = last(v);
                vocabulary(v).remove(&name);
                v["model"]["vocab"]["!!!!"] = json!(280);
            },
            "the id 280, beyond the vocabulary of 280",
        ),
        // Tokens.
        (|v| v["model"]["vocab"]["新"] = json!(280), "holds \"新\", which is not made of bytes"),
        (|v| v["model"]["vocab"][" "] = json!(280), "holds \" \", which is not made of bytes"),
        (|v| v["model"]["vocab"]["x".repeat(1 << 20) + " "] = json!(280), "`model.vocab` holds \"xxx"),
        (|v| rename(v, "!", "!!!!"), "lacks '!', the byte 33"),
        (|v| rename(v, "Ġ", "!!!!"), "lacks 'Ġ', the byte 32"),
        (|v| rename(v, "<end>", "!!!!"), "lacks the special token \"<end>\""),
        (|v| rename(v, "<user>", "<User>"), "lacks the special token \"<user>\""),
        (
            |v| {
                v["model"]["vocab"]["<user>"] = json!(1);
                v["model"]["vocab"]["<system>"] = json!(0);
            },
            "gives the special token \"<system>\" the id 0",
        ),
        (|v| v["model"]["vocab"] = json!({}), "lacks the special token \"<user>\""),
        (|v| v["model"]["vocab"] = json!([]), "`model.vocab` is missing"),
        (|v| v["model"]["vocab"] = json!(null), "`model.vocab` is missing"),
        (|v| remove(&mut v["model"], "vocab"), "`model.vocab` is missing"),
        // Merges.
        (
            |v| v["model"]["merges"].as_array_mut().unwrap().push(json!(["<en", "d>"])),
            "makes the special token \"<end>\"",
        ),
        (|v| v["model"]["merges"].as_array_mut().unwrap().push(json!("<user >")), "makes the special token \"<user>\""),
        (|v| v["model"]["merges"].as_array_mut().unwrap().push(json!(["Q", "Q"])), "Token `QQ` out of vocabulary"),
        (|v| v["model"]["merges"].as_array_mut().unwrap().push(json!(["新", "Q"])), "Token `新` out of vocabulary"),
        (|v| v["model"]["merges"].as_array_mut().unwrap().push(json!(["Q"])), "tokenizer.json: "),
        (|v| v["model"]["merges"].as_array_mut().unwrap().push(json!(["Q", "Q", "Q"])), "tokenizer.json: "),
        (|v| v["model"]["merges"].as_array_mut().unwrap().push(json!([1, 2])), "tokenizer.json: "),
        (|v| v["model"]["merges"].as_array_mut().unwrap().push(json!(7)), "tokenizer.json: "),
        (|v| v["model"]["merges"].as_array_mut().unwrap().push(json!(null)), "tokenizer.json: "),
        (|v| v["model"]["merges"].as_array_mut().unwrap().push(json!("")), "tokenizer.json: "),
        (|v| v["model"]["merges"] = json!({}), "`model.merges` is missing"),
        (|v| remove(&mut v["model"], "merges"), "`model.merges` is missing"),
        // Tokens that the library would find before all others.
        (|v| v["added_tokens"] = json!([]), "`added_tokens` has 0 tokens, not the 4 special ones"),
        (|v| v["added_tokens"] = json!(null), "`added_tokens` is missing or no list"),
        (|v| v["added_tokens"] = json!({"0": "<user>"}), "`added_tokens` is missing or no list"),
        (
            |v| {
                v["added_tokens"]
                    .as_array_mut()
                    .unwrap()
                    .push(json!({"id": 5000, "content": "hotel", "special": false}))
            },
            "`added_tokens` has 5 tokens, not the 4 special ones",
        ),
        (|v| v["added_tokens"][0]["id"] = json!(5000), "expected the special token \"<user>\" with the id 0"),
        (
            |v| v["added_tokens"][3]["content"] = json!("hotel"),
            "expected the special token \"<dialogue>\" with the id 3",
        ),
        (|v| v["added_tokens"][2]["special"] = json!(false), "expected the special token \"<end>\" with the id 2"),
        (|v| v["added_tokens"][1] = json!(7), "`added_tokens` holds 7, expected"),
        // What would split, change or join text in another way.
        (|v| v["truncation"] = json!({"max_length": 1}), "`truncation` is {\"max_length\":1}, expected null"),
        (|v| v["padding"] = json!({"strategy": {"Fixed": 1u64 << 60}}), "`padding` is"),
        (|v| v["normalizer"] = json!({"type": "Lowercase"}), "`normalizer` is {\"type\":\"Lowercase\"}, expected null"),
        (|v| v["post_processor"] = json!({"type": "ByteLevel"}), "`post_processor` is"),
        (|v| v["pre_tokenizer"] = json!(null), "`pre_tokenizer.type` is null"),
        (|v| v["pre_tokenizer"]["type"] = json!("Whitespace"), "`pre_tokenizer.type` is \"Whitespace\""),
        (|v| v["pre_tokenizer"]["add_prefix_space"] = json!(true), "`pre_tokenizer.add_prefix_space` is true"),
        (|v| v["pre_tokenizer"]["use_regex"] = json!(false), "`pre_tokenizer.use_regex` is false"),
        (|v| v["pre_tokenizer"]["pattern"] = json!({"Regex": "(a+)+"}), "`pre_tokenizer.pattern` is unknown"),
        (
            |v| v["decoder"] = json!({"type": "Replace", "pattern": {"Regex": "(a+)+"}, "content": ""}),
            "`decoder.type` is \"Replace\"",
        ),
        (|v| v["decoder"] = json!(null), "`decoder.type` is null"),
        (|v| v["version"] = json!("2.0"), "`version` is \"2.0\", expected \"1.0\""),
        (|v| v["version"] = json!(1.0), "`version` is 1.0, expected \"1.0\""),
        (|v| v["extra"] = json!(1), "`extra` is unknown"),
        (|v| v["model"]["extra"] = json!(1), "`model.extra` is unknown"),
        (|v| v["model"]["type"] = json!("WordPiece"), "`model.type` is \"WordPiece\""),
        (|v| v["model"]["dropout"] = json!(0.5), "`model.dropout` is 0.5, expected null"),
        (|v| v["model"]["unk_token"] = json!("!"), "`model.unk_token` is \"!\", expected null"),
        (|v| v["model"]["continuing_subword_prefix"] = json!("##"), "`model.continuing_subword_prefix` is \"##\""),
        (|v| v["model"]["end_of_word_suffix"] = json!("</w>"), "`model.end_of_word_suffix` is"),
        (|v| v["model"]["fuse_unk"] = json!(true), "`model.fuse_unk` is true"),
        (|v| v["model"]["byte_fallback"] = json!(true), "`model.byte_fallback` is true"),
        (|v| v["model"]["ignore_merges"] = json!(true), "`model.ignore_merges` is true"),
        (|v| v["model"] = json!("BPE"), "`model.type` is null"),
        (|v| *v = json!({"type": "characters"}), "`model.type` is null"),
        (|v| *v = json!({"type": "bytes", "vocabulary": 300}), "`model.type` is null"),
    ];
    let good = serde_json::from_str(&GOOD).unwrap();
    refuse_all(&run.run.tokenizer_path(), &changed(&good, &changes), || run.run.read_tokenizer());
}

fn rename(file: &mut Value, from: &str, to: &str) {
    let id = vocabulary(file).remove(from).unwrap();
    vocabulary(file).insert(to.to_owned(), id);
}

fn remove(value: &mut Value, key: &str) {
    value.as_object_mut().unwrap().remove(key);
}

#[test]
fn a_tokenizer_with_more_tokens_than_the_model_is_told_of_both() {
    let run = Run::older();
    std::fs::write(run.run.tokenizer_path(), &*GOOD).unwrap();
    let error = run.load().unwrap_err().to_string();
    assert!(error.contains("`vocabulary` is 260, but tokenizer.json has 280 tokens"), "{error}");
}
