//! `embed`: one invocation an element of the stream.

use crate::recorder::{Place, Recorder, fraction_bits};
use reformer_shaders::entries::embed as kernel;
use reformer_tensor::op::Embed;
use reformer_tensor::{BackendError, PositionKind};

pub(super) fn record(op: &Embed, recorder: &mut Recorder<'_>) -> Result<(), BackendError> {
    let stream = recorder.write(0);
    let (rows, width) = (stream.shape.dim(0), stream.shape.dim(1));
    let operands: Vec<Place> =
        (0..recorder.reads()).map(|index| recorder.whole(recorder.read(index))).collect::<Result<_, _>>()?;
    let (inner, outer_width) = match op.position {
        PositionKind::Learned => (1, width),
        PositionKind::Axial { inner, outer_width, .. } => (inner, outer_width),
    };
    for window in recorder.windows(rows, width) {
        let (out, first_row) = recorder.rows_of(stream, window);
        let parameters = kernel::Parameters {
            first: window.first as u32,
            first_row: first_row as u32,
            rows: window.rows as u32,
            width: width as u32,
            inner: inner as u32,
            outer_width: outer_width as u32,
            fraction_bits: fraction_bits(op.stream),
            site: op.dropout.site,
            threshold: op.dropout.threshold(),
            scale: op.dropout.scale(),
            instruction: recorder.fault_index(),
        };
        // The tables of axial positions are on both sides of the results: `learned` uses the bindings up to the faults.
        let mut buffers = operands[..5].to_vec();
        buffers.extend([out, Place::Faults]);
        buffers.extend(&operands[5..]);
        let entry = match op.position {
            PositionKind::Learned => &kernel::LEARNED,
            PositionKind::Axial { .. } => &kernel::AXIAL,
        };
        recorder.dispatch_elements(entry, parameters, &buffers, window.rows * width);
    }
    Ok(())
}
