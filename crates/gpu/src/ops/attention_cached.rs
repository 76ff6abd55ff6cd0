//! `attention_cached`: tokens in order, a part of them a launch, so that no launch is long.

use super::attention::{length_epsilon, pairs, private_width, query_scale};
use crate::kernels::Kernels;
use crate::loops::Loops;
use crate::recorder::Recorder;
use reformer_shaders::Entry;
use reformer_shaders::entries::attention_cached::Parameters;
use reformer_shaders::entries::{attention_cached, attention_cached_group};
use reformer_tensor::BackendError;
use reformer_tensor::op::{AttentionCached, CachePattern, HeadRange};

/// Tokens of a launch at most. They are walked one after another, and systems end launches that last for seconds.
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
    let [positions, cache_rows] = [projections, projections + 1].map(|index| recorder.whole(recorder.read(index)));
    let steps = pairs(recorder, "cache steps", cache_rows?, positions?, rows);
    let (query, value) = (recorder.whole(recorder.read(0))?, recorder.whole(recorder.read(projections - 1))?);
    let (keys, values) = (recorder.whole(recorder.update(0))?, recorder.whole(recorder.update(1))?);
    let context_place = recorder.whole(context)?;
    // Tokens of no cache row.
    recorder.fill(context_place, 0, context.shape.elements(), 0);
    let mut buffers = vec![query, value, steps, keys, values, context_place];
    if is_shared {
        buffers.extend([recorder.whole(recorder.read(projections + 2))?, recorder.whole(recorder.update(2))?]);
    } else {
        buffers.push(recorder.whole(recorder.read(1))?);
    }
    let parameters = Parameters {
        first_row: 0,
        count: 1,
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
    let kernel = Kernel::of(recorder, parameters, is_shared, op.heads)?;
    for first_row in (0..rows).step_by(kernel.tokens) {
        let count = kernel.tokens.min(rows - first_row);
        let parameters = Parameters { first_row: first_row as u32, count: count as u32, ..parameters };
        recorder.dispatch_with(kernel.entry, &kernel.constants, parameters, &buffers, kernel.groups);
    }
    Ok(())
}

/// What walks the tokens.
struct Kernel {
    entry: &'static Entry,
    constants: Vec<(&'static str, u32)>,
    groups: [u32; 3],
    /// Of a launch at most.
    tokens: usize,
}

impl Kernel {
    fn of(recorder: &Recorder<'_>, token: Parameters, is_shared: bool, heads: HeadRange) -> Result<Self, BackendError> {
        let caches = (token.batch * token.heads) as usize;
        // An invocation a (cache row, head), or a workgroup.
        let (simple, group) = if is_shared {
            (&attention_cached::LSH, &attention_cached_group::LSH)
        } else {
            (&attention_cached::IN_ORDER, &attention_cached_group::IN_ORDER)
        };
        // With long lists even one token is a long walk for an invocation alone.
        let is_short = token.iterations(simple, &[]) <= recorder.iterations();
        let is_simple = match recorder.kernels {
            Kernels::Naive => true,
            Kernels::Software => is_short,
            Kernels::Fast => false,
        };
        // A workgroup holds as many channels as an invocation does.
        let width = private_width(heads)?;
        let (entry, constants, groups) = if is_simple {
            (simple, vec![("HEAD_WIDTH", width)], recorder.element_groups(caches))
        } else {
            (group, Vec::new(), recorder.workgroups(caches))
        };
        let tokens = (recorder.iterations() / token.iterations(entry, &constants).max(1)) as usize;
        Ok(Self { entry, constants, groups, tokens: tokens.clamp(1, TOKENS) })
    }
}
