//! `sort_by_bucket`: tokens sorted by bucket, then by the first row of their segment; slots are the inverse.

use crate::radix_sort::{Keys, invert, sort};
use crate::recorder::Recorder;
use reformer_tensor::BackendError;
use reformer_tensor::op::SortByBucket;

pub(super) fn record(op: &SortByBucket, recorder: &mut Recorder<'_>) -> Result<(), BackendError> {
    let (order, slot) = (recorder.write(0), recorder.write(1));
    let (lists, rows) = (order.shape.dim(0) * order.shape.dim(1), order.shape.dim(2));
    let (buckets, segments) = (recorder.whole(recorder.read(0))?, recorder.whole(recorder.read(1))?);
    let (order, slot) = (recorder.whole(order)?, recorder.whole(slot)?);
    let keys = [Keys::plain(buckets, rows, op.buckets), Keys::plain(segments, 0, rows)];
    sort(recorder, lists, rows, &keys, order);
    invert(recorder, lists, rows, order, slot);
    Ok(())
}
