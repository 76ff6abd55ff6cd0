//! What ops with a branch share: a tile of shares onto a stream, and the mask of a branch's gradient. No products here.

use crate::layout::Array;
use crate::recorder::{Matrix, Place, Recorder, Window, fraction_bits};
use reformer_shaders::entries::{add_share, mask_rows};
use reformer_tensor::{BackendError, Direction, Dropout};

/// A tile of shares `[rows, width]` in scratch, and what happens to it on the way to the stream.
#[derive(Clone, Copy)]
pub(crate) struct Shares {
    /// Row-major and dense.
    pub tile: Place,
    /// Added first: `[width]`.
    pub bias: Option<Array>,
    /// Of the branch.
    pub dropout: Dropout,
    /// The run's key.
    pub key: Array,
    /// Add or take off.
    pub direction: Direction,
}

/// stream ± fix(mask·(tile + bias)) for the window's rows; a share that the stream can't take is noted as a fault.
pub(crate) fn add_shares(
    recorder: &mut Recorder<'_>,
    window: Window,
    shares: &Shares,
    stream: Array,
) -> Result<(), BackendError> {
    let width = stream.shape.dim(1);
    let (place, stream_row) = recorder.rows_of(stream, window);
    let parameters = add_share::Parameters {
        rows: window.rows as u32,
        width: width as u32,
        stream_row: stream_row as u32,
        fraction_bits: fraction_bits(stream.dtype),
        direction: match shares.direction {
            Direction::Forward => 1,
            Direction::Reverse => -1,
        },
        first_row: window.first as u32,
        site: shares.dropout.site,
        threshold: shares.dropout.threshold(),
        scale: shares.dropout.scale(),
        instruction: recorder.fault_index(),
    };
    let mut buffers = vec![shares.tile, recorder.whole(shares.key)?, place, Place::Faults];
    let entry = match shares.bias {
        None => &add_share::MAIN,
        Some(bias) => {
            buffers.push(recorder.whole(bias)?);
            &add_share::BIASED
        }
    };
    recorder.dispatch_elements(entry, parameters, &buffers, window.rows * width);
    Ok(())
}

/// mask·dy of the window's rows: dy itself where nothing is dropped, else a tile in scratch.
pub(crate) fn masked(
    recorder: &mut Recorder<'_>,
    window: Window,
    dy: Array,
    dropout: Dropout,
    key: Array,
) -> Result<Matrix, BackendError> {
    if dropout.threshold() == 0 {
        return Ok(recorder.matrix_of(dy, window));
    }
    let width = dy.shape.dim(1);
    let (place, segment_row) = recorder.rows_of(dy, window);
    let tile = recorder.scratch("masked", window.rows * width);
    let parameters = mask_rows::Parameters {
        rows: window.rows as u32,
        width: width as u32,
        segment_row: segment_row as u32,
        first_row: window.first as u32,
        site: dropout.site,
        threshold: dropout.threshold(),
        scale: dropout.scale(),
    };
    let buffers = [place, recorder.whole(key)?, tile];
    recorder.dispatch_elements(&mask_rows::MAIN, parameters, &buffers, window.rows * width);
    Ok(Matrix::new(tile, 0, width))
}
