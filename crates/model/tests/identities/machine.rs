//! (f) threads, slot sharing, head groups and memory limits change no bit.

use crate::fixture::{Batch, Machine, Place, config, only, same_bits};
use crate::hardness::assert_hard_in;
use reformer_model::{LayerKind, MemoryChoice, MemoryLimit, ModelConfig, fit, random_inputs, record};
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

#[test]
fn a_smaller_limit_stores_fewer_layers_and_takes_less() {
    let config = ModelConfig::chat();
    let peak = |limit| fit(&config, 4096, limit, &|_| 0).map(|(choice, plan)| (choice, plan.peak_bytes()));
    let (all, most) = peak(MemoryLimit::Bytes(u64::MAX)).unwrap();
    let (none, least) = peak(MemoryLimit::Minimum).unwrap();
    assert_eq!((all.stored_layers, none.stored_layers, none.head_group), (config.layers, 0, 1));
    let (between, middle) = peak(MemoryLimit::Bytes((most + least) / 2)).unwrap();
    assert!(
        between.stored_layers < config.layers && middle <= (most + least) / 2,
        "{between:?} takes {middle} of {most}..{least}"
    );
    let error = peak(MemoryLimit::Bytes(least - 1)).unwrap_err().to_string();
    assert!(error.contains(&least.to_string()) && error.contains(&(least - 1).to_string()), "{error}");
}

#[test]
fn activation_memory_does_not_depend_on_depth() {
    let temporaries = |layers| {
        let config = ModelConfig { layers, ..ModelConfig::book() };
        let (_, plan) = fit(&config, 1 << 14, MemoryLimit::Minimum, &|_| 0).unwrap();
        plan.slots.iter().map(|slot| slot.bytes).sum::<u64>()
    };
    assert_eq!(temporaries(6), temporaries(48));
}

/// attention.md, section 7: width 512, 8 heads, 2²⁰ tokens fit 16 GiB, parameters, gradients and moments included.
#[test]
fn a_million_tokens_fit_sixteen_gibibytes() {
    let config = ModelConfig::book();
    let (_, plan) = fit(&config, 1 << 20, MemoryLimit::Minimum, &|_| 0).unwrap();
    let moments = 8 * config.parameter_count();
    let peak = plan.peak_bytes() + moments;
    assert!(peak <= 16 << 30, "{peak} bytes:\n{plan}");
    // Nothing of [L, d_ff], [L, vocabulary], [L, 2d] or [heads, L, …] is whole: no slot is larger than one stream.
    let stream = (1u64 << 20) * 512 * 4;
    let largest = plan.slots.iter().map(|slot| slot.bytes).max().unwrap_or(0);
    assert!(largest <= stream, "a slot of {largest} bytes, a stream has {stream}");
}
