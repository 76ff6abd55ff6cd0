//! `merge_heads_gradient`: the masked gradient of a window, two products, then delta.

use crate::recorder::{ProductSize, Recorder};
use crate::shares::masked;
use reformer_shaders::entries::merge_heads_gradient as kernel;
use reformer_tensor::BackendError;
use reformer_tensor::op::MergeHeadsGradient;

pub(super) fn record(op: &MergeHeadsGradient, recorder: &mut Recorder<'_>) -> Result<(), BackendError> {
    let (dy, context, weight, key) = (recorder.read(0), recorder.read(1), recorder.read(2), recorder.read(3));
    let (d_context, delta) = (recorder.write(0), recorder.write(1));
    let (rows, width, columns) = (dy.shape.dim(0), dy.shape.dim(1), op.heads.columns());
    let weight = recorder.matrix(weight)?.from(op.heads.offset(), 0);
    let dweight = recorder.matrix(recorder.update(0))?.from(op.heads.offset(), 0);
    let delta = recorder.whole(delta)?;
    for window in recorder.windows(rows, width.max(columns)) {
        let masked = masked(recorder, window, dy, op.dropout, key)?;
        let own = recorder.matrix_of(context, window);
        let out = recorder.matrix_of(d_context, window);
        // A column of d_context belongs to one head: its sum is the same whichever heads are beside it.
        let size = ProductSize { rows: window.rows, columns, terms: width };
        recorder.product(size, masked, weight.transposed(), out, false);
        let size = ProductSize { rows: columns, columns: width, terms: window.rows };
        recorder.product(size, own.transposed(), masked, dweight, true);
        let (place, segment_row) = recorder.rows_of(context, window);
        let parameters = kernel::Parameters {
            rows: window.rows as u32,
            heads: op.heads.count as u32,
            head_width: op.heads.width as u32,
            segment_row: segment_row as u32,
            first_row: window.first as u32,
            all_rows: rows as u32,
        };
        let elements = window.rows * op.heads.count;
        recorder.dispatch_elements(&kernel::MAIN, parameters, &[place, out.place, delta], elements);
    }
    Ok(())
}
