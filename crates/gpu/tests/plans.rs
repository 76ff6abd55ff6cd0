//! Plans for devices that aren't there: a million tokens within WebGPU's default limits, and tensors cut in small pieces.

use reformer_gpu::{DeviceLimits, Kernels, Layout, Place, ProductVariant, Recording, scratch_bytes};
use reformer_model::{MemoryLimit, ModelConfig, fit};
use reformer_tensor::{Plan, ValueKind};
use std::collections::BTreeMap;

fn record(plan: &Plan, limits: DeviceLimits) -> (Layout, Recording) {
    let layout = Layout::new(&plan.program, limits).unwrap_or_else(|error| panic!("{error}"));
    let variant = ProductVariant::Tiled { tile: 64, terms: 16 };
    let recording = Recording::new(&plan.program, &plan.schedule, layout, Kernels::Fast, variant);
    (layout, recording.unwrap_or_else(|error| panic!("{error}")))
}

/// architecture.md, section 5: what every adapter has is enough for 2²⁰ tokens of width 512, and 16 GiB are.
#[test]
#[allow(clippy::print_stdout, reason = "the figures are for people")]
fn a_million_tokens_fit_the_default_limits() {
    let config = ModelConfig::book();
    let limits = DeviceLimits::WEBGPU;
    let scratch = |program: &_| scratch_bytes(program, limits, Kernels::Fast);
    let (_, plan) = fit(&config, 1 << 20, MemoryLimit::Minimum, &scratch).unwrap();
    let (layout, recording) = record(&plan, limits);
    let moments = 8 * config.parameter_count();
    let peak = plan.peak_bytes() + moments;
    println!(
        "{:.2} GiB in all, {:.2} of it scratch, {} launches, segments of {} rows",
        peak as f64 / (1u64 << 30) as f64,
        recording.scratch_bytes() as f64 / (1u64 << 30) as f64,
        recording.dispatches.len(),
        layout.segment_rows
    );
    assert!(peak <= 16 << 30, "{peak} bytes");
    for &words in &recording.scratch {
        assert!(4 * words as u64 <= limits.binding_bytes, "a piece of scratch of {words} words can't be bound");
    }
    for dispatch in &recording.dispatches {
        let what = format!("{} {}", dispatch.entry.file, dispatch.entry.name);
        assert!(dispatch.groups.iter().all(|&count| count <= limits.workgroups), "{what}: {:?}", dispatch.groups);
        for place in &dispatch.buffers {
            if let Place::Value(id, segment) = *place {
                let bytes = 4 * layout.array(&plan.program, id).segment_words(segment) as u64;
                assert!(bytes <= limits.binding_bytes, "{what}: `{}` of {bytes} bytes", plan.program.info(id).name);
            }
        }
    }
    let cut = plan
        .program
        .values
        .iter()
        .filter(|value| !matches!(value.kind, ValueKind::State(_)))
        .filter(|value| value.shape.dims().len() == 2 && value.shape.dim(0) > layout.segment_rows);
    assert!(cut.count() > 0, "nothing is cut: the case is too easy");
}

/// One dispatch never binds a buffer twice if it writes to it: wgpu refuses that at run time, on a device.
#[test]
fn no_launch_binds_what_it_writes_twice() {
    let config = ModelConfig::tiny();
    let (_, plan) = fit(&config, 1024, MemoryLimit::Minimum, &|_| 0).unwrap();
    let (_, recording) = record(&plan, DeviceLimits::WEBGPU);
    for dispatch in &recording.dispatches {
        let mut uses: BTreeMap<Place, (usize, bool)> = BTreeMap::new();
        for (place, binding) in dispatch.buffers.iter().zip(dispatch.entry.bindings) {
            let (count, writes) = uses.entry(*place).or_default();
            *count += 1;
            *writes |= binding.writes;
        }
        for (place, (count, writes)) in uses {
            let what = format!("{} {}", dispatch.entry.file, dispatch.entry.name);
            assert!(count == 1 || !writes, "{what} binds {place:?} {count} times and writes to it");
        }
    }
}
