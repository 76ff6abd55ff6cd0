//! (f) threads, slot sharing, head groups and memory limits change no bit.

use crate::fixture::{Batch, Machine, Place, config, only, same_bits};
use crate::hardness::assert_hard_in;
use reformer_model::{LayerKind, MemoryChoice, ModelConfig, random_inputs, record};
use reformer_tensor::{Inputs, Key, PlanOptions};

fn case(config: &ModelConfig) -> (Batch, Inputs) {
    (Batch::new(config, &[150, 450, 3], 41), random_inputs(config, Key::from_seed(6)))
}

fn gradients(
    place: Place,
    config: &ModelConfig,
    threads: usize,
    choice: MemoryChoice,
    share_slots: bool,
) -> Vec<(String, Vec<u32>)> {
    let (batch, random) = case(config);
    let program = record::training(config, batch.rows(), choice);
    let mut machine = Machine::on(place, config, threads);
    let mut prepared = machine.prepare_with(&program, &PlanOptions { share_slots, ..PlanOptions::default() });
    let inputs = only(&program, &batch.inputs(random));
    prepared.run(machine.store.as_mut(), &inputs).unwrap();
    config
        .parameters()
        .iter()
        .map(|spec| (spec.name.clone(), machine.state(&format!("gradient.{}", spec.name))))
        .collect()
}

pub fn threads_slots_groups_and_memory_change_no_bit(place: Place) {
    let config = ModelConfig { dropout: 0.1, max_positions: 512, ..config(&[LayerKind::Local, LayerKind::Lsh], 4) };
    let everything = MemoryChoice::everything(&config);
    let (batch, random) = case(&config);
    let program = record::training(&config, batch.rows(), everything);
    assert_hard_in("local, lsh", &config, &batch, &mut Machine::cpu(&config, 2), &program, random);
    let expected = gradients(place, &config, 1, everything, true);
    for (threads, choice, share_slots) in [
        (2, everything, true),
        (1, everything, false),
        (2, MemoryChoice::minimum(), true),
        (1, MemoryChoice::minimum(), false),
        (2, MemoryChoice { head_group: 2, stored_layers: 1 }, true),
        (2, MemoryChoice { head_group: 3, stored_layers: 3 }, true),
    ] {
        for ((name, expected), (_, got)) in expected.iter().zip(gradients(place, &config, threads, choice, share_slots))
        {
            same_bits(
                &format!(
                    "{threads} threads, {choice:?}, slots {}shared: gradient of {name}",
                    if share_slots { "" } else { "not " }
                ),
                &got,
                expected,
            );
        }
    }
}
