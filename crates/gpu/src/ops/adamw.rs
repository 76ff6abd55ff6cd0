//! `adamw`: one invocation a number.

use crate::recorder::Recorder;
use reformer_shaders::entries::adamw as kernel;
use reformer_tensor::BackendError;
use reformer_tensor::op::AdamW;

pub(super) fn record(op: &AdamW, recorder: &mut Recorder<'_>) -> Result<(), BackendError> {
    let count = recorder.update(0).shape.elements();
    let mut buffers = vec![recorder.whole(recorder.read(0))?, recorder.whole(recorder.read(1))?];
    for index in 0..4 {
        buffers.push(recorder.whole(recorder.update(index))?);
    }
    let AdamW { beta1, beta2, epsilon, decay } = *op;
    let parameters = kernel::Parameters {
        count: count as u32,
        beta1,
        rest1: 1.0 - beta1,
        beta2,
        rest2: 1.0 - beta2,
        epsilon,
        decay,
    };
    recorder.dispatch_elements(&kernel::MAIN, parameters, &buffers, count);
    Ok(())
}
