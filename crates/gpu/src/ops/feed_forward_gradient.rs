//! `feed_forward_gradient`: a window's hidden layer again, then the chain rule back through it; the share that rebuilds the
//! stream on the way.

use super::feed_forward::activation_parameters;
use crate::layer_norm::{NormGradient, layer_norm_gradient};
use crate::normed::normalize;
use crate::recorder::{Matrix, ProductSize, Recorder};
use crate::shares::{Shares, add_shares, masked};
use crate::sums::column_sums;
use reformer_shaders::entries::activation;
use reformer_tensor::op::FeedForwardGradient;
use reformer_tensor::{BackendError, Direction};

pub(super) fn record(op: &FeedForwardGradient, recorder: &mut Recorder<'_>) -> Result<(), BackendError> {
    let (x, gamma, beta, dy) = (recorder.read(0), recorder.read(1), recorder.read(2), recorder.read(3));
    let (b1, b2, key) = (recorder.read(5), recorder.read(7), recorder.read(8));
    let (w1, w2) = (recorder.matrix(recorder.read(4))?, recorder.matrix(recorder.read(6))?);
    let (dx, dgamma, dbeta) = (recorder.update(0), recorder.update(1), recorder.update(2));
    let (dw1, dw2) = (recorder.matrix(recorder.update(3))?, recorder.matrix(recorder.update(5))?);
    let (db1, db2) = (recorder.whole(recorder.update(4))?, recorder.whole(recorder.update(6))?);
    let (total, width, hidden) = (x.shape.dim(0), x.shape.dim(1), b1.shape.dim(0));
    for window in recorder.windows(total, width.max(hidden)) {
        let rows = window.rows;
        let up = ProductSize { rows, columns: hidden, terms: width };
        let down = ProductSize { rows, columns: width, terms: hidden };
        let norm = normalize(recorder, window, x, gamma, beta)?;
        let active = Matrix::new(recorder.scratch("hidden", rows * hidden), 0, hidden);
        let d_hidden = Matrix::new(recorder.scratch("d_hidden", rows * hidden), 0, hidden);
        recorder.product(up, norm.normed, w1, active, false);
        let masked = masked(recorder, window, dy, op.dropout, key)?;
        recorder.product(up, masked, w2.transposed(), d_hidden, false);
        let buffers = [active.place, recorder.whole(b1)?, d_hidden.place];
        let parameters = activation_parameters(op.activation, rows, hidden);
        recorder.dispatch_elements(&activation::GRADIENT, parameters, &buffers, rows * hidden);
        if op.rebuild {
            let tile = recorder.scratch("share", rows * width);
            recorder.product(down, active, w2, Matrix::new(tile, 0, width), false);
            let direction = Direction::Reverse;
            let shares = Shares { tile, bias: Some(b2), dropout: op.dropout, key, direction };
            add_shares(recorder, window, &shares, recorder.update(7))?;
        }
        let over_rows = ProductSize { rows: hidden, columns: width, terms: rows };
        recorder.product(over_rows, active.transposed(), masked, dw2, true);
        column_sums(recorder, masked, rows, width, db2);
        let over_rows = ProductSize { rows: width, columns: hidden, terms: rows };
        recorder.product(over_rows, norm.normed.transposed(), d_hidden, dw1, true);
        column_sums(recorder, d_hidden, rows, hidden, db1);
        let d_normed = Matrix::new(recorder.scratch("d_normed", rows * width), 0, width);
        recorder.product(down, d_hidden, w1.transposed(), d_normed, false);
        let gradient = NormGradient {
            streams: &[x],
            gamma,
            moments: norm.moments,
            d_normed,
            dx: &[dx],
            accumulate: true,
            dgamma,
            dbeta,
        };
        layer_norm_gradient(recorder, window, &gradient)?;
    }
    Ok(())
}
