//! `project_heads_gradient`: norm of a window, a product a weight's gradient, then one a head and weight onto the norm's.

use crate::normed::normalize;
use crate::recorder::{ProductSize, Recorder};
use reformer_tensor::BackendError;
use reformer_tensor::op::ProjectHeadsGradient;

pub(super) fn record(op: &ProjectHeadsGradient, recorder: &mut Recorder<'_>) -> Result<(), BackendError> {
    let (x, gamma, beta, d_normed) = (recorder.read(0), recorder.read(1), recorder.read(2), recorder.update(0));
    let (rows, width) = (x.shape.dim(0), x.shape.dim(1));
    for window in recorder.windows(rows, width) {
        let normed = normalize(recorder, window, x, gamma, beta)?.normed;
        for index in 0..op.weights {
            let upstream = recorder.matrix_of(recorder.read(3 + index), window);
            let gradient = recorder.matrix(recorder.update(1 + index))?.from(0, op.heads.offset());
            let size = ProductSize { rows: width, columns: op.heads.columns(), terms: window.rows };
            recorder.product(size, normed.transposed(), upstream, gradient, true);
        }
        let out = recorder.matrix_of(d_normed, window);
        for head in 0..op.heads.count {
            // One product a head, so that grouping heads changes no bit.
            let first = head * op.heads.width;
            for index in 0..op.weights {
                let upstream = recorder.matrix_of(recorder.read(3 + index), window).from(0, first);
                let weight = recorder.matrix(recorder.read(3 + op.weights + index))?;
                let weight = weight.from(0, op.heads.offset() + first).transposed();
                let size = ProductSize { rows: window.rows, columns: width, terms: op.heads.width };
                recorder.product(size, upstream, weight, out, true);
            }
        }
    }
    Ok(())
}
