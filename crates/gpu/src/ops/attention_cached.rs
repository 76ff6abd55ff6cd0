//! `attention_cached`: tokens in order, a part of them a launch, so that no launch is long.

use super::attention::{length_epsilon, pairs, private_width, query_scale};
use crate::kernels::Kernels;
use crate::recorder::Recorder;
use reformer_shaders::entries::{attention_cached, attention_cached_group};
use reformer_tensor::BackendError;
use reformer_tensor::op::{AttentionCached, CachePattern};

/// Tokens of a launch. They are walked one after another, and systems end launches that last for seconds.
const TOKENS: usize = 128;

pub(super) fn record(op: &AttentionCached, recorder: &mut Recorder<'_>) -> Result<(), BackendError> {
    let is_shared = matches!(op.pattern, CachePattern::Lsh { .. });
    let projections = if is_shared { 2 } else { 3 };
    let context = recorder.write(0);
    let rows = context.shape.dim(0);
    let (rounds, window, buckets) = match op.pattern {
        CachePattern::Lsh { rounds, window, buckets } => (rounds, window, buckets),
        CachePattern::Local { window } => (1, window, 0),
        CachePattern::Full => (1, op.max_positions, 0),
    };
    let (batch, layout) = (recorder.update(0).shape.dim(0), op.layout());
    let width = private_width(op.heads)?;
    // An invocation or a workgroup a (cache row, head).
    let caches = batch * op.heads.count;
    let (lsh, in_order, constants, groups) = match recorder.kernels {
        Kernels::Naive | Kernels::Software => {
            let groups = recorder.element_groups(caches);
            (&attention_cached::LSH, &attention_cached::IN_ORDER, vec![("HEAD_WIDTH", width)], groups)
        }
        Kernels::Fast => {
            let groups = recorder.workgroups(caches);
            (&attention_cached_group::LSH, &attention_cached_group::IN_ORDER, Vec::new(), groups)
        }
    };

    let [positions, cache_rows] = [projections, projections + 1].map(|index| recorder.whole(recorder.read(index)));
    let steps = pairs(recorder, "cache steps", cache_rows?, positions?, rows);
    let (query, value) = (recorder.whole(recorder.read(0))?, recorder.whole(recorder.read(projections - 1))?);
    let (keys, values) = (recorder.whole(recorder.update(0))?, recorder.whole(recorder.update(1))?);
    let context_place = recorder.whole(context)?;
    // Tokens of no cache row.
    recorder.fill(context_place, 0, context.shape.elements(), 0);
    let mut buffers = vec![query, value, steps, keys, values, context_place];
    let entry = if is_shared {
        buffers.extend([recorder.whole(recorder.read(projections + 2))?, recorder.whole(recorder.update(2))?]);
        lsh
    } else {
        buffers.push(recorder.whole(recorder.read(1))?);
        in_order
    };
    for first_row in (0..rows).step_by(TOKENS) {
        let parameters = attention_cached::Parameters {
            first_row: first_row as u32,
            count: TOKENS.min(rows - first_row) as u32,
            rows: rows as u32,
            batch: batch as u32,
            heads: op.heads.count as u32,
            head_width: op.heads.width as u32,
            rounds: rounds as u32,
            window: window as u32,
            buckets: buckets as u32,
            capacity: layout.capacity as u32,
            words: layout.words as u32,
            counts: layout.counts as u32,
            references: layout.references as u32,
            free: layout.free as u32,
            free_count: layout.free_count as u32,
            query_scale: query_scale(is_shared, op.heads),
            epsilon: length_epsilon(op.heads),
        };
        recorder.dispatch_with(entry, &constants, parameters, &buffers, groups);
    }
    Ok(())
}
