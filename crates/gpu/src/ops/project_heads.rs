//! `project_heads`: norm of a window, then a product a weight.

use crate::normed::normalize;
use crate::recorder::{ProductSize, Recorder};
use reformer_tensor::BackendError;
use reformer_tensor::op::ProjectHeads;

pub(super) fn record(op: &ProjectHeads, recorder: &mut Recorder<'_>) -> Result<(), BackendError> {
    let (x, gamma, beta) = (recorder.read(0), recorder.read(1), recorder.read(2));
    let (rows, width) = (x.shape.dim(0), x.shape.dim(1));
    for window in recorder.windows(rows, width) {
        let normed = normalize(recorder, window, x, gamma, beta)?.normed;
        for index in 3..recorder.reads() {
            let weight = recorder.matrix(recorder.read(index))?.from(0, op.heads.offset());
            let out = recorder.matrix_of(recorder.write(index - 3), window);
            let size = ProductSize { rows: window.rows, columns: op.heads.columns(), terms: width };
            recorder.product(size, normed, weight, out, false);
        }
    }
    Ok(())
}
