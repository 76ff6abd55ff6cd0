//! The gradient of a layer norm over one stream or two, for a window of rows. The norm itself is in `normed.rs`.

use crate::layout::Array;
use crate::recorder::{Matrix, Place, Recorder, Window, fraction_bits};
use reformer_shaders::entries::{layer_norm_gradient as rows_kernel, norm_sums};
use reformer_tensor::BackendError;
use reformer_tensor::op::{NORM_EPSILON, ROW_BLOCK};

/// What the gradient of a layer norm is made from, and where it goes.
#[derive(Clone, Copy)]
pub(crate) struct NormGradient<'a> {
    /// x, or y1 and y2: `[rows, width]` each.
    pub streams: &'a [Array],
    /// As wide as all streams together.
    pub gamma: Array,
    /// Mean and 1/deviation of each row of the window, from `normalize` or [`moments`].
    pub moments: Place,
    /// The gradient of the window's normed rows, row-major and dense, as wide as all streams together.
    pub d_normed: Matrix,
    /// The gradient of each stream.
    pub dx: &'a [Array],
    /// Whether to add onto dx; else it is written.
    pub accumulate: bool,
    /// The sums that are added to.
    pub dgamma: Array,
    /// The same.
    pub dbeta: Array,
}

/// Mean and 1/deviation of the window's rows, in scratch, for ops that don't need the normed rows.
pub(crate) fn moments(recorder: &mut Recorder<'_>, window: Window, x: Array) -> Place {
    let (place, first_row) = recorder.rows_of(x, window);
    let moments = recorder.scratch("moments", 2 * window.rows);
    let parameters = rows_kernel::Parameters {
        first_row: first_row as u32,
        rows: window.rows as u32,
        width: x.shape.dim(1) as u32,
        fraction_bits: fraction_bits(x.dtype),
        epsilon: NORM_EPSILON,
        d_first: 0,
        dx_row: 0,
        accumulate: 0,
    };
    recorder.dispatch_rows(&rows_kernel::ROW_MOMENTS, parameters, &[place, moments], window.rows);
    moments
}

/// dx and the sums over the window's rows.
pub(crate) fn layer_norm_gradient(
    recorder: &mut Recorder<'_>,
    window: Window,
    gradient: &NormGradient<'_>,
) -> Result<(), BackendError> {
    let NormGradient { streams, gamma, moments, d_normed, dx, accumulate, dgamma, dbeta } = *gradient;
    let width = streams[0].shape.dim(1);
    debug_assert_eq!(d_normed.row, streams.len() * width, "the gradient is dense");
    let (x, first_row) = recorder.rows_of(streams[0], window);
    let (out, out_row) = recorder.rows_of(dx[0], window);
    let parameters = rows_kernel::Parameters {
        first_row: first_row as u32,
        rows: window.rows as u32,
        width: width as u32,
        fraction_bits: fraction_bits(streams[0].dtype),
        epsilon: NORM_EPSILON,
        d_first: d_normed.first as u32,
        dx_row: out_row as u32,
        accumulate: u32::from(accumulate),
    };
    let sums = norm_sums::Parameters {
        first_row: first_row as u32,
        rows: window.rows as u32,
        width: width as u32,
        block: ROW_BLOCK as u32,
        d_first: d_normed.first as u32,
        fraction_bits: fraction_bits(streams[0].dtype),
    };
    let mut rows_buffers = vec![x, moments, recorder.whole(gamma)?, d_normed.place, out];
    let mut sums_buffers = vec![x, moments, d_normed.place, recorder.whole(dgamma)?, recorder.whole(dbeta)?];
    let (rows_entry, sums_entry) = match streams.get(1) {
        None => (&rows_kernel::MAIN, &norm_sums::MAIN),
        Some(&second) => {
            let (other, other_row) = recorder.rows_of(second, window);
            let (other_out, other_out_row) = recorder.rows_of(dx[1], window);
            debug_assert_eq!((other_row, other_out_row), (first_row, out_row), "streams are cut alike");
            rows_buffers.extend([other, other_out]);
            sums_buffers.push(other);
            (&rows_kernel::BOTH, &norm_sums::BOTH)
        }
    };
    recorder.dispatch_rows(rows_entry, parameters, &rows_buffers, window.rows);
    recorder.dispatch_elements(sums_entry, sums, &sums_buffers, streams.len() * width);
    Ok(())
}
