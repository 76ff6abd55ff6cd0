//! `attention`, forward, and what its relatives share: the launch's choices and the tables that kernels read.

use crate::chunks::{Order, Scale};
use crate::kernels::Kernels;
use crate::layout::Array;
use crate::recorder::{Place, Recorder};
use crate::spans::Chunking;
use reformer_shaders::entries::{attention, attention_rows, interleave};
use reformer_tensor::BackendError;
use reformer_tensor::op::{Attention, HeadRange, KEY_EPSILON, Pattern};

/// Sizes of a query's sums that kernels are built for; as in the shaders.
const HEAD_WIDTHS: [u32; 6] = [8, 16, 32, 64, 128, 256];

pub(super) fn record(op: &Attention, recorder: &mut Recorder<'_>) -> Result<(), BackendError> {
    match recorder.kernels {
        Kernels::Naive => simple(op, recorder),
        Kernels::Fast | Kernels::Software => by_chunks(op, recorder),
    }
}

fn by_chunks(op: &Attention, recorder: &mut Recorder<'_>) -> Result<(), BackendError> {
    let (context, z) = (recorder.write(0), recorder.whole(recorder.write(1))?);
    let rows = context.shape.dim(0);
    let chunking = Chunking::new(op.pattern, op.heads, rows);
    let operands = Operands::new(op.pattern, op.heads, rows, recorder)?;
    // A softmax so far: maximum and sum.
    let running = recorder.scratch("attention running", 2 * op.heads.count * rows);
    let spans = chunking.spans();
    for round in 0..chunking.sizes().0 {
        for &span in &spans {
            let Operands { query, key, value, order, query_scale, key_scale } = operands;
            let queries = chunking.gather(recorder, span, round, "attention queries", query, query_scale, order);
            let keys = chunking.gather(recorder, span, round, "attention keys", key, key_scale, order);
            let values = chunking.gather(recorder, span, round, "attention values", value, Scale::Number(1.0), order);
            let scores = chunking.scores(recorder, span, "attention scores", queries, keys);
            let factors = chunking.weigh(recorder, span, round, scores, running, order);
            let contexts = chunking.sum_over_keys(recorder, span, "attention contexts", scores, values);
            chunking.merge(recorder, span, round, contexts, factors, context, order);
        }
    }
    chunking.finish(recorder, spans[0], running, context, z);
    Ok(())
}

/// Attention's vectors, and the tables that gathering follows.
#[derive(Clone, Copy)]
pub(super) struct Operands {
    pub query: Array,
    pub key: Array,
    pub value: Array,
    pub order: Order,
    pub query_scale: Scale,
    pub key_scale: Scale,
}

impl Operands {
    pub fn new(
        pattern: Pattern,
        heads: HeadRange,
        rows: usize,
        recorder: &mut Recorder<'_>,
    ) -> Result<Self, BackendError> {
        let query_scale = Scale::Number(query_scale(is_shared(pattern), heads));
        if is_shared(pattern) {
            let place = recorder.scratch("key lengths", heads.count * rows);
            key_lengths(recorder, heads, rows, Facts { place, stride: 1, offset: 0 })?;
            let order = recorder.whole(recorder.read(2))?;
            let order = Order { order, lengths: place, sets: intervals(recorder)? };
            let (qk, value) = (recorder.read(0), recorder.read(1));
            Ok(Self { query: qk, key: qk, value, order, query_scale, key_scale: Scale::Unit })
        } else {
            let segments = recorder.whole(recorder.read(3))?;
            let order = Order { order: segments, lengths: segments, sets: segments };
            let [query, key, value] = [0, 1, 2].map(|index| recorder.read(index));
            Ok(Self { query, key, value, order, query_scale, key_scale: Scale::Number(1.0) })
        }
    }
}

fn simple(op: &Attention, recorder: &mut Recorder<'_>) -> Result<(), BackendError> {
    let rows = recorder.write(0).shape.dim(0);
    let (context, z) = (recorder.whole(recorder.write(0))?, recorder.whole(recorder.write(1))?);
    let (rounds, window) = sizes(op.pattern, rows);
    let parameters = attention::Parameters {
        heads: op.heads.count as u32,
        rows: rows as u32,
        head_width: op.heads.width as u32,
        rounds: rounds as u32,
        window: window as u32,
        query_scale: query_scale(is_shared(op.pattern), op.heads),
    };
    let constants = [("HEAD_WIDTH", private_width(op.heads)?)];
    let groups = recorder.element_groups(op.heads.count * rows);
    if is_shared(op.pattern) {
        let (qk, value) = (recorder.whole(recorder.read(0))?, recorder.whole(recorder.read(1))?);
        let order = recorder.whole(recorder.read(2))?;
        let intervals = intervals(recorder)?;
        let lengths = recorder.scratch("key lengths", op.heads.count * rows);
        key_lengths(recorder, op.heads, rows, Facts { place: lengths, stride: 1, offset: 0 })?;
        let buffers = [qk, value, context, z, order, intervals, lengths];
        recorder.dispatch_with(&attention::LSH, &constants, parameters, &buffers, groups);
    } else {
        let [query, key, value, segments] = [0, 1, 2, 3].map(|index| recorder.whole(recorder.read(index)));
        let buffers = [query?, value?, context, z, key?, segments?];
        recorder.dispatch_with(&attention::IN_ORDER, &constants, parameters, &buffers, groups);
    }
    Ok(())
}

/// Whether queries and keys are one vector.
pub(super) fn is_shared(pattern: Pattern) -> bool {
    matches!(pattern, Pattern::Lsh { .. })
}

/// Rounds, and keys per round at most.
pub(super) fn sizes(pattern: Pattern, rows: usize) -> (usize, usize) {
    match pattern {
        Pattern::Lsh { rounds, window } => (rounds, window.min(rows)),
        Pattern::Local { window } => (1, window.min(rows)),
        Pattern::Full => (1, rows),
    }
}

/// What a query is multiplied by.
pub(super) fn query_scale(is_shared: bool, heads: HeadRange) -> f32 {
    if is_shared { 1.0 } else { (1.0 / (heads.width as f64).sqrt()) as f32 }
}

/// What is added to a key's squared length.
pub(super) fn length_epsilon(heads: HeadRange) -> f32 {
    heads.width as f32 * KEY_EPSILON
}

/// The size of a query's sums in an invocation's own memory.
pub(super) fn private_width(heads: HeadRange) -> Result<u32, BackendError> {
    HEAD_WIDTHS.into_iter().find(|&width| width as usize >= heads.width).ok_or_else(|| {
        BackendError::Device(format!(
            "attention: heads are {} wide, the kernels hold at most {}",
            heads.width,
            HEAD_WIDTHS[HEAD_WIDTHS.len() - 1]
        ))
    })
}

/// Two vectors of words as pairs, in scratch.
pub(super) fn pairs(
    recorder: &mut Recorder<'_>,
    name: &'static str,
    first: Place,
    second: Place,
    count: usize,
) -> Place {
    let pairs = recorder.scratch(name, 2 * count);
    let parameters = interleave::Parameters { count: count as u32 };
    recorder.dispatch_elements(&interleave::MAIN, parameters, &[first, second, pairs], count);
    pairs
}

/// (`low`, `slot`) of every token and round, of the operands of LSH attention.
pub(super) fn intervals(recorder: &mut Recorder<'_>) -> Result<Place, BackendError> {
    let (slot, low) = (recorder.read(3), recorder.read(4));
    let (count, slot, low) = (slot.shape.elements(), recorder.whole(slot)?, recorder.whole(low)?);
    Ok(pairs(recorder, "intervals", low, slot, count))
}

/// Where numbers of a (head, row) go in a table.
pub(super) struct Facts {
    pub place: Place,
    pub stride: usize,
    pub offset: usize,
}

impl Facts {
    fn parameters(&self, heads: HeadRange, rows: usize) -> attention_rows::Parameters {
        attention_rows::Parameters {
            heads: heads.count as u32,
            rows: rows as u32,
            head_width: heads.width as u32,
            epsilon: length_epsilon(heads),
            stride: self.stride as u32,
            offset: self.offset as u32,
            first_row: 0,
            segment_rows: rows as u32,
        }
    }
}

/// 1/length of every key of operand 0.
pub(super) fn key_lengths(
    recorder: &mut Recorder<'_>,
    heads: HeadRange,
    rows: usize,
    facts: Facts,
) -> Result<(), BackendError> {
    let qk = recorder.read(0);
    for segment in 0..qk.segments() {
        let own = qk.segment_words(segment) / qk.row_words();
        let mut parameters = facts.parameters(heads, rows);
        (parameters.first_row, parameters.segment_rows) = ((segment * qk.segment_rows) as u32, own as u32);
        let buffers = [facts.place, Place::Value(qk.id, segment)];
        recorder.dispatch_elements(&attention_rows::LENGTHS, parameters, &buffers, heads.count * own);
    }
    Ok(())
}

/// z and delta of every row.
pub(super) fn upstream(
    recorder: &mut Recorder<'_>,
    heads: HeadRange,
    rows: usize,
    facts: Facts,
    [z, delta]: [Place; 2],
) {
    let parameters = facts.parameters(heads, rows);
    recorder.dispatch_elements(&attention_rows::UPSTREAM, parameters, &[facts.place, z, delta], heads.count * rows);
}
