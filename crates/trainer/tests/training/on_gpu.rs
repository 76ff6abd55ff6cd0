//! Training on every adapter of this machine: ten steps as the oracle has them, and what stop, resume and memory change: no bit.

#[allow(dead_code, reason = "the tests on the CPU look at more of a run")]
mod fixture;
mod golden;

use fixture::{Run, copy, training};
use reformer_gpu::testing::TestAdapter;
use reformer_model::MemoryLimit;
use reformer_trainer::{Control, Event, Outcome};
use std::path::Path;

reformer_gpu::on_every_adapter!(ten_steps, stop_resume_and_memory_change_no_bit);

fn ten_steps(adapter: &TestAdapter) {
    golden::has_the_golden_losses(Box::new(adapter.shared()));
}

/// Killed after some step and gone on with from what was on disk: the same parameters, and with another memory limit, too.
fn stop_resume_and_memory_change_no_bit(adapter: &TestAdapter) {
    let on = |folder: &Path| Run { backend: Box::new(adapter.shared()), ..Run::new(folder, &training(6)) };
    let folder = tempfile::tempdir().unwrap();
    let (straight, left) = (folder.path().join("straight"), folder.path().join("left"));
    let (done, _) = on(&straight).finish(false);
    let stopped = on(&folder.path().join("stopped"));
    let outcome = stopped.run(false, &mut |event| {
        if matches!(event, Event::Step(step) if step.step == 5) {
            copy(&stopped.folder, &left);
            return Control::Stop;
        }
        Control::Continue
    });
    assert!(matches!(outcome.unwrap(), Outcome::Stopped { .. }));
    let resumed = Run { memory: MemoryLimit::Minimum, ..on(&left) };
    let (resumed, _) = resumed.finish(true);
    assert_eq!(resumed.parameters_sha256, done.parameters_sha256);
}
