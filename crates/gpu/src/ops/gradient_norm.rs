//! `gradient_norm`: a workgroup a block of each tensor, then one over all blocks.

use crate::recorder::Recorder;
use reformer_shaders::entries::gradient_norm as kernel;
use reformer_tensor::BackendError;
use reformer_tensor::op::GradientNorm;

/// Numbers of a block; the same as in shaders/gradient_norm.wgsl.
const BLOCK: usize = 4096;

pub(super) fn record(_: &GradientNorm, recorder: &mut Recorder<'_>) -> Result<(), BackendError> {
    let gradients: Vec<_> = (0..recorder.reads()).map(|index| recorder.read(index)).collect();
    let total: usize = gradients.iter().map(|gradient| gradient.shape.elements().div_ceil(BLOCK)).sum();
    let blocks = recorder.scratch("blocks of squares", total);
    let mut first_block = 0;
    for gradient in gradients {
        let count = gradient.shape.elements();
        let parameters = kernel::Parameters { count: count as u32, first_block: first_block as u32 };
        let place = recorder.whole(gradient)?;
        let groups = recorder.workgroups(count.div_ceil(BLOCK));
        recorder.dispatch(&kernel::SQUARES, parameters, &[blocks, place], groups);
        first_block += count.div_ceil(BLOCK);
    }
    let parameters = kernel::Parameters { count: total as u32, first_block: 0 };
    let norm = recorder.whole(recorder.write(0))?;
    recorder.dispatch(&kernel::ROOT, parameters, &[blocks, norm], [1, 1, 1]);
    Ok(())
}
