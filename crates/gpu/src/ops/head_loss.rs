//! `head_loss`: per tile of rows a norm, the logits' product and a cross entropy. The tiles are here for the gradient, too.

use crate::normed::{Normed, normalize_both};
use crate::recorder::{Matrix, Place, ProductSize, Recorder, Window};
use reformer_shaders::Entry;
use reformer_shaders::entries::cross_entropy as kernel;
use reformer_tensor::BackendError;
use reformer_tensor::op::HeadLoss;

pub(super) fn record(_: &HeadLoss, recorder: &mut Recorder<'_>) -> Result<(), BackendError> {
    for window in tiles(recorder) {
        let logits = logits(recorder, window)?.1;
        let losses = recorder.whole(recorder.write(0))?;
        cross_entropy(recorder, &kernel::LOSS, window, logits.place, losses)?;
    }
    Ok(())
}

/// Windows whose normed rows and logits are tiles.
pub(super) fn tiles(recorder: &Recorder<'_>) -> Vec<Window> {
    let (y, weight) = (recorder.read(0).shape, recorder.read(4).shape);
    recorder.windows(y.dim(0), weight.dim(0).max(weight.dim(1)))
}

/// The norm and the logits of a tile, without the bias, in scratch.
pub(super) fn logits(recorder: &mut Recorder<'_>, window: Window) -> Result<(Normed, Matrix), BackendError> {
    let streams = [recorder.read(0), recorder.read(1)];
    let (gamma, beta, weight) = (recorder.read(2), recorder.read(3), recorder.read(4));
    let (wide, vocabulary) = (weight.shape.dim(0), weight.shape.dim(1));
    let normed = normalize_both(recorder, window, streams, gamma, beta)?;
    let tile = Matrix::new(recorder.scratch("logits", window.rows * vocabulary), 0, vocabulary);
    let size = ProductSize { rows: window.rows, columns: vocabulary, terms: wide };
    recorder.product(size, normed.normed, recorder.matrix(weight)?, tile, false);
    Ok((normed, tile))
}

/// The tile's losses, by one of the kernels of cross_entropy.wgsl.
pub(super) fn cross_entropy(
    recorder: &mut Recorder<'_>,
    entry: &'static Entry,
    window: Window,
    logits: Place,
    losses: Place,
) -> Result<(), BackendError> {
    let [bias, targets, weights] = [5, 6, 7].map(|index| recorder.whole(recorder.read(index)));
    let vocabulary = recorder.read(4).shape.dim(1);
    let parameters = kernel::Parameters { first: window.first as u32, vocabulary: vocabulary as u32 };
    // A row is a workgroup; a window has fewer rows than a dimension has workgroups.
    let groups = [window.rows as u32, 1, 1];
    recorder.dispatch(entry, parameters, &[logits, bias?, targets?, weights?, losses], groups);
    Ok(())
}
