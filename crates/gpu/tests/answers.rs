//! The known answers of `known/answers.tsv` are the oracle's.

use reformer_conformance::Oracle;
use reformer_gpu::known;

#[test]
fn the_known_answers_are_the_oracles() {
    let answers = known::answers(&Oracle::new()).unwrap();
    if let Some(wrong) = known::first_wrong(&answers) {
        panic!(
            "{wrong}; if the programs have changed, write the file anew: `cargo run --release -p reformer-gpu --example known_answers`"
        );
    }
}

/// What is as wrong as one element shows.
#[test]
fn an_element_that_is_missing_shows() {
    let mut answers = known::answers(&Oracle::new()).unwrap();
    let at = answers.iter().position(|answer| answer.op == "attention_cached").expect("it is asked for");
    // An element of a value of 640 is some 25th of its length.
    answers[at].sums[1] += answers[at].length / 25.0;
    let wrong = known::first_wrong(&answers).expect("it shows");
    assert!(wrong.starts_with("attention_cached, over buckets: "), "{wrong}");
}
