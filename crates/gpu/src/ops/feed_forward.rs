//! `feed_forward`: norm of a window, product, activation, product, then the share onto the stream.

use crate::normed::normalize;
use crate::recorder::{Matrix, ProductSize, Recorder};
use crate::shares::{Shares, add_shares};
use reformer_shaders::entries::activation;
use reformer_tensor::op::FeedForward;
use reformer_tensor::{Activation, BackendError};

pub(super) fn record(op: &FeedForward, recorder: &mut Recorder<'_>) -> Result<(), BackendError> {
    let (x, gamma, beta, w1) = (recorder.read(0), recorder.read(1), recorder.read(2), recorder.read(3));
    let (b1, w2, b2, key) = (recorder.read(4), recorder.read(5), recorder.read(6), recorder.read(7));
    let stream = recorder.update(0);
    let (rows, width, hidden) = (x.shape.dim(0), x.shape.dim(1), w1.shape.dim(1));
    for window in recorder.windows(rows, width.max(hidden)) {
        let normed = normalize(recorder, window, x, gamma, beta)?.normed;
        let active = Matrix::new(recorder.scratch("hidden", window.rows * hidden), 0, hidden);
        let size = ProductSize { rows: window.rows, columns: hidden, terms: width };
        recorder.product(size, normed, recorder.matrix(w1)?, active, false);
        let buffers = [active.place, recorder.whole(b1)?];
        let parameters = activation_parameters(op.activation, window.rows, hidden);
        recorder.dispatch_elements(&activation::MAIN, parameters, &buffers, window.rows * hidden);
        let tile = recorder.scratch("share", window.rows * width);
        let size = ProductSize { rows: window.rows, columns: width, terms: hidden };
        recorder.product(size, active, recorder.matrix(w2)?, Matrix::new(tile, 0, width), false);
        let shares = Shares { tile, bias: Some(b2), dropout: op.dropout, key, direction: op.direction };
        add_shares(recorder, window, &shares, stream)?;
    }
    Ok(())
}

/// For the kernels of shaders/activation.wgsl.
pub(super) fn activation_parameters(activation: Activation, rows: usize, hidden: usize) -> activation::Parameters {
    let kind = match activation {
        Activation::Gelu => 0,
        Activation::Relu => 1,
    };
    activation::Parameters { rows: rows as u32, hidden: hidden as u32, kind }
}
