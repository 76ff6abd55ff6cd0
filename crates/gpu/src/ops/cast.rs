//! `cast`: an invocation a word of two halves.

use crate::recorder::{Recorder, stored};
use reformer_shaders::entries::cast::{MAIN, Parameters};
use reformer_tensor::BackendError;
use reformer_tensor::op::Cast;

pub(super) fn record(_: &Cast, recorder: &mut Recorder<'_>) -> Result<(), BackendError> {
    let (weight, half) = (recorder.read(0), recorder.write(0));
    let elements = weight.shape.elements();
    let places = [recorder.whole(weight)?, recorder.whole(half)?];
    let groups = recorder.element_groups(half.dtype.words(elements));
    let constants = [("STORED", stored(half.dtype))];
    recorder.dispatch_with(&MAIN, &constants, Parameters { elements: elements as u32 }, &places, groups);
    Ok(())
}
