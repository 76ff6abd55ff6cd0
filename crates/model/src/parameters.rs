//! The model's states: parameters with their names, shapes and first values, and decoding caches. Recording is in `layers.rs`.

use crate::{LayerKind, ModelConfig};
use reformer_tensor::op::AttentionCached;
use reformer_tensor::{DType, HeadRange, PositionKind, Shape, shape};

/// How a parameter starts.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Initialisation {
    /// All of one value.
    Constant(f32),
    /// Normal, with this standard deviation.
    Normal(f64),
}

/// A parameter: its name, shape and first value.
#[derive(Clone, PartialEq, Debug)]
pub struct ParameterSpec {
    /// Its name, unique in the model.
    pub name: String,
    /// Its dimensions.
    pub shape: Shape,
    /// How it starts.
    pub initialisation: Initialisation,
    /// As what inference stores it; training has it in f32.
    pub stored: DType,
}

/// Logits start nearly flat: 0.02 (GPT-2) times the root of the head's width.
const HEAD_DEVIATION: f64 = 0.02;

impl ModelConfig {
    /// Every parameter, in name order.
    pub fn parameters(&self) -> Vec<ParameterSpec> {
        let mut list = Vec::new();
        let mut add = |name: String, shape: Shape, initialisation: Initialisation| {
            let stored = if is_weight(&name) { self.precision.dtype() } else { DType::F32 };
            list.push(ParameterSpec { name, shape, initialisation, stored })
        };
        let (width, inner) = (self.width, self.heads * self.head_width);
        // A row of the embedding then has about unit length, and branches of about unit scale per element soon lead.
        let embedding = Initialisation::Normal(1.0 / (width as f64).sqrt());
        add("embed.table".into(), shape![self.vocabulary, width], embedding);
        match self.position_kind() {
            PositionKind::Learned => add("embed.positions".into(), shape![self.max_positions, width], embedding),
            PositionKind::Axial { outer, inner, outer_width } => {
                add("embed.positions.outer".into(), shape![outer, outer_width], embedding);
                add("embed.positions.inner".into(), shape![inner, width - outer_width], embedding);
            }
        }
        // Glorot: keeps the scale of activations and gradients alike.
        let glorot = |rows: usize, columns: usize| Initialisation::Normal((2.0 / (rows + columns) as f64).sqrt());
        // Shares of all layers add up in a stream: scaled so that their sum does not grow with depth (GPT-2).
        let share = |rows: usize, columns: usize| {
            Initialisation::Normal((2.0 / (rows + columns) as f64).sqrt() / (2.0 * self.layers as f64).sqrt())
        };
        for layer in 0..self.layers {
            let name = |part: &str| layer_name(layer, part);
            add(name("attention.norm.gamma"), shape![width], Initialisation::Constant(1.0));
            add(name("attention.norm.beta"), shape![width], Initialisation::Constant(0.0));
            for part in projections(self.kind(layer)) {
                add(name(&format!("attention.{part}")), shape![width, inner], glorot(width, inner));
            }
            add(name("attention.output"), shape![inner, width], share(inner, width));
            add(name("feed_forward.norm.gamma"), shape![width], Initialisation::Constant(1.0));
            add(name("feed_forward.norm.beta"), shape![width], Initialisation::Constant(0.0));
            add(name("feed_forward.w1"), shape![width, self.feed_forward], glorot(width, self.feed_forward));
            add(name("feed_forward.b1"), shape![self.feed_forward], Initialisation::Constant(0.0));
            add(name("feed_forward.w2"), shape![self.feed_forward, width], share(self.feed_forward, width));
            add(name("feed_forward.b2"), shape![width], Initialisation::Constant(0.0));
        }
        add("head.norm.gamma".into(), shape![2 * width], Initialisation::Constant(1.0));
        add("head.norm.beta".into(), shape![2 * width], Initialisation::Constant(0.0));
        add("head.weight".into(), shape![2 * width, self.vocabulary], Initialisation::Normal(HEAD_DEVIATION));
        add("head.bias".into(), shape![self.vocabulary], Initialisation::Constant(0.0));
        list.sort_by(|a, b| a.name.cmp(&b.name));
        list
    }

    /// The number of trained numbers.
    pub fn parameter_count(&self) -> u64 {
        self.parameters().iter().map(|parameter| parameter.shape.elements() as u64).sum()
    }

    pub(crate) fn all_heads(&self) -> HeadRange {
        HeadRange { first: 0, count: self.heads, width: self.head_width }
    }

    pub(crate) fn cached(&self, layer: usize) -> AttentionCached {
        AttentionCached {
            pattern: self.cache_pattern(layer),
            heads: self.all_heads(),
            max_positions: self.max_positions,
        }
    }
}

/// Whether a parameter is the weight of a product: neither a table, of which rows are looked up, nor a vector.
fn is_weight(name: &str) -> bool {
    let part = name.rsplit_once('.').map_or(name, |(_, part)| part);
    !name.starts_with("embed.")
        && matches!(part, "query_key" | "query" | "key" | "value" | "output" | "w1" | "w2" | "weight")
}

/// Layers are numbered with three digits, so that name order is layer order.
pub(crate) fn layer_name(layer: usize, part: &str) -> String {
    format!("layer.{layer:03}.{part}")
}

pub(crate) fn projections(kind: LayerKind) -> &'static [&'static str] {
    match kind {
        LayerKind::Lsh => &["query_key", "value"],
        LayerKind::Local | LayerKind::Full => &["query", "key", "value"],
    }
}

/// The caches of `batch` conversations: names, shapes, types.
pub fn cache_states(config: &ModelConfig, batch: usize) -> Vec<(String, Shape, DType)> {
    (0..config.layers)
        .flat_map(|layer| {
            let layout = config.cached(layer).layout();
            let entries = shape![batch, config.heads, layout.capacity, config.head_width];
            [
                (layer_name(layer, "cache.keys"), entries, DType::F32),
                (layer_name(layer, "cache.values"), entries, DType::F32),
                (layer_name(layer, "cache.index"), shape![batch, config.heads, layout.words], DType::U32),
            ]
        })
        .collect()
}
