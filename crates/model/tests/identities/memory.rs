//! What a plan promises of a whole model's memory. Nothing is run.

use reformer_model::{MemoryLimit, ModelConfig, fit};

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
