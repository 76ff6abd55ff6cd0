//! `attention_gradient`: tables of what kernels read by row, then a launch by query and one by key.

use super::attention::{Facts, intervals, is_shared, key_lengths, private_width, query_scale, sizes, upstream};
use crate::recorder::Recorder;
use reformer_shaders::entries::attention_gradient;
use reformer_tensor::BackendError;
use reformer_tensor::op::AttentionGradient;

/// Words of a row's facts: z, delta and the key's 1/length.
const FACTS: usize = 3;

pub(super) fn record(op: &AttentionGradient, recorder: &mut Recorder<'_>) -> Result<(), BackendError> {
    let rows = recorder.write(0).shape.dim(0);
    let (rounds, window) = sizes(op.pattern, rows);
    let is_shared = is_shared(op.pattern);
    let parameters = attention_gradient::Parameters {
        heads: op.heads.count as u32,
        rows: rows as u32,
        head_width: op.heads.width as u32,
        rounds: rounds as u32,
        window: window as u32,
        query_scale: query_scale(is_shared, op.heads),
    };
    let constants = [("HEAD_WIDTH", private_width(op.heads)?)];
    let groups = recorder.element_groups(op.heads.count * rows);
    let last = recorder.reads() - 1;
    let d_context = recorder.whole(recorder.read(last))?;
    let [z, delta] = [last - 2, last - 1].map(|index| recorder.whole(recorder.read(index)));
    let place = recorder.scratch("attention facts", FACTS * op.heads.count * rows);
    upstream(recorder, op.heads, rows, Facts { place, stride: FACTS, offset: 0 }, [z?, delta?]);
    if is_shared {
        let (qk, value) = (recorder.whole(recorder.read(0))?, recorder.whole(recorder.read(1))?);
        let order = recorder.whole(recorder.read(2))?;
        key_lengths(recorder, op.heads, rows, Facts { place, stride: FACTS, offset: 2 })?;
        let intervals = intervals(recorder)?;
        let (dqk, dv) = (recorder.whole(recorder.write(0))?, recorder.whole(recorder.write(1))?);
        let buffers = [qk, value, d_context, place, order, intervals, dqk, dv];
        let by_query = &attention_gradient::LSH_BY_QUERY;
        recorder.dispatch_with(by_query, &constants, parameters, &buffers[..7], groups);
        recorder.dispatch_with(&attention_gradient::LSH_BY_KEY, &constants, parameters, &buffers, groups);
    } else {
        let [query, key, value, segments] = [0, 1, 2, 3].map(|index| recorder.whole(recorder.read(index)));
        let [dq, dk, dv] = [0, 1, 2].map(|index| recorder.whole(recorder.write(index)));
        let buffers = [query?, value?, d_context, place, key?, segments?, dq?];
        let by_query = &attention_gradient::IN_ORDER_BY_QUERY;
        recorder.dispatch_with(by_query, &constants, parameters, &buffers, groups);
        let [query, value, .., key, segments, _] = buffers;
        let buffers = [query, value, d_context, place, key, segments, dk?, dv?];
        recorder.dispatch_with(&attention_gradient::IN_ORDER_BY_KEY, &constants, parameters, &buffers, groups);
    }
    Ok(())
}
