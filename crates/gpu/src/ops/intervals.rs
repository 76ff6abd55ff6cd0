//! `intervals`.

use crate::recorder::Recorder;
use reformer_shaders::entries::intervals;
use reformer_tensor::BackendError;
use reformer_tensor::op::Intervals;

pub(super) fn record(op: &Intervals, recorder: &mut Recorder<'_>) -> Result<(), BackendError> {
    let low = recorder.write(0);
    let parameters = intervals::Parameters {
        lists: (low.shape.dim(0) * low.shape.dim(1)) as u32,
        rows: low.shape.dim(2) as u32,
        window: op.window.min(low.shape.dim(2)) as u32,
    };
    let mut places = Vec::new();
    for index in 0..4 {
        places.push(recorder.whole(recorder.read(index))?);
    }
    places.push(recorder.whole(low)?);
    recorder.dispatch_elements(&intervals::MAIN, parameters, &places, low.shape.elements());
    Ok(())
}
