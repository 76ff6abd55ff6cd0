//! `logits`: chosen rows are gathered into a tile, then the kernels of `head_loss` make the same bits of them.

use crate::layout::Array;
use crate::normed::normalize_rows;
use crate::recorder::{Matrix, Place, ProductSize, Recorder, Window};
use reformer_shaders::entries::logits as kernel;
use reformer_tensor::BackendError;
use reformer_tensor::op::Logits;

pub(super) fn record(_: &Logits, recorder: &mut Recorder<'_>) -> Result<(), BackendError> {
    let streams = [recorder.read(0), recorder.read(1)];
    let (gamma, beta, weight) = (recorder.read(3), recorder.read(4), recorder.read(5));
    let (bias, out) = (recorder.whole(recorder.read(6))?, recorder.write(0));
    let (wide, vocabulary) = (weight.shape.dim(0), weight.shape.dim(1));
    for window in recorder.windows(out.shape.dim(0), wide) {
        let first = gather(recorder, window, streams[0], "chosen y1")?;
        let second = gather(recorder, window, streams[1], "chosen y2")?;
        let normed = normalize_rows(recorder, window.rows, [first, second], streams[0].dtype, gamma, beta)?.normed;
        let tile = recorder.matrix_of(out, window);
        let size = ProductSize { rows: window.rows, columns: vocabulary, terms: wide };
        recorder.product(size, normed, recorder.matrix(weight)?, tile, false);
        let parameters = parameters_of(window, vocabulary, 0, 0, tile.first / vocabulary);
        recorder.dispatch_elements(&kernel::ADD_BIAS, parameters, &[bias, tile.place], window.rows * vocabulary);
    }
    Ok(())
}

fn parameters_of(
    window: Window,
    columns: usize,
    segment_first: usize,
    segment_rows: usize,
    first_row: usize,
) -> kernel::Parameters {
    kernel::Parameters {
        first: window.first as u32,
        rows: window.rows as u32,
        columns: columns as u32,
        segment_first: segment_first as u32,
        segment_rows: segment_rows as u32,
        first_row: first_row as u32,
    }
}

/// The words of the window's chosen rows, in scratch: a pass a segment of the stream.
fn gather(
    recorder: &mut Recorder<'_>,
    window: Window,
    stream: Array,
    name: &'static str,
) -> Result<Matrix, BackendError> {
    let (rows, width) = (stream.shape.dim(0), stream.shape.dim(1));
    let gathered = recorder.scratch(name, window.rows * width);
    let chosen = recorder.whole(recorder.read(2))?;
    for (segment, first) in (0..rows).step_by(stream.segment_rows).enumerate() {
        let parameters = parameters_of(window, width, first, stream.segment_rows.min(rows - first), 0);
        let buffers = [chosen, Place::Value(stream.id, segment), gathered];
        recorder.dispatch_elements(&kernel::GATHER, parameters, &buffers, window.rows * width);
    }
    Ok(Matrix::new(gathered, 0, width))
}
