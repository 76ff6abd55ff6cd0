//! Records the parts of a model: embedding, halves of blocks, head. Whole programs are in `record.rs`.

use crate::parameters::{layer_name, projections};
use crate::{LayerKind, ModelConfig};
use reformer_tensor::op::{
    AttentionKeys, Embed, EmbedParameters, FeedForward, FeedForwardParameters, HeadParameters, Intervals, LshHash,
    MergeHeads, NormParameters, SortByBucket,
};
use reformer_tensor::{DType, Direction, Dropout, HeadRange, PositionKind, Program, Shape, Tensor, shape};

/// What the states of weights hold.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weights {
    /// What is trained, in f32: products read a cast of it.
    Trained,
    /// The cast itself: decoding reads no more than that.
    Stored,
}

/// What every program of a model has: inputs, and its kind of states.
#[derive(Clone, Copy)]
pub(crate) struct Common {
    pub tokens: Tensor,
    pub positions: Tensor,
    pub key: Tensor,
    pub weights: Weights,
}

/// How attention is recorded: a whole forward pass, or over caches.
#[derive(Clone, Copy)]
pub(crate) enum Attending {
    /// Over the rows at hand; the heads go in groups of this many.
    Whole { segments: Tensor, head_group: usize },
    /// Over the caches of `batch` conversations.
    Cached { cache_rows: Tensor, batch: usize },
}

pub(crate) fn common(program: &mut Program, rows: usize, weights: Weights) -> Common {
    Common {
        tokens: program.input("tokens", shape![rows], DType::U32),
        positions: program.input("positions", shape![rows], DType::U32),
        key: program.input("key", shape![2], DType::U32),
        weights,
    }
}

/// Casts all weights before anything else is alive: they stay until the backward pass, and would sit in places that larger tensors need.
pub(crate) fn cast_weights(program: &mut Program, config: &ModelConfig) {
    program.set_scope("weights");
    for spec in config.parameters().into_iter().filter(|spec| spec.stored.is_half()) {
        let trained = program.state(&spec.name, spec.shape, DType::F32);
        program.cast(trained, spec.stored);
    }
}

/// A weight as products read it.
fn weight(program: &mut Program, config: &ModelConfig, weights: Weights, name: &str, dims: Shape) -> Tensor {
    let dtype = config.precision.dtype();
    match weights {
        Weights::Stored => program.state(name, dims, dtype),
        Weights::Trained => {
            let trained = program.state(name, dims, DType::F32);
            program.cast(trained, dtype)
        }
    }
}

/// Dropout sites: one for the embedding, two a layer.
fn dropout(rate: f32, site: usize) -> Dropout {
    Dropout { rate, site: site as u32 }
}

fn norm(program: &mut Program, config: &ModelConfig, prefix: &str) -> NormParameters {
    NormParameters {
        gamma: program.state(&format!("{prefix}.gamma"), shape![config.width], DType::F32),
        beta: program.state(&format!("{prefix}.beta"), shape![config.width], DType::F32),
    }
}

pub(crate) fn embed(program: &mut Program, config: &ModelConfig, common: Common, rate: f32, stream: DType) -> Tensor {
    program.set_scope("embedding");
    let position = config.position_kind();
    let table = program.state("embed.table", shape![config.vocabulary, config.width], DType::F32);
    let positions = match position {
        PositionKind::Learned => {
            vec![program.state("embed.positions", shape![config.max_positions, config.width], DType::F32)]
        }
        PositionKind::Axial { outer, inner, outer_width } => vec![
            program.state("embed.positions.outer", shape![outer, outer_width], DType::F32),
            program.state("embed.positions.inner", shape![inner, config.width - outer_width], DType::F32),
        ],
    };
    let op = Embed { position, dropout: dropout(rate, 0), stream };
    program.embed(op, common.tokens, common.positions, common.key, &EmbedParameters { table, positions })
}

/// y1 = x1 + attention(LN(x2)).
pub(crate) fn attention_half(
    program: &mut Program,
    config: &ModelConfig,
    layer: usize,
    common: Common,
    attending: Attending,
    rate: f32,
    (x1, x2): (Tensor, Tensor),
) -> Tensor {
    program.set_scope(&format!("layer {layer}, attention"));
    let norm = norm(program, config, &layer_name(layer, "attention.norm"));
    let inner = config.heads * config.head_width;
    let names = projections(config.kind(layer));
    let weights: Vec<Tensor> = names
        .iter()
        .map(|part| {
            let name = layer_name(layer, &format!("attention.{part}"));
            weight(program, config, common.weights, &name, shape![config.width, inner])
        })
        .collect();
    let output = layer_name(layer, "attention.output");
    let output = weight(program, config, common.weights, &output, shape![inner, config.width]);
    let group = match attending {
        Attending::Whole { head_group, .. } => head_group.clamp(1, config.heads),
        Attending::Cached { .. } => config.heads,
    };
    program.begin_half(x1);
    let mut y1 = x1;
    for first in (0..config.heads).step_by(group) {
        program.begin_group();
        let heads = HeadRange { first, count: group.min(config.heads - first), width: config.head_width };
        let projected = program.project_heads(heads, x2, norm, &weights, names);
        let context = match attending {
            Attending::Whole { segments, .. } => whole(program, config, layer, heads, &projected, segments),
            Attending::Cached { cache_rows, batch } => {
                cached(program, config, layer, common, &projected, cache_rows, batch)
            }
        };
        let op = MergeHeads { heads, direction: Direction::Forward, dropout: dropout(rate, 2 * layer + 1) };
        y1 = program.merge_heads(op, y1, context, output, common.key);
    }
    program.end_half(y1);
    y1
}

fn buckets(program: &mut Program, config: &ModelConfig, layer: usize, heads: HeadRange, qk: Tensor) -> Tensor {
    let columns = config.buckets.iter().sum::<usize>() / 2;
    let dims = shape![config.heads, config.rounds, config.head_width, columns];
    let rotations = program.input(&layer_name(layer, "rotations"), dims, DType::F32);
    program.lsh_hash(LshHash { heads, rounds: config.rounds, factors: config.buckets.clone() }, qk, rotations)
}

fn whole(
    program: &mut Program,
    config: &ModelConfig,
    layer: usize,
    heads: HeadRange,
    projected: &[Tensor],
    segments: Tensor,
) -> Tensor {
    let keys = match config.kind(layer) {
        LayerKind::Lsh => {
            let [qk, v] = [projected[0], projected[1]];
            let buckets = buckets(program, config, layer, heads, qk);
            let (order, slot) =
                program.sort_by_bucket(SortByBucket { buckets: config.bucket_count() }, buckets, segments);
            let low = program.intervals(Intervals { window: config.window }, buckets, segments, order, slot);
            AttentionKeys::Lsh { qk, v, order, slot, low }
        }
        LayerKind::Local | LayerKind::Full => {
            AttentionKeys::Separate { q: projected[0], k: projected[1], v: projected[2], segments }
        }
    };
    program.attention(config.attention_pattern(layer), heads, &keys).0
}

fn cached(
    program: &mut Program,
    config: &ModelConfig,
    layer: usize,
    common: Common,
    projected: &[Tensor],
    cache_rows: Tensor,
    batch: usize,
) -> Tensor {
    let heads = config.all_heads();
    let op = config.cached(layer);
    let layout = op.layout();
    let entries = shape![batch, config.heads, layout.capacity, config.head_width];
    let cache = [
        program.state(&layer_name(layer, "cache.keys"), entries, DType::F32),
        program.state(&layer_name(layer, "cache.values"), entries, DType::F32),
        program.state(&layer_name(layer, "cache.index"), shape![batch, config.heads, layout.words], DType::U32),
    ];
    let buckets = (config.kind(layer) == LayerKind::Lsh).then(|| buckets(program, config, layer, heads, projected[0]));
    program.attention_cached(op, projected, common.positions, cache_rows, buckets, cache)
}

/// y2 = x2 + feed_forward(LN(y1)).
pub(crate) fn feed_forward_half(
    program: &mut Program,
    config: &ModelConfig,
    layer: usize,
    common: Common,
    rate: f32,
    (y1, x2): (Tensor, Tensor),
) -> Tensor {
    program.set_scope(&format!("layer {layer}, feed_forward"));
    let (width, hidden) = (config.width, config.feed_forward);
    let norm = norm(program, config, &layer_name(layer, "feed_forward.norm"));
    let name = |part: &str| layer_name(layer, &format!("feed_forward.{part}"));
    let parameters = FeedForwardParameters {
        norm,
        w1: weight(program, config, common.weights, &name("w1"), shape![width, hidden]),
        b1: program.state(&name("b1"), shape![hidden], DType::F32),
        w2: weight(program, config, common.weights, &name("w2"), shape![hidden, width]),
        b2: program.state(&name("b2"), shape![width], DType::F32),
    };
    program.begin_half(x2);
    program.begin_group();
    let op = FeedForward {
        direction: Direction::Forward,
        activation: config.activation(),
        dropout: dropout(rate, 2 * layer + 2),
    };
    let y2 = program.feed_forward(op, x2, y1, &parameters, common.key);
    program.end_half(y2);
    y2
}

pub(crate) fn head(program: &mut Program, config: &ModelConfig, weights: Weights) -> HeadParameters {
    program.set_scope("head");
    let width = 2 * config.width;
    HeadParameters {
        gamma: program.state("head.norm.gamma", shape![width], DType::F32),
        beta: program.state("head.norm.beta", shape![width], DType::F32),
        weight: weight(program, config, weights, "head.weight", shape![width, config.vocabulary]),
        bias: program.state("head.bias", shape![config.vocabulary], DType::F32),
    }
}

/// Embedding and all layers.
pub(crate) fn trunk(
    program: &mut Program,
    config: &ModelConfig,
    common: Common,
    attending: Attending,
    rate: f32,
    stream: DType,
) -> (Tensor, Tensor) {
    let x = embed(program, config, common, rate, stream);
    let (mut x1, mut x2) = (x, x);
    for layer in 0..config.layers {
        x1 = attention_half(program, config, layer, common, attending, rate, (x1, x2));
        x2 = feed_forward_half(program, config, layer, common, rate, (x1, x2));
    }
    (x1, x2)
}
