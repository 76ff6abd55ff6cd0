//! (b) a prefix's outputs do not depend on what follows; (c) packed = separate, any padding.

use crate::fixture::{Batch, Machine, Place, bits, only, same_bits, stacks};
use crate::hardness::assert_hard;
use reformer_model::{ModelConfig, evaluation_inputs, record};

/// Logits of every row in one full forward pass.
pub fn logits(place: Place, config: &ModelConfig, batch: &Batch, head_group: usize) -> Vec<u32> {
    let program = record::full_logits(config, batch.rows(), batch.rows(), head_group);
    let inputs = only(&program, &batch.inputs(evaluation_inputs(config)));
    bits(&Machine::on(place, config, 2).run(&program, &inputs)["logits"])
}

pub fn a_prefix_does_not_depend_on_what_follows(place: Place) {
    for (name, config) in stacks() {
        let batch = Batch::new(&config, &[150], 3);
        assert_hard(name, &config, &batch);
        let whole = logits(place, &config, &batch, config.heads);
        for length in [1, 2, 9, 40, 41, 149] {
            let prefix = Batch { lengths: vec![length], tokens: batch.tokens[..length].to_vec() };
            let got = logits(place, &config, &prefix, config.heads);
            same_bits(
                &format!("{name}: logits of the first {length} tokens"),
                &got,
                &whole[..length * config.vocabulary],
            );
        }
    }
}

pub fn packed_is_separate_with_any_padding(place: Place) {
    for (name, config) in stacks() {
        let batch = Batch::new(&config, &[61, 1, 90, 17, 2], 5);
        assert_hard(name, &config, &batch);
        let packed = logits(place, &config, &batch, config.heads);
        let mut start = 0;
        for &length in &batch.lengths {
            let tokens = batch.tokens[start..start + length].to_vec();
            // Padding before and behind is a segment of its own.
            for (before, behind) in [(0, 0), (0, 7), (33, 1)] {
                let mut padded = vec![0; before];
                padded.extend(&tokens);
                padded.resize(before + length + behind, 0);
                let lengths = [before, length, behind].into_iter().filter(|&length| length > 0).collect();
                let alone = logits(place, &config, &Batch { lengths, tokens: padded }, config.heads);
                let rows = |logits: &[u32], first: usize| {
                    logits[first * config.vocabulary..(first + length) * config.vocabulary].to_vec()
                };
                same_bits(
                    &format!(
                        "{name}: the segment of {length} tokens at {start}, alone with {before} + {behind} of padding"
                    ),
                    &rows(&alone, before),
                    &rows(&packed, start),
                );
            }
            start += length;
        }
    }
}
