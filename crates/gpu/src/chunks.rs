//! Attention by chunks of sorted tokens: the fast twin of the kernels in `shaders/attention.wgsl` and `attention_gradient.wgsl`.
//! A window of chunks is gathered in the order of slots, so that logits, contexts and gradients are batches of plain products.
//! Chunks and windows are the op's own, never the device's: they change no bit of a result.

use crate::layout::Array;
use crate::recorder::{Batch, Matrix, Place, ProductSize, Recorder};
use crate::spans::{Chunking, Span, rows_of};
use reformer_shaders::entries::{attention_gather, attention_scatter, attention_scores};
use reformer_tensor::BackendError;

/// The operands that gathering follows.
#[derive(Clone, Copy)]
pub(crate) struct Order {
    /// `[heads, rounds, rows]`; any buffer where slots are rows.
    pub order: Place,
    /// `[heads, rows]` of 1/length of LSH's keys; any buffer otherwise.
    pub lengths: Place,
    /// LSH: intervals; otherwise segments.
    pub sets: Place,
}

/// What a vector is multiplied by when it is gathered.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Scale {
    Number(f32),
    /// 1/length of the token's key.
    Unit,
}

impl Chunking {
    /// The rows of the span of `source`, in scratch.
    pub fn gather(
        &self,
        recorder: &mut Recorder<'_>,
        span: Span,
        round: usize,
        name: &'static str,
        source: Array,
        scale: Scale,
        order: Order,
    ) -> Matrix {
        let width = self.heads.width;
        let elements = self.all_rows(span) * width;
        let place = recorder.scratch(name, elements);
        for segment in 0..source.segments() {
            if !self.touches(span, span.before, source, segment) {
                continue;
            }
            let parameters = attention_gather::Parameters {
                heads: self.heads.count as u32,
                rows: self.rows as u32,
                head_width: width as u32,
                rounds: self.sizes().0 as u32,
                round: round as u32,
                first_slot: self.first_key(span),
                own_rows: self.own_rows(span) as u32,
                first_head: span.first_head as u32,
                all_rows: self.all_rows(span) as u32,
                segment_first: (segment * source.segment_rows) as u32,
                segment_rows: (source.segment_words(segment) / source.row_words()) as u32,
                fill: u32::from(self.fills(span, source, segment)),
                scale: if let Scale::Number(scale) = scale { scale } else { 1.0 },
            };
            let from = Place::Value(source.id, segment);
            let buffers = [from, place, order.order, order.lengths];
            match (self.is_in_order(), scale) {
                (true, _) => {
                    recorder.dispatch_elements(&attention_gather::IN_ORDER, parameters, &buffers[..2], elements);
                }
                (false, Scale::Number(_)) => {
                    recorder.dispatch_elements(&attention_gather::SORTED, parameters, &buffers[..3], elements);
                }
                (false, Scale::Unit) => {
                    recorder.dispatch_elements(&attention_gather::UNIT, parameters, &buffers, elements);
                }
            }
        }
        Matrix::new(place, 0, width)
    }

    /// A table of `keys` times `queries` for every chunk of queries, in scratch: `[keys, queries]` each.
    pub fn scores(
        &self,
        recorder: &mut Recorder<'_>,
        span: Span,
        name: &'static str,
        queries: Matrix,
        keys: Matrix,
    ) -> Matrix {
        let place = recorder.scratch(name, self.tables(span) * self.table_words(span));
        let table = Matrix::new(place, 0, self.chunk);
        let size = ProductSize { rows: self.keys(span), columns: self.chunk, terms: self.heads.width };
        let words = self.chunk_words();
        let batch = Batch { count: self.tables(span), a: words, b: words, c: self.table_words(span) };
        let queries = queries.from(span.before * self.chunk, 0).transposed();
        recorder.products(size, batch, size.terms, keys, queries, table, false);
        table
    }

    fn score_parameters(&self, span: Span, round: usize) -> attention_scores::Parameters {
        attention_scores::Parameters {
            first_head: span.first_head as u32,
            rows: self.rows as u32,
            rounds: self.sizes().0 as u32,
            round: round as u32,
            window: self.sizes().1 as u32,
            first_slot: span.first as u32,
            chunk: self.chunk as u32,
            before: span.before as u32,
            own_chunks: span.chunks as u32,
            stride: self.stride(span) as u32,
            chunks: self.tables(span) as u32,
            key_first: 0,
            key_end: self.keys(span) as u32,
        }
    }

    /// The same for parts of the keys that a launch can walk.
    fn score_parts(&self, span: Span, most: usize) -> impl Iterator<Item = attention_scores::Parameters> {
        let (all, keys) = (self.score_parameters(span, 0), self.keys(span));
        (0..keys).step_by(most).map(move |first| attention_scores::Parameters {
            key_first: first as u32,
            key_end: keys.min(first + most) as u32,
            ..all
        })
    }

    /// Logits to weights, merged onto `running`; returns the factors of what was summed before.
    pub fn weigh(
        &self,
        recorder: &mut Recorder<'_>,
        span: Span,
        round: usize,
        scores: Matrix,
        running: Place,
        order: Order,
    ) -> Place {
        let queries = self.tables(span) * self.chunk;
        let factors = recorder.scratch("attention factors", queries);
        let buffers = [scores.place, running, factors, order.sets, order.order];
        let parameters = self.score_parameters(span, round);
        let most = recorder.iterations() as usize;
        if !self.is_in_order() {
            recorder.dispatch_elements(&attention_scores::LSH, parameters, &buffers, queries);
        } else if 2 * self.keys(span) <= most {
            recorder.dispatch_elements(&attention_scores::IN_ORDER, parameters, &buffers[..4], queries);
        } else {
            for entry in [&attention_scores::IN_ORDER_LARGEST, &attention_scores::IN_ORDER_WEIGHTS] {
                for part in self.score_parts(span, most) {
                    recorder.dispatch_elements(entry, part, &buffers[..4], queries);
                }
            }
        }
        factors
    }

    /// Logits to weights, and do·v to gradients of logits. `upstream` is `[heads, rows]` of z and delta.
    pub fn weigh_gradients(
        &self,
        recorder: &mut Recorder<'_>,
        span: Span,
        round: usize,
        scores: [Matrix; 2],
        upstream: Place,
        order: Order,
    ) {
        let queries = self.tables(span) * self.chunk;
        let buffers = [scores[0].place, upstream, scores[1].place, order.sets, order.order];
        if !self.is_in_order() {
            let parameters = self.score_parameters(span, round);
            recorder.dispatch_elements(&attention_scores::LSH_GRADIENT, parameters, &buffers, queries);
            return;
        }
        for part in self.score_parts(span, recorder.iterations() as usize) {
            recorder.dispatch_elements(&attention_scores::IN_ORDER_GRADIENT, part, &buffers[..4], queries);
        }
    }

    /// Σ over keys of a table times rows of keys, for every query, in scratch.
    pub fn sum_over_keys(
        &self,
        recorder: &mut Recorder<'_>,
        span: Span,
        name: &'static str,
        table: Matrix,
        keys: Matrix,
    ) -> Matrix {
        let words = self.chunk_words();
        let place = recorder.scratch(name, self.tables(span) * words);
        let sums = Matrix::new(place, 0, self.heads.width);
        let size = ProductSize { rows: self.chunk, columns: self.heads.width, terms: self.keys(span) };
        let batch = Batch { count: self.tables(span), a: self.table_words(span), b: words, c: words };
        // One block: zeros before and after a query's own keys then change no bit of its sum.
        recorder.products(size, batch, size.terms, table.transposed(), keys, sums, false);
        sums
    }

    /// Σ over queries of a table times rows of queries, for every key, in scratch; earlier queries first.
    pub fn sum_over_queries(
        &self,
        recorder: &mut Recorder<'_>,
        span: Span,
        name: &'static str,
        table: Matrix,
        queries: Matrix,
    ) -> Matrix {
        let words = self.chunk_words();
        let all = self.all_rows(span) * self.heads.width;
        let place = recorder.scratch(name, all);
        recorder.fill(place, 0, all, 0);
        let sums = Matrix::new(place, 0, self.heads.width);
        let queries = queries.from(span.before * self.chunk, 0);
        if self.tables(span) == 1 {
            let size = ProductSize { rows: self.keys(span), columns: self.heads.width, terms: self.chunk };
            recorder.product(size, table, queries, sums, true);
            return sums;
        }
        let size = ProductSize { rows: self.chunk, columns: self.heads.width, terms: self.chunk };
        let batch = Batch { count: self.tables(span), a: self.table_words(span), b: words, c: words };
        for later in (0..=span.before).rev() {
            let (block, target) = (table.from(later * self.chunk, 0), sums.from(later * self.chunk, 0));
            recorder.products(size, batch, size.terms, block, queries, target, true);
        }
        sums
    }

    /// What scattering needs of rows of queries (`is_keys` false) or of all gathered rows.
    fn scatter_parameters(
        &self,
        span: Span,
        round: usize,
        is_keys: bool,
        segment: (usize, usize),
        scale: f32,
    ) -> attention_scatter::Parameters {
        let (first_slot, own_rows, tile_rows) = if is_keys {
            (self.first_key(span), self.own_rows(span), self.all_rows(span))
        } else {
            (span.first as i32, span.chunks * self.chunk, self.tables(span) * self.chunk)
        };
        attention_scatter::Parameters {
            heads: self.heads.count as u32,
            rows: self.rows as u32,
            head_width: self.heads.width as u32,
            rounds: self.sizes().0 as u32,
            round: round as u32,
            first_slot,
            stride: self.own_rows(span) as u32,
            own_rows: own_rows as u32,
            tile_rows: tile_rows as u32,
            first_head: span.first_head as u32,
            segment_first: segment.0 as u32,
            segment_rows: segment.1 as u32,
            is_in_order: u32::from(self.is_in_order()),
            scale,
        }
    }

    /// A round's contexts onto those so far.
    pub fn merge(
        &self,
        recorder: &mut Recorder<'_>,
        span: Span,
        round: usize,
        contexts: Matrix,
        factors: Place,
        target: Array,
        order: Order,
    ) {
        let elements = self.tables(span) * self.chunk_words();
        for segment in (0..target.segments()).filter(|&segment| self.touches(span, 0, target, segment)) {
            let parameters = self.scatter_parameters(span, round, false, rows_of(target, segment), 1.0);
            let buffers = [contexts.place, Place::Value(target.id, segment), order.order, factors];
            recorder.dispatch_elements(&attention_scatter::MERGE, parameters, &buffers, elements);
        }
    }

    /// Divides contexts by the sums of weights; writes z.
    pub fn finish(&self, recorder: &mut Recorder<'_>, span: Span, running: Place, target: Array, z: Place) {
        for segment in 0..target.segments() {
            let rows = rows_of(target, segment);
            let parameters = self.scatter_parameters(span, 0, false, rows, 1.0);
            let buffers = [running, Place::Value(target.id, segment), z];
            let elements = rows.1 * self.heads.columns();
            recorder.dispatch_elements(&attention_scatter::FINISH, parameters, &buffers, elements);
        }
    }

    /// Gradients of rows of queries, or of all gathered rows, onto those so far.
    pub fn add(
        &self,
        recorder: &mut Recorder<'_>,
        span: Span,
        round: usize,
        is_keys: bool,
        tile: Matrix,
        scale: f32,
        target: Array,
        order: Order,
    ) {
        let rows = if is_keys { self.all_rows(span) } else { self.tables(span) * self.chunk };
        let before = if is_keys { span.before } else { 0 };
        for segment in (0..target.segments()).filter(|&segment| self.touches(span, before, target, segment)) {
            let parameters = self.scatter_parameters(span, round, is_keys, rows_of(target, segment), scale);
            let buffers = [tile.place, Place::Value(target.id, segment), order.order];
            recorder.dispatch_elements(&attention_scatter::ADD, parameters, &buffers, rows * self.heads.width);
        }
    }

    /// Gradients of unit keys through their lengths, in place.
    pub fn key_gradient(
        &self,
        recorder: &mut Recorder<'_>,
        span: Span,
        round: usize,
        tile: Matrix,
        unit_keys: Matrix,
        order: Order,
    ) {
        let parameters = self.scatter_parameters(span, round, true, (0, self.rows), 1.0);
        let buffers = [tile.place, unit_keys.place, order.order, order.lengths];
        recorder.dispatch_elements(&attention_scatter::KEY_GRADIENT, parameters, &buffers, self.all_rows(span));
    }
}

/// Fills a result with zeros, for gradients that are added onto it.
pub(crate) fn clear(recorder: &mut Recorder<'_>, array: Array) -> Result<(), BackendError> {
    for segment in 0..array.segments() {
        recorder.fill(Place::Value(array.id, segment), 0, array.segment_words(segment), 0);
    }
    Ok(())
}
