//! `attention_gradient`: tables of what kernels read by row, then a launch by query and one by key.

use super::attention::{
    Facts, Operands, intervals, is_shared, key_lengths, pairs, private_width, query_scale, sizes, upstream,
};
use crate::chunks::{Scale, clear};
use crate::kernels::Kernels;
use crate::recorder::Recorder;
use crate::spans::Chunking;
use reformer_shaders::entries::attention_gradient;
use reformer_tensor::BackendError;
use reformer_tensor::op::AttentionGradient;

/// Words of a row's facts: z, delta and the key's 1/length.
const FACTS: usize = 3;

pub(super) fn record(op: &AttentionGradient, recorder: &mut Recorder<'_>) -> Result<(), BackendError> {
    match recorder.kernels {
        Kernels::Naive => simple(op, recorder),
        Kernels::Fast | Kernels::Software => by_chunks(op, recorder),
    }
}

fn by_chunks(op: &AttentionGradient, recorder: &mut Recorder<'_>) -> Result<(), BackendError> {
    let d_query = recorder.write(0);
    let (d_key, d_value) =
        if is_shared(op.pattern) { (d_query, recorder.write(1)) } else { (recorder.write(1), recorder.write(2)) };
    for index in 0..if is_shared(op.pattern) { 2 } else { 3 } {
        clear(recorder, recorder.write(index))?;
    }
    let rows = d_query.shape.dim(0);
    let chunking = Chunking::new(op.pattern, op.heads, rows);
    let Operands { query, key, value, order, query_scale, key_scale } =
        Operands::new(op.pattern, op.heads, rows, recorder)?;
    let last = recorder.reads() - 1;
    let d_context = recorder.read(last);
    let [z, delta] = [last - 2, last - 1].map(|index| recorder.whole(recorder.read(index)));
    let above = pairs(recorder, "attention upstream", z?, delta?, op.heads.count * rows);
    let (one, round_one) = (Scale::Number(1.0), 1.0);
    let scale = if let Scale::Number(scale) = query_scale { scale } else { round_one };
    for round in 0..chunking.sizes().0 {
        for span in chunking.spans() {
            let queries = chunking.gather(recorder, span, round, "attention queries", query, query_scale, order);
            let keys = chunking.gather(recorder, span, round, "attention keys", key, key_scale, order);
            let values = chunking.gather(recorder, span, round, "attention values", value, one, order);
            let upstream = chunking.gather(recorder, span, round, "attention d_contexts", d_context, one, order);
            let scores = chunking.scores(recorder, span, "attention scores", queries, keys);
            let d_scores = chunking.scores(recorder, span, "attention d_scores", upstream, values);
            chunking.weigh_gradients(recorder, span, round, [scores, d_scores], above, order);
            let d_queries = chunking.sum_over_keys(recorder, span, "attention d_queries", d_scores, keys);
            chunking.add(recorder, span, round, false, d_queries, scale, d_query, order);
            let d_keys = chunking.sum_over_queries(recorder, span, "attention d_keys", d_scores, queries);
            if is_shared(op.pattern) {
                chunking.key_gradient(recorder, span, round, d_keys, keys, order);
            }
            chunking.add(recorder, span, round, true, d_keys, 1.0, d_key, order);
            let d_values = chunking.sum_over_queries(recorder, span, "attention d_values", scores, upstream);
            chunking.add(recorder, span, round, true, d_values, 1.0, d_value, order);
        }
    }
    Ok(())
}

fn simple(op: &AttentionGradient, recorder: &mut Recorder<'_>) -> Result<(), BackendError> {
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
