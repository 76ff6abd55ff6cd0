//! `head_loss_gradient`: per tile of rows the losses, the logits' gradients, then products and sums back through the head.

use super::head_loss::{cross_entropy, logits, tiles};
use crate::layer_norm::{NormGradient, layer_norm_gradient};
use crate::recorder::{Matrix, Place, ProductSize, Recorder, Window};
use crate::sums::column_sums;
use reformer_shaders::entries::{cross_entropy as loss_kernel, head_loss_gradient as kernel};
use reformer_tensor::BackendError;
use reformer_tensor::op::HeadLossGradient;

pub(super) fn record(_: &HeadLossGradient, recorder: &mut Recorder<'_>) -> Result<(), BackendError> {
    let streams = [recorder.read(0), recorder.read(1)];
    let (gamma, weight) = (recorder.read(2), recorder.read(4));
    let (dgamma, dbeta, dweight, dbias) =
        (recorder.update(0), recorder.update(1), recorder.update(2), recorder.update(3));
    let dy = [recorder.write(0), recorder.write(1)];
    let losses = recorder.whole(recorder.write(2))?;
    let (wide, vocabulary) = (weight.shape.dim(0), weight.shape.dim(1));
    for window in tiles(recorder) {
        let (normed, d_logits) = logits(recorder, window)?;
        cross_entropy(recorder, &loss_kernel::GRADIENT, window, d_logits.place, losses)?;
        clear_unscored(recorder, window, normed.normed)?;
        let size = ProductSize { rows: wide, columns: vocabulary, terms: window.rows };
        recorder.product(size, normed.normed.transposed(), d_logits, recorder.matrix(dweight)?, true);
        column_sums(recorder, d_logits, window.rows, vocabulary, recorder.whole(dbias)?);

        let d_normed = Matrix::new(recorder.scratch("d_normed", window.rows * wide), 0, wide);
        let size = ProductSize { rows: window.rows, columns: wide, terms: vocabulary };
        recorder.product(size, d_logits, recorder.matrix(weight)?.transposed(), d_normed, false);
        clear_unscored(recorder, window, d_normed)?;
        clear_unscored(recorder, window, Matrix::new(normed.moments, 0, MOMENTS))?;
        let gradient = NormGradient {
            streams: &streams,
            gamma,
            moments: normed.moments,
            d_normed,
            dx: &dy,
            accumulate: false,
            dgamma,
            dbeta,
        };
        layer_norm_gradient(recorder, window, &gradient)?;
        for dy in dy {
            clear_unscored(recorder, window, recorder.matrix_of(dy, window))?;
        }
    }
    Ok(())
}

/// Columns of a norm's moments: mean and 1/deviation.
const MOMENTS: usize = 2;

/// Zeros in the rows of `values` that have no weight: a product with zero would keep NaN and infinity.
fn clear_unscored(recorder: &mut Recorder<'_>, window: Window, values: Matrix) -> Result<(), BackendError> {
    let columns = values.row;
    let parameters = kernel::Parameters {
        first: window.first as u32,
        start: values.first as u32,
        rows: window.rows as u32,
        columns: columns as u32,
    };
    let buffers: [Place; 2] = [recorder.whole(recorder.read(7))?, values.place];
    recorder.dispatch_elements(&kernel::CLEAR_UNSCORED, parameters, &buffers, window.rows * columns);
    Ok(())
}
