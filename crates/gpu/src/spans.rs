//! Chunks of queries and keys, and the spans of them that are worked on together: sizes alone. What is launched for them is in
//! `chunks.rs`. Both are the op's own, never the device's: they change no bit of a result.

use crate::layout::Array;
use reformer_tensor::{HeadRange, Pattern};

/// Chunks are multiples of this.
const CHUNK_STEP: usize = 16;
/// The longest chunk of queries that see a window; longer windows take several chunks of keys.
const LONGEST_CHUNK: usize = 128;
/// Chunks of full attention: what lies beyond the diagonal in them is wasted, and what is launched for each is not little.
const FULL_CHUNK: usize = 256;
/// Queries that are gathered at a time, of all heads together: enough work for a launch, little scratch.
const SPAN_QUERIES: usize = 1 << 16;
/// Words of a span's table of scores, at most: half of what every adapter binds.
const SPAN_SCORES: usize = 1 << 24;

/// What does not change in a launch.
#[derive(Clone, Copy)]
pub(crate) struct Chunking {
    pub pattern: Pattern,
    pub heads: HeadRange,
    pub rows: usize,
    /// Queries of a chunk.
    pub chunk: usize,
}

/// Chunks of queries that are worked on together.
#[derive(Clone, Copy)]
pub(crate) struct Span {
    /// The first slot of queries.
    pub first: usize,
    /// Chunks of queries.
    pub chunks: usize,
    /// Chunks of keys before each.
    pub before: usize,
    /// The first head, and how many.
    pub first_head: usize,
    pub heads: usize,
}

impl Chunking {
    pub fn new(pattern: Pattern, heads: HeadRange, rows: usize) -> Self {
        let chunk = match pattern {
            Pattern::Lsh { window, .. } | Pattern::Local { window } => {
                window.min(rows).next_multiple_of(CHUNK_STEP).min(LONGEST_CHUNK)
            }
            Pattern::Full => FULL_CHUNK,
        };
        Self { pattern, heads, rows, chunk }
    }

    /// Rounds, and keys per round at most.
    pub fn sizes(&self) -> (usize, usize) {
        match self.pattern {
            Pattern::Lsh { rounds, window } => (rounds, window.min(self.rows)),
            Pattern::Local { window } => (1, window.min(self.rows)),
            Pattern::Full => (1, self.rows),
        }
    }

    pub fn is_in_order(&self) -> bool {
        !matches!(self.pattern, Pattern::Lsh { .. })
    }

    /// Spans in ascending order of slots.
    pub fn spans(&self) -> Vec<Span> {
        let chunks = self.rows.div_ceil(self.chunk);
        let (most, before) = match self.pattern {
            Pattern::Lsh { .. } | Pattern::Local { .. } => {
                let before = (self.sizes().1 - 1).div_ceil(self.chunk);
                let queries = SPAN_QUERIES.min(SPAN_SCORES / ((before + 1) * self.chunk));
                ((queries / self.chunk).max(1), before)
            }
            // A chunk sees every chunk before it: spans of one chunk have no more keys than that.
            Pattern::Full => (1, 0),
        };
        let span = |first: usize, first_head: usize, heads: usize| Span {
            first: first * self.chunk,
            chunks: most.min(chunks - first),
            before: if self.pattern == Pattern::Full { first } else { before },
            first_head,
            heads,
        };
        let starts = (0..chunks).step_by(most);
        if self.pattern == Pattern::Full {
            // Between two heads lie as many chunks as there are keys before: heads one by one.
            return starts.flat_map(|first| (0..self.heads.count).map(move |head| span(first, head, 1))).collect();
        }
        // As many heads as fill a span; where a head takes several spans, each is the head's alone, whatever the group of heads.
        let together = (most / chunks).clamp(1, self.heads.count);
        let heads = (0..self.heads.count).step_by(together);
        let heads = heads.map(|first_head| (first_head, together.min(self.heads.count - first_head)));
        starts.flat_map(|first| heads.clone().map(move |(first_head, count)| span(first, first_head, count))).collect()
    }

    /// Chunks from one head to the next.
    pub fn stride(&self, span: Span) -> usize {
        span.before + span.chunks
    }

    /// Gathered rows of a head.
    pub fn own_rows(&self, span: Span) -> usize {
        self.stride(span) * self.chunk
    }

    /// Gathered rows.
    pub fn all_rows(&self, span: Span) -> usize {
        span.heads * self.own_rows(span)
    }

    /// Chunks of queries, those between heads included: the last head has no chunks after its own.
    pub fn tables(&self, span: Span) -> usize {
        span.heads * self.stride(span) - span.before
    }

    /// Keys of a chunk of queries.
    pub fn keys(&self, span: Span) -> usize {
        (span.before + 1) * self.chunk
    }

    /// Words of a vector of chunks of queries.
    pub fn chunk_words(&self) -> usize {
        self.chunk * self.heads.width
    }

    pub fn table_words(&self, span: Span) -> usize {
        self.keys(span) * self.chunk
    }

    /// Whether the span, with so many chunks before it, has slots of the segment: all segments are mixed by a sort.
    pub fn touches(&self, span: Span, before: usize, array: Array, segment: usize) -> bool {
        let (first, count) = rows_of(array, segment);
        let start = span.first.saturating_sub(before * self.chunk);
        let end = span.first + span.chunks * self.chunk;
        !self.is_in_order() || (start < first + count && end > first)
    }

    /// Whether this segment's launch writes the zeros, too: the first that is launched.
    pub fn fills(&self, span: Span, array: Array, segment: usize) -> bool {
        (0..segment).all(|earlier| !self.touches(span, span.before, array, earlier))
    }

    pub fn first_key(&self, span: Span) -> i32 {
        span.first as i32 - (span.before * self.chunk) as i32
    }
}

/// The first row of a segment, and how many.
pub(crate) fn rows_of(array: Array, segment: usize) -> (usize, usize) {
    (segment * array.segment_rows, array.segment_words(segment) / array.row_words())
}
