//! Training on every backend: ten steps as the oracle has them, and on the GPU what stop, resume and memory change: no bit.

use crate::fixture::{Run, copy, training};
use crate::losses::has_the_golden_losses;
use reformer_gpu::testing::{adapter_here, shared};
use reformer_model::MemoryLimit;
use reformer_oracle::Oracle;
use reformer_tensor::Backend;
use reformer_trainer::{Control, Event, Outcome};
use std::path::Path;

/// `None`, said loudly, where there is no adapter and CI demands none.
fn gpu() -> Option<Box<dyn Backend>> {
    adapter_here().then(|| Box::new(shared()) as Box<dyn Backend>)
}

fn on(backend: Box<dyn Backend>, folder: &Path, steps: u64) -> Run {
    Run { backend, ..Run::new(folder, &training(steps)) }
}

#[test]
fn ten_steps_of_the_oracle() {
    has_the_golden_losses(Box::new(Oracle::new()));
}

#[test]
fn ten_steps_on_the_gpu() {
    if let Some(gpu) = gpu() {
        has_the_golden_losses(gpu);
    }
}

/// Killed after some step and gone on with from what was on disk: the same parameters, and with another memory limit, too.
#[test]
fn stop_resume_and_memory_change_no_bit_on_the_gpu() {
    let Some(backend) = gpu() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (straight, left) = (folder.path().join("straight"), folder.path().join("left"));
    let (done, _) = on(backend, &straight, 6).finish(false);
    let Some(backend) = gpu() else { return };
    let stopped = on(backend, &folder.path().join("stopped"), 6);
    let outcome = stopped.run(false, &mut |event| {
        if matches!(event, Event::Step(step) if step.step == 5) {
            copy(&stopped.folder, &left);
            return Control::Stop;
        }
        Control::Continue
    });
    assert!(matches!(outcome.unwrap(), Outcome::Stopped { .. }));
    let Some(backend) = gpu() else { return };
    let resumed = Run { memory: MemoryLimit::Minimum, ..on(backend, &left, 6) };
    let (resumed, _) = resumed.finish(true);
    assert_eq!(resumed.parameters_sha256, done.parameters_sha256);
}
