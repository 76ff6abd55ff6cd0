//! The operations: one enum of typed fields, and what holds for all of them. Each op's meaning, shape rule and FLOP count
//! are in the file of its name.
//!
//! Common terms: `rows` is the number of tokens of a run, all batch rows one after another (attention never crosses a
//! segment, so a batch is one long row); `width` the model's; a *head range* names the heads that an op works on;
//! activations of heads are `[rows, heads_in_range · head_width]`, weights always those of all heads.
//!
//! **The order of summation belongs to the op** and is written here, so that neither threads, memory limits nor head
//! groups can change a bit of a backend's result:
//! - a product over k is cut in blocks of [`PRODUCT_BLOCK`], added in ascending order;
//! - a weight gradient (a sum over rows) is cut in blocks of [`ROW_BLOCK`] rows, added in ascending order onto what was there;
//! - a sum over heads runs in ascending head order, one head after another;
//! - a row's forward result depends on nothing but that row (and, in attention, its keys in ascending slot order, rounds in
//!   ascending order).

mod adamw;
mod attention;
mod attention_cached;
mod cast;
mod embed;
mod feed_forward;
mod gradient_norm;
mod head_loss;
mod intervals;
mod layer_norm_gradient;
mod logits;
mod lsh_hash;
mod merge_heads;
mod project_heads;
mod sort_by_bucket;
mod zeros;

pub use adamw::AdamW;
pub use attention::{Attention, AttentionGradient, AttentionKeys};
pub use attention_cached::{AttentionCached, CacheLayout};
pub use cast::Cast;
pub use embed::{Embed, EmbedGradient, EmbedParameters};
pub use feed_forward::{FeedForward, FeedForwardGradient, FeedForwardParameters};
pub use head_loss::{HeadLoss, HeadLossGradient, HeadParameters};
pub use intervals::Intervals;
pub use layer_norm_gradient::LayerNormGradient;
pub use logits::Logits;
pub use lsh_hash::LshHash;
pub use merge_heads::{MergeHeads, MergeHeadsGradient};
pub use project_heads::{NormParameters, ProjectHeads, ProjectHeadsGradient};
pub use sort_by_bucket::SortByBucket;

use crate::{Instruction, Program};

/// Products are cut in blocks of this many terms. `gemm` cuts longer ones by cache sizes, which differ between machines.
pub const PRODUCT_BLOCK: usize = 512;
/// Weight gradients are summed over blocks of this many rows.
pub const ROW_BLOCK: usize = 512;
/// Layer norm adds this to the variance (trax; a row of equal numbers then has norm zero, not NaN).
pub const NORM_EPSILON: f32 = 1e-6;
/// A key's squared norm gets this much per dimension (trax, transformers): k = qk / √(Σqk² + D·10⁻⁶).
pub const KEY_EPSILON: f32 = 1e-6;
/// The logit that replaces a token's own in LSH attention (trax, transformers): it counts only where nothing else is seen.
pub const SELF_LOGIT: f32 = -1e5;
/// `cache_rows` of a token that is padding: no cache is touched.
pub const NO_ROW: u32 = u32::MAX;

/// Which of a layer's heads an op works on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HeadRange {
    /// The first head.
    pub first: usize,
    /// How many.
    pub count: usize,
    /// Numbers per head.
    pub width: usize,
}

impl HeadRange {
    /// Columns of the range's activations.
    pub fn columns(&self) -> usize {
        self.count * self.width
    }

    /// The first column of the range in a weight of all heads.
    pub fn offset(&self) -> usize {
        self.first * self.width
    }
}

/// Whether shares are added to a stream or taken off again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// The forward pass: add.
    Forward,
    /// The reverse pass: subtract.
    Reverse,
}

/// Dropout by counter. Element (row, column) of the branch is kept iff
/// `key.fold_in(site).bits([row, column / 2])[column % 2] >= rate · 2³²`, and a kept one is scaled by 1/(1 − rate).
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Dropout {
    /// The share that is dropped, in [0, 1). Zero draws no random number.
    pub rate: f32,
    /// Distinguishes this place from every other in the model.
    pub site: u32,
}

impl Dropout {
    /// The smallest random word that keeps an element.
    pub fn threshold(&self) -> u32 {
        (f64::from(self.rate) * 4_294_967_296.0) as u32
    }

    /// The factor of kept elements.
    pub fn scale(&self) -> f32 {
        1.0 / (1.0 - self.rate)
    }
}

/// The activation of the feed-forward layer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Activation {
    /// x·σ(2√(2/π)(x + 0.044715x³)): the tanh form of GELU (Hendrycks and Gimpel 2016), trax's FastGelu.
    Gelu,
    /// max(x, 0).
    Relu,
}

/// How positions become vectors.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PositionKind {
    /// One table `[positions, width]`.
    Learned,
    /// Position p is (p / inner, p % inner) in an outer·inner grid; the two tables' rows are concatenated.
    Axial {
        /// Rows of the first table.
        outer: usize,
        /// Rows of the second table.
        inner: usize,
        /// Width of the first table; the second has the rest.
        outer_width: usize,
    },
}

/// Which keys a query sees. Causal; see `docs/attention.md`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pattern {
    /// The union over `rounds` of the last `window` tokens of the query's bucket and segment. Queries and keys are shared.
    Lsh {
        /// Hash rounds.
        rounds: usize,
        /// Tokens per round, the query's own included.
        window: usize,
    },
    /// The last `window` tokens of the segment.
    Local {
        /// Tokens, the query's own included.
        window: usize,
    },
    /// All earlier tokens of the segment, and the query's own.
    Full,
}

/// What a decoding cache keeps for a pattern.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CachePattern {
    /// The last `window` tokens of every (round, bucket).
    Lsh {
        /// Hash rounds.
        rounds: usize,
        /// Tokens per list.
        window: usize,
        /// Buckets per round.
        buckets: usize,
    },
    /// The last `window` tokens.
    Local {
        /// Tokens.
        window: usize,
    },
    /// Every token.
    Full,
}

macro_rules! operations {
    ($($(#[$doc:meta])* $variant:ident($fields:ty) = $name:literal),* $(,)?) => {
        /// An operation: data with typed fields. See the type in each variant for its meaning.
        #[derive(Clone, PartialEq, Debug)]
        pub enum Op { $($(#[$doc])* $variant($fields)),* }

        impl Op {
            /// The operation's one name.
            pub fn name(&self) -> &'static str {
                match self { $(Op::$variant(_) => $name),* }
            }

            /// The names of all operations, in the order of the enum.
            pub const NAMES: &'static [&'static str] = &[$($name),*];
        }

        $(impl From<$fields> for Op {
            fn from(fields: $fields) -> Op { Op::$variant(fields) }
        })*
    };
}

operations! {
    /// A tensor of zeros.
    Zeros(zeros::Zeros) = "zeros",
    /// A weight in halves.
    Cast(Cast) = "cast",
    /// Tokens and positions to the first stream.
    Embed(Embed) = "embed",
    /// Gradients of the embedding tables.
    EmbedGradient(EmbedGradient) = "embed_gradient",
    /// Layer norm of a stream, then a product per weight.
    ProjectHeads(ProjectHeads) = "project_heads",
    /// Gradients of the projections.
    ProjectHeadsGradient(ProjectHeadsGradient) = "project_heads_gradient",
    /// Gradient of a layer norm into its stream.
    LayerNormGradient(LayerNormGradient) = "layer_norm_gradient",
    /// Locality-sensitive hashing.
    LshHash(LshHash) = "lsh_hash",
    /// Stable sort of tokens by segment and bucket.
    SortByBucket(SortByBucket) = "sort_by_bucket",
    /// First slot that each token sees.
    Intervals(Intervals) = "intervals",
    /// Softmax attention over sets.
    Attention(Attention) = "attention",
    /// Its gradients.
    AttentionGradient(AttentionGradient) = "attention_gradient",
    /// Attention of new tokens over a decoding cache, which it fills.
    AttentionCached(AttentionCached) = "attention_cached",
    /// Heads' shares onto a stream.
    MergeHeads(MergeHeads) = "merge_heads",
    /// Gradients of the shares.
    MergeHeadsGradient(MergeHeadsGradient) = "merge_heads_gradient",
    /// Feed-forward share onto a stream.
    FeedForward(FeedForward) = "feed_forward",
    /// Its gradients.
    FeedForwardGradient(FeedForwardGradient) = "feed_forward_gradient",
    /// Final norm, projection, cross entropy per row.
    HeadLoss(HeadLoss) = "head_loss",
    /// Its gradients.
    HeadLossGradient(HeadLossGradient) = "head_loss_gradient",
    /// Logits of chosen rows.
    Logits(Logits) = "logits",
    /// The norm over many gradients.
    GradientNorm(gradient_norm::GradientNorm) = "gradient_norm",
    /// A step of AdamW.
    AdamW(AdamW) = "adamw",
}

pub use gradient_norm::GradientNorm;
pub use zeros::Zeros;

impl Op {
    /// Floating-point operations of an instruction, two a multiply-add. Sorting and integer work count nothing.
    pub fn flops(&self, program: &Program, instruction: &Instruction) -> u64 {
        let dims = |list: &[crate::ValueId], index: usize| list.get(index).map(|&id| program.info(id).shape);
        let read = |index: usize| dims(&instruction.reads, index).unwrap_or(crate::Shape::new(&[0]));
        match self {
            Op::Zeros(_) | Op::Cast(_) | Op::SortByBucket(_) | Op::Intervals(_) => 0,
            Op::Embed(_) | Op::EmbedGradient(_) => instruction
                .writes
                .first()
                .map_or(read(2).elements() as u64, |&id| 2 * program.info(id).shape.elements() as u64),
            Op::ProjectHeads(op) => op.flops(read(0), instruction.writes.len()),
            Op::ProjectHeadsGradient(op) => op.flops(read(0)),
            Op::LayerNormGradient(_) => 12 * read(0).elements() as u64,
            Op::LshHash(op) => op.flops(read(0).dim(0)),
            Op::Attention(op) => op.flops(read(0).dim(0)),
            Op::AttentionGradient(op) => op.flops(read(0).dim(0)),
            Op::AttentionCached(op) => op.flops(read(0).dim(0)),
            Op::MergeHeads(op) => op.flops(read(0).dim(0), read(1).dim(1)),
            Op::MergeHeadsGradient(op) => op.flops(read(0)),
            Op::FeedForward(_) => 4 * read(0).elements() as u64 * read(3).dim(1) as u64,
            Op::FeedForwardGradient(op) => {
                let products = if op.rebuild { 12 } else { 10 };
                products * read(0).elements() as u64 * read(4).dim(1) as u64
            }
            Op::HeadLoss(_) => 4 * read(0).elements() as u64 * read(4).dim(1) as u64,
            Op::HeadLossGradient(_) => 12 * read(0).elements() as u64 * read(4).dim(1) as u64,
            Op::Logits(_) => 4 * (read(2).dim(0) * read(0).dim(1) * read(5).dim(1)) as u64,
            Op::GradientNorm(_) => {
                instruction.reads.iter().map(|&id| 2 * program.info(id).shape.elements() as u64).sum()
            }
            Op::AdamW(_) => {
                16 * instruction.updates.first().map_or(0, |&(id, _)| program.info(id).shape.elements() as u64)
            }
        }
    }
}

/// The number of keys that `rows` queries see at most, summed: what attention's cost is counted by.
pub(crate) fn pairs(pattern: Pattern, rows: usize) -> u64 {
    match pattern {
        Pattern::Lsh { rounds, window } => rows as u64 * rounds as u64 * window.min(rows) as u64,
        Pattern::Local { window } => rows as u64 * window.min(rows) as u64,
        Pattern::Full => rows as u64 * (rows as u64 + 1) / 2,
    }
}
