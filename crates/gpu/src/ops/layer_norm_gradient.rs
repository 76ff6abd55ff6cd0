//! `layer_norm_gradient`: a window's moments, then its gradient.

use crate::layer_norm::{NormGradient, layer_norm_gradient, moments};
use crate::recorder::Recorder;
use reformer_tensor::BackendError;
use reformer_tensor::op::LayerNormGradient;

pub(super) fn record(_: &LayerNormGradient, recorder: &mut Recorder<'_>) -> Result<(), BackendError> {
    let (x, gamma, d_normed) = (recorder.read(0), recorder.read(1), recorder.read(2));
    let (dx, dgamma, dbeta) = (recorder.update(0), recorder.update(1), recorder.update(2));
    for window in recorder.windows(x.shape.dim(0), x.shape.dim(1)) {
        let gradient = NormGradient {
            streams: &[x],
            gamma,
            moments: moments(recorder, window, x),
            d_normed: recorder.matrix_of(d_normed, window),
            dx: &[dx],
            accumulate: true,
            dgamma,
            dbeta,
        };
        layer_norm_gradient(recorder, window, &gradient)?;
    }
    Ok(())
}
