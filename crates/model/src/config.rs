//! What a Reformer is: sizes, layers, buckets, positions. Unknown fields and impossible values are refused by name.

use reformer_tensor::{Activation, CachePattern, DType, Pattern, PositionKind};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The attention of a layer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LayerKind {
    /// The last `window` tokens.
    Local,
    /// Hashed, with shared queries and keys.
    Lsh,
    /// Everything before.
    Full,
}

impl std::str::FromStr for LayerKind {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        match text.trim() {
            "local" => Ok(LayerKind::Local),
            "lsh" => Ok(LayerKind::Lsh),
            "full" => Ok(LayerKind::Full),
            other => Err(ConfigError::new("pattern", other, "name local, lsh or full, separated by commas")),
        }
    }
}

/// How positions become vectors; they restart in each segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PositionEncoding {
    /// Two small tables over a grid (the paper's axial positions); the grid follows from `max_positions`.
    Axial,
    /// One table.
    Learned,
}

/// The activation of the feed-forward layers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ActivationName {
    /// The tanh form of GELU.
    Gelu,
    /// max(x, 0).
    Relu,
}

/// As what weights of products are stored. Arithmetic, sums, streams, gradients and the optimiser's parameters are f32 in any case.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// Single precision.
    #[default]
    F32,
    /// Singles without their lower half.
    Bf16,
    /// IEEE half precision.
    F16,
}

impl Precision {
    /// The type of stored weights.
    pub fn dtype(self) -> DType {
        match self {
            Precision::F32 => DType::F32,
            Precision::Bf16 => DType::Bf16,
            Precision::F16 => DType::F16,
        }
    }
}

/// A Reformer's config. All of it is part of a checkpoint: nothing is derived from the length at hand.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelConfig {
    /// Tokens in the vocabulary, special ones included.
    pub vocabulary: usize,
    /// Width of each residual stream.
    pub width: usize,
    /// Attention heads of a layer.
    pub heads: usize,
    /// Numbers per head.
    pub head_width: usize,
    /// Hidden width of the feed-forward layers.
    pub feed_forward: usize,
    /// Layers, each an attention half and a feed-forward half.
    pub layers: usize,
    /// Kinds of attention, cycled over the layers.
    pub pattern: Vec<LayerKind>,
    /// Tokens that a query sees in a local layer, and per round in an LSH layer.
    pub window: usize,
    /// Hash rounds.
    pub rounds: usize,
    /// Even factors of the number of buckets; empty: one bucket.
    pub buckets: Vec<usize>,
    /// The longest segment.
    pub max_positions: usize,
    /// How positions become vectors.
    pub positions: PositionEncoding,
    /// Dropout on the embedding and on branch outputs, in training.
    pub dropout: f32,
    /// The activation of the feed-forward layers.
    pub activation: ActivationName,
    /// The residual streams' unit is 2^-this.
    pub stream_fraction_bits: u8,
    /// As what weights of products are stored.
    #[serde(default)]
    pub precision: Precision,
}

/// A field with an impossible value.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("model config: `{field}` is {value}: {advice}")]
pub struct ConfigError {
    /// The field.
    pub field: &'static str,
    /// Its value.
    pub value: String,
    /// What it must be.
    pub advice: String,
}

impl ConfigError {
    fn new(field: &'static str, value: impl std::fmt::Debug, advice: &str) -> Self {
        let mut value = format!("{value:?}");
        if value.len() > LONGEST_VALUE {
            // A list of any length; all that is written here is ASCII, but who knows for how long.
            value.truncate(value.floor_char_boundary(LONGEST_VALUE));
            value.push('…');
        }
        Self { field, value, advice: advice.to_owned() }
    }
}

/// Bytes of a value that a message quotes.
const LONGEST_VALUE: usize = 200;
/// The largest size of anything: far above use, far below where a product of two overflows.
const LARGEST: usize = 1 << 24;
/// Parameter names number layers with three digits.
const MOST_LAYERS: usize = 999;
/// Far above use; with it, no count of bytes of a model that passes overflows, in training nor in decoding.
const MOST_HEADS: usize = 1 << 16;
/// Papers use up to 16.
const MOST_ROUNDS: usize = 256;
/// A factor's hash is a matrix with half as many columns, and large numbers are factored to keep that small.
const LARGEST_FACTOR: usize = 1 << 16;
/// A trillion: 4 TiB of parameters, 16 TiB in training.
const MOST_PARAMETERS: u64 = 1 << 40;
/// What the lists of an LSH layer's decoding cache may hold, over all heads: 16 GiB a conversation.
const MOST_LISTED: u128 = 1 << 32;
/// The share of the width that the outer axial table has: a quarter, as in the published configs (64 of 256).
const OUTER_SHARE: usize = 4;

impl ModelConfig {
    /// A minute at most: for tests and first looks.
    pub fn tiny() -> Self {
        Self {
            vocabulary: 512,
            width: 64,
            heads: 2,
            head_width: 32,
            feed_forward: 256,
            layers: 2,
            pattern: vec![LayerKind::Local, LayerKind::Lsh],
            window: 64,
            rounds: 2,
            buckets: vec![8],
            max_positions: 512,
            positions: PositionEncoding::Axial,
            dropout: 0.0,
            activation: ActivationName::Gelu,
            stream_fraction_bits: 19,
            precision: Precision::F32,
        }
    }

    /// The default: a chatbot over whole dialogues.
    pub fn chat() -> Self {
        Self {
            vocabulary: 4096,
            width: 256,
            heads: 4,
            head_width: 64,
            feed_forward: 1024,
            layers: 4,
            max_positions: 2048,
            // A dialogue has some 250 tokens: 4 buckets of about 64.
            buckets: vec![4],
            rounds: 2,
            dropout: 0.0,
            ..Self::tiny()
        }
    }

    /// Bytes of whole books.
    pub fn book() -> Self {
        Self {
            vocabulary: 260,
            width: 512,
            heads: 8,
            head_width: 64,
            feed_forward: 2048,
            layers: 6,
            max_positions: 1 << 20,
            // attention.md: n about length / window, factored so that hashing stays cheap.
            buckets: vec![32, 32, 16],
            rounds: 2,
            dropout: 0.0,
            ..Self::tiny()
        }
    }

    /// The kind of layer `index`.
    pub fn kind(&self, index: usize) -> LayerKind {
        self.pattern[index % self.pattern.len().max(1)]
    }

    /// Buckets per round.
    pub fn bucket_count(&self) -> usize {
        self.buckets.iter().product()
    }

    /// The streams' type.
    pub fn stream(&self) -> DType {
        DType::Fixed { fraction_bits: self.stream_fraction_bits }
    }

    /// Which keys the queries of layer `index` see.
    pub fn attention_pattern(&self, index: usize) -> Pattern {
        match self.kind(index) {
            LayerKind::Local => Pattern::Local { window: self.window },
            LayerKind::Lsh => Pattern::Lsh { rounds: self.rounds, window: self.window },
            LayerKind::Full => Pattern::Full,
        }
    }

    /// What a decoding cache of layer `index` keeps.
    pub fn cache_pattern(&self, index: usize) -> CachePattern {
        match self.kind(index) {
            LayerKind::Local => CachePattern::Local { window: self.window },
            LayerKind::Lsh => {
                CachePattern::Lsh { rounds: self.rounds, window: self.window, buckets: self.bucket_count() }
            }
            LayerKind::Full => CachePattern::Full,
        }
    }

    /// How positions become vectors, with the grid that follows from `max_positions`: the inner axis is the power of two
    /// at or above its square root.
    pub fn position_kind(&self) -> PositionKind {
        match self.positions {
            PositionEncoding::Learned => PositionKind::Learned,
            PositionEncoding::Axial => {
                let mut inner = 1;
                while inner * inner < self.max_positions {
                    inner *= 2;
                }
                let outer = self.max_positions.div_ceil(inner);
                PositionKind::Axial { outer, inner, outer_width: self.width / OUTER_SHARE }
            }
        }
    }

    /// The activation.
    pub fn activation(&self) -> Activation {
        match self.activation {
            ActivationName::Gelu => Activation::Gelu,
            ActivationName::Relu => Activation::Relu,
        }
    }

    /// Refuses impossible values by name.
    ///
    /// # Errors
    /// The first field that is impossible.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let sizes = [
            ("vocabulary", self.vocabulary, LARGEST),
            ("width", self.width, LARGEST),
            ("heads", self.heads, MOST_HEADS),
            ("head_width", self.head_width, LARGEST),
            ("feed_forward", self.feed_forward, LARGEST),
            ("layers", self.layers, MOST_LAYERS),
            ("window", self.window, LARGEST),
            ("rounds", self.rounds, MOST_ROUNDS),
            ("max_positions", self.max_positions, LARGEST),
        ];
        for (field, value, most) in sizes {
            if value == 0 || value > most {
                return Err(ConfigError::new(field, value, &format!("it must be at least 1 and at most {most}")));
            }
        }
        if self.heads * self.head_width > LARGEST {
            let advice = format!("times `heads`, which is {}, it must be at most 16777216", self.heads);
            return Err(ConfigError::new("head_width", self.head_width, &advice));
        }
        if self.pattern.is_empty() {
            return Err(ConfigError::new("pattern", &self.pattern, "name at least one of local, lsh, full"));
        }
        if self.buckets.iter().any(|&factor| factor == 0 || factor % 2 == 1 || factor > LARGEST_FACTOR) {
            let advice = "each factor must be even and positive, and at most 65536";
            return Err(ConfigError::new("buckets", &self.buckets, advice));
        }
        let count = self.buckets.iter().try_fold(1usize, |product, &factor| product.checked_mul(factor));
        if count.is_none_or(|count| count > LARGEST) {
            return Err(ConfigError::new("buckets", &self.buckets, "their product must be at most 16777216"));
        }
        let per_head = self.rounds as u128 * self.bucket_count() as u128 * self.window as u128;
        if self.pattern.contains(&LayerKind::Lsh) && per_head * self.heads as u128 > MOST_LISTED {
            let advice = format!(
                "times `heads`, `rounds` and the number of buckets, which are {}, {} and {}, it must be at most 4294967296",
                self.heads,
                self.rounds,
                self.bucket_count()
            );
            return Err(ConfigError::new("window", self.window, &advice));
        }
        if self.positions == PositionEncoding::Axial && self.width < OUTER_SHARE {
            return Err(ConfigError::new("width", self.width, "axial positions need a width of at least 4"));
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return Err(ConfigError::new("dropout", self.dropout, "it must be at least 0 and below 1"));
        }
        // Below 8 bits the streams are too coarse to train, above 27 they hold less than ±16.
        if !(8..=27).contains(&self.stream_fraction_bits) {
            return Err(ConfigError::new("stream_fraction_bits", self.stream_fraction_bits, "it must be from 8 to 27"));
        }
        let parameters = self.parameter_count();
        if parameters > MOST_PARAMETERS {
            let advice = format!("the model would have {parameters} parameters, it must be at most 1099511627776");
            return Err(ConfigError::new("width", self.width, &advice));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
