//! `zeros`.

use crate::recorder::{Place, Recorder};
use reformer_tensor::BackendError;
use reformer_tensor::op::Zeros;

pub(super) fn record(_: &Zeros, recorder: &mut Recorder<'_>) -> Result<(), BackendError> {
    let array = recorder.write(0);
    for segment in 0..array.segments() {
        recorder.fill(Place::Value(array.id, segment), 0, array.segment_words(segment), 0);
    }
    Ok(())
}
