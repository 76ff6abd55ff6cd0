//! Layer norm of a window of rows into scratch, for the ops that begin with one.

use crate::layout::Array;
use crate::recorder::{Matrix, Place, Recorder, Window, fraction_bits};
use reformer_shaders::entries::normalize;
use reformer_tensor::op::NORM_EPSILON;
use reformer_tensor::{BackendError, DType};

/// A normalised window.
#[derive(Clone, Copy)]
pub(crate) struct Normed {
    /// `[rows, width]`, or `[rows, 2·width]` of two streams.
    pub normed: Matrix,
    /// `[rows, 2]`: mean and 1/deviation.
    pub moments: Place,
}

/// LN(x) of the window, in scratch.
pub(crate) fn normalize(
    recorder: &mut Recorder<'_>,
    window: Window,
    x: Array,
    gamma: Array,
    beta: Array,
) -> Result<Normed, BackendError> {
    let width = x.shape.dim(1);
    let (place, first_row) = recorder.rows_of(x, window);
    let normed = recorder.scratch("normed", window.rows * width);
    let moments = recorder.scratch("moments", 2 * window.rows);
    let parameters = normalize::Parameters {
        first_row: first_row as u32,
        rows: window.rows as u32,
        width: width as u32,
        fraction_bits: fraction_bits(x.dtype),
        epsilon: NORM_EPSILON,
    };
    let buffers = [place, recorder.whole(gamma)?, recorder.whole(beta)?, normed, moments];
    recorder.dispatch_rows(&normalize::MAIN, parameters, &buffers, window.rows);
    Ok(Normed { normed: Matrix::new(normed, 0, width), moments })
}

/// LN([y1, y2]) of the window, in scratch.
pub(crate) fn normalize_both(
    recorder: &mut Recorder<'_>,
    window: Window,
    streams: [Array; 2],
    gamma: Array,
    beta: Array,
) -> Result<Normed, BackendError> {
    let rows = streams.map(|stream| recorder.matrix_of(stream, window));
    normalize_rows(recorder, window.rows, rows, streams[0].dtype, gamma, beta)
}

/// LN([y1, y2]) of rows of words of this type, wherever they lie, in scratch.
pub(crate) fn normalize_rows(
    recorder: &mut Recorder<'_>,
    rows: usize,
    [first, second]: [Matrix; 2],
    dtype: DType,
    gamma: Array,
    beta: Array,
) -> Result<Normed, BackendError> {
    let width = first.row;
    debug_assert_eq!((first.first, first.row), (second.first, second.row), "streams are cut alike");
    let normed = recorder.scratch("normed", rows * 2 * width);
    let moments = recorder.scratch("moments", 2 * rows);
    let parameters = normalize::Parameters {
        first_row: (first.first / width) as u32,
        rows: rows as u32,
        width: width as u32,
        fraction_bits: fraction_bits(dtype),
        epsilon: NORM_EPSILON,
    };
    let buffers = [first.place, recorder.whole(gamma)?, recorder.whole(beta)?, normed, moments, second.place];
    recorder.dispatch_rows(&normalize::BOTH, parameters, &buffers, rows);
    Ok(Normed { normed: Matrix::new(normed, 0, 2 * width), moments })
}
