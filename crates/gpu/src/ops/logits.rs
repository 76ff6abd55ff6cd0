//! `logits`: chosen rows are gathered into a tile, then the kernels of `head_loss` make the same bits of them.

use crate::layout::Array;
use crate::recorder::{Matrix, Place, ProductSize, Recorder, Window, fraction_bits};
use reformer_shaders::entries::{logits as kernel, normalize};
use reformer_tensor::BackendError;
use reformer_tensor::op::{Logits, NORM_EPSILON};

pub(super) fn record(_: &Logits, recorder: &mut Recorder<'_>) -> Result<(), BackendError> {
    let streams = [recorder.read(0), recorder.read(1)];
    let (weight, bias, out) = (recorder.read(5), recorder.whole(recorder.read(6))?, recorder.write(0));
    let (wide, vocabulary) = (weight.shape.dim(0), weight.shape.dim(1));
    for window in recorder.windows(out.shape.dim(0), wide) {
        let first = gather(recorder, window, streams[0], "chosen y1")?;
        let second = gather(recorder, window, streams[1], "chosen y2")?;
        let normed = Matrix::new(recorder.scratch("normed", window.rows * wide), 0, wide);
        let moments = recorder.scratch("moments", 2 * window.rows);
        let parameters = normalize::Parameters {
            first_row: 0,
            rows: window.rows as u32,
            width: (wide / 2) as u32,
            fraction_bits: fraction_bits(streams[0].dtype),
            epsilon: NORM_EPSILON,
        };
        let [gamma, beta] = [3, 4].map(|index| recorder.whole(recorder.read(index)));
        let buffers = [first, gamma?, beta?, normed.place, moments, second];
        recorder.dispatch(&normalize::BOTH, parameters, &buffers, [window.rows.div_ceil(64) as u32, 1, 1]);

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
) -> Result<Place, BackendError> {
    let (rows, width) = (stream.shape.dim(0), stream.shape.dim(1));
    let gathered = recorder.scratch(name, window.rows * width);
    let chosen = recorder.whole(recorder.read(2))?;
    for (segment, first) in (0..rows).step_by(stream.segment_rows).enumerate() {
        let parameters = parameters_of(window, width, first, stream.segment_rows.min(rows - first), 0);
        let buffers = [chosen, Place::Value(stream.id, segment), gathered];
        recorder.dispatch_elements(&kernel::GATHER, parameters, &buffers, window.rows * width);
    }
    Ok(gathered)
}
