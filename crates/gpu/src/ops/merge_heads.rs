//! `merge_heads`: head by head, a product into a tile of shares, then the tile onto the stream.

use crate::recorder::{Matrix, ProductSize, Recorder};
use crate::shares::{Shares, add_shares};
use reformer_tensor::BackendError;
use reformer_tensor::op::MergeHeads;

pub(super) fn record(op: &MergeHeads, recorder: &mut Recorder<'_>) -> Result<(), BackendError> {
    let (context, weight, key, stream) = (recorder.read(0), recorder.read(1), recorder.read(2), recorder.update(0));
    let (rows, width) = (stream.shape.dim(0), stream.shape.dim(1));
    let weight = recorder.matrix(weight)?.from(op.heads.offset(), 0);
    for window in recorder.windows(rows, width) {
        let tile = recorder.scratch("share", window.rows * width);
        let shares = Shares { tile, bias: None, dropout: op.dropout, key, direction: op.direction };
        let size = ProductSize { rows: window.rows, columns: width, terms: op.heads.width };
        for head in 0..op.heads.count {
            let first = head * op.heads.width;
            let own = recorder.matrix_of(context, window).from(0, first);
            recorder.product(size, own, weight.from(first, 0), Matrix::new(tile, 0, width), false);
            add_shares(recorder, window, &shares, stream)?;
        }
    }
    Ok(())
}
