//! The losses of ten steps, which every backend must have.

use crate::fixture::{Run, losses, training};
use reformer_tensor::Backend;

/// The losses of ten steps, as AVX2 and AVX-512 give them.
const GOLDEN: [f64; 10] =
    [5.590373, 5.492226, 5.352377, 5.141378, 4.894803, 4.674326, 4.471296, 4.329556, 4.224069, 4.162984];
/// Levels differ by fused multiply-adds: 4e-8 here. But a last bit can flip a bucket, which changes the keys of one query of the step's
/// some 400 in one round: some 0.05 of its loss at most.
const TOLERANCE: f64 = 0.05 / 400.0;

/// Trains ten steps on a backend and compares their losses.
pub fn has_the_golden_losses(backend: Box<dyn Backend>) {
    let folder = tempfile::tempdir().unwrap();
    let adapter = backend.adapter();
    let (done, events) = Run { backend, ..Run::new(folder.path(), &training(10)) }.finish(false);
    let losses = losses(&events);
    assert_eq!(losses.len(), 10);
    for (step, (loss, golden)) in losses.iter().zip(GOLDEN).enumerate() {
        let step = step + 1;
        assert!((loss - golden).abs() < TOLERANCE, "{adapter}, step {step}: {loss}, expected {golden}");
    }
    let mean = losses.iter().sum::<f64>() / 10.0;
    assert!((done.loss - mean).abs() < 1e-12, "{} is not the mean {mean}", done.loss);
}
