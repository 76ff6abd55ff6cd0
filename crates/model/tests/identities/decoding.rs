//! (d) cached decoding, in any split, equals the full forward pass: past the window, across segments, in any batch row.

use crate::fixture::{Batch, Machine, Place, bits, only, same_bits, stacks};
use crate::hardness::assert_hard;
use crate::packing::logits;
use reformer_model::{ModelConfig, evaluation_inputs, record};
use reformer_tensor::op::NO_ROW;
use reformer_tensor::{HostTensor, shape};

/// Appends `tokens` (with their positions and cache rows), in calls of `rows` each, the last one padded.
fn decode(
    machine: &mut Machine,
    config: &ModelConfig,
    batch: usize,
    rows: usize,
    tokens: &[(u32, u32, u32)],
) -> Vec<u32> {
    let program = record::decoding(config, rows, batch, rows);
    let mut prepared = machine.prepare(&program);
    let mut all = Vec::new();
    for chunk in tokens.chunks(rows) {
        let mut inputs = evaluation_inputs(config);
        let column = |pick: fn(&(u32, u32, u32)) -> u32, padding: u32| {
            let mut data: Vec<u32> = chunk.iter().map(pick).collect();
            data.resize(rows, padding);
            HostTensor::u32(shape![rows], data)
        };
        inputs.insert("tokens".into(), column(|token| token.0, 0));
        inputs.insert("positions".into(), column(|token| token.1, 0));
        inputs.insert("cache_rows".into(), column(|token| token.2, NO_ROW));
        inputs.insert("chosen".into(), HostTensor::u32(shape![rows], (0..rows as u32).collect()));
        let outputs = prepared.run(machine.store.as_mut(), &only(&program, &inputs)).unwrap();
        all.extend(&bits(&outputs["logits"])[..chunk.len() * config.vocabulary]);
    }
    all
}

pub fn cached_decoding_is_the_full_forward_pass(place: Place) {
    for (name, config) in stacks() {
        // Far past W = 8 in one bucket, then a second segment in the same cache row.
        let batch = Batch::new(&config, &[131, 37], 9);
        assert_hard(name, &config, &batch);
        let expected = logits(place, &config, &batch, config.heads);
        let tokens: Vec<(u32, u32, u32)> =
            batch.tokens.iter().zip(batch.positions()).map(|(&t, p)| (t, p, 1)).collect();
        for rows in [1, 2, 7, 64, 168] {
            let mut machine = Machine::on(place, &config, 2);
            let got = decode(&mut machine, &config, 2, rows, &tokens);
            same_bits(&format!("{name}: cached logits, {rows} tokens a call"), &got, &expected);
        }
    }
}

pub fn batch_rows_start_and_stop_independently(place: Place) {
    for (name, config) in stacks() {
        let first = Batch::new(&config, &[90], 21);
        let second = Batch::new(&config, &[60], 22);
        assert_hard(name, &config, &first);
        assert_hard(name, &config, &second);
        let expected = [logits(place, &config, &first, config.heads), logits(place, &config, &second, config.heads)];
        // The second row starts after 20 tokens of the first and stops before it; they alternate in between.
        let mut tokens = Vec::new();
        let (mut a, mut b) = (0, 0);
        while a < first.rows() || b < second.rows() {
            if a < first.rows() {
                tokens.push((first.tokens[a], a as u32, 0));
                a += 1;
            }
            if a > 20 && b < second.rows() {
                tokens.push((second.tokens[b], b as u32, 2));
                b += 1;
            }
        }
        for rows in [1, 5, 32] {
            let mut machine = Machine::on(place, &config, 1);
            let got = decode(&mut machine, &config, 3, rows, &tokens);
            for (row, expected) in [(0, &expected[0]), (2, &expected[1])] {
                let own: Vec<u32> = tokens
                    .iter()
                    .zip(got.chunks(config.vocabulary))
                    .filter(|(token, _)| token.2 == row)
                    .flat_map(|(_, logits)| logits.iter().copied())
                    .collect();
                same_bits(&format!("{name}: batch row {row}, {rows} tokens a call"), &own, expected);
            }
        }
    }
}
