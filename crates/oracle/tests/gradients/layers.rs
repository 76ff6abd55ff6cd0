//! `embed`, `project_heads`, `layer_norm_gradient`, `merge_heads`, `feed_forward`, `head_loss`.

use super::differences::*;
use reformer_conformance::{Fixture, Home};
use reformer_tensor::op::{
    Embed, EmbedGradient, EmbedParameters, FeedForward, FeedForwardGradient, FeedForwardParameters, HeadParameters,
    MergeHeads, MergeHeadsGradient, NormParameters,
};
use reformer_tensor::{Activation, DType, Direction, HostTensor, PositionKind, Shape, Tensor, shape};

// ---- embed ----

pub const AXIAL: PositionKind = PositionKind::Axial { outer: 3, inner: 5, outer_width: 4 };

pub fn embed_operands(fixture: &mut Fixture) -> [Tensor; 3] {
    let rows = fixture.rows;
    let tokens = fixture.choices("tokens", rows, 6);
    [
        fixture.integers("tokens", shape![rows], tokens),
        fixture.integers("positions", shape![rows], (0..rows as u32).collect()),
        fixture.random_key(),
    ]
}

pub fn embed_shapes() -> [(&'static str, Shape); 3] {
    [("table", shape![6, WIDTH]), ("outer", shape![3, 4]), ("inner", shape![5, WIDTH - 4])]
}

pub fn embed_of(fixture: &mut Fixture, stream: DType) -> Tensor {
    let [tokens, positions, key] = embed_operands(fixture);
    let [table, outer, inner] = embed_shapes().map(|(name, shape)| fixture.parameter(name, shape, 0.0, 1.0));
    let parameters = EmbedParameters { table, positions: vec![outer, inner] };
    fixture.program.embed(Embed { position: AXIAL, dropout: DROP, stream }, tokens, positions, key, &parameters)
}

pub fn embed_gradient_of(fixture: &mut Fixture, dx1: Tensor, dx2: Tensor) {
    let [tokens, positions, key] = embed_operands(fixture);
    let [table, outer, inner] = embed_shapes().map(|(name, shape)| sum(fixture, &format!("d {name}"), shape));
    let gradients = EmbedParameters { table, positions: vec![outer, inner] };
    let op = EmbedGradient { position: AXIAL, dropout: DROP };
    fixture.program.embed_gradient(op, tokens, positions, key, dx1, dx2, &gradients);
}

#[test]
pub fn embed() {
    check(
        "embed",
        SEED,
        &Pair {
            operands: &["table", "outer", "inner"],
            // Both streams start as the embedding.
            forward: |fixture| {
                let stream = embed_of(fixture, DType::F32);
                vec![(stream, "dx1"), (stream, "dx2")]
            },
            backward: |fixture| {
                let [dx1, dx2] = ["dx1", "dx2"].map(|name| cotangent_input(fixture, name, shape![ROWS, WIDTH]));
                embed_gradient_of(fixture, dx1, dx2);
            },
        },
    );
}

// ---- project_heads, layer_norm_gradient ----

pub fn norm(fixture: &mut Fixture, width: usize) -> NormParameters {
    NormParameters {
        gamma: fixture.parameter("gamma", shape![width], 1.0, 0.3),
        beta: fixture.parameter("beta", shape![width], 0.0, 0.3),
    }
}

pub fn norm_sums(fixture: &mut Fixture, width: usize) -> NormParameters {
    NormParameters { gamma: sum(fixture, "d gamma", shape![width]), beta: sum(fixture, "d beta", shape![width]) }
}

#[test]
pub fn project_heads() {
    const COLUMNS: usize = ALL_HEADS * HEADS.width;
    const NAMES: [&str; 3] = ["wq", "wk", "wv"];
    check(
        "project_heads, layer_norm_gradient",
        SEED,
        &Pair {
            operands: &["x", "gamma", "beta", "wq", "wk", "wv"],
            forward: |fixture| {
                let x = fixture.stream("x", WIDTH, DType::F32, Home::Input);
                let norm = norm(fixture, WIDTH);
                let weights = NAMES.map(|name| fixture.weight(name, WIDTH, COLUMNS));
                let results = fixture.program.project_heads(HEADS, x, norm, &weights, &NAMES);
                results.into_iter().zip(["dq", "dk", "dv"]).collect()
            },
            backward: |fixture| {
                let x = fixture.stream("x", WIDTH, DType::F32, Home::Input);
                let norm = norm(fixture, WIDTH);
                let weights = NAMES.map(|name| fixture.weight(name, WIDTH, COLUMNS));
                let shape = shape![ROWS, HEADS.columns()];
                let upstream = ["dq", "dk", "dv"].map(|name| cotangent_input(fixture, name, shape));
                let sums = NAMES.map(|name| sum(fixture, &format!("d {name}"), shape![WIDTH, COLUMNS]));
                let norm_sums = norm_sums(fixture, WIDTH);
                let program = &mut fixture.program;
                let [d_normed, dx] = ["d_normed", "dx"].map(|name| program.zeros(name, x.shape));
                let d_normed = program.project_heads_gradient(HEADS, x, norm, &upstream, &weights, d_normed, &sums);
                let dx = program.layer_norm_gradient(x, norm.gamma, d_normed, dx, norm_sums);
                output(fixture, "d x", dx);
            },
        },
    );
}

// ---- merge_heads ----

#[test]
pub fn merge_heads() {
    const ALL_ROWS: usize = ALL_HEADS * HEADS.width;
    check(
        "merge_heads",
        SEED,
        &Pair {
            operands: &["context", "weight"],
            forward: |fixture| {
                let stream = fixture.stream("stream", WIDTH, DType::F32, Home::Input);
                let context = fixture.activation("context", HEADS.columns(), 1.0);
                let weight = fixture.weight("weight", ALL_ROWS, WIDTH);
                let key = fixture.random_key();
                let op = MergeHeads { heads: HEADS, direction: Direction::Forward, dropout: DROP };
                vec![(fixture.program.merge_heads(op, stream, context, weight, key), "dy")]
            },
            backward: |fixture| {
                let dy = cotangent_input(fixture, "dy", shape![ROWS, WIDTH]);
                let context = fixture.activation("context", HEADS.columns(), 1.0);
                let weight = fixture.weight("weight", ALL_ROWS, WIDTH);
                let key = fixture.random_key();
                let dweight = sum(fixture, "d weight", weight.shape);
                let op = MergeHeadsGradient { heads: HEADS, dropout: DROP };
                let (d_context, _) = fixture.program.merge_heads_gradient(op, dy, context, weight, key, dweight);
                output(fixture, "d context", d_context);
            },
        },
    );
}

// ---- feed_forward ----

pub const HIDDEN: usize = 12;

pub fn layer(fixture: &mut Fixture) -> FeedForwardParameters {
    FeedForwardParameters {
        norm: norm(fixture, WIDTH),
        w1: fixture.weight("w1", WIDTH, HIDDEN),
        b1: fixture.parameter("b1", shape![HIDDEN], 0.0, 0.3),
        w2: fixture.weight("w2", HIDDEN, WIDTH),
        b2: fixture.parameter("b2", shape![WIDTH], 0.0, 0.3),
    }
}

pub fn layer_sums(fixture: &mut Fixture) -> FeedForwardParameters {
    FeedForwardParameters {
        norm: norm_sums(fixture, WIDTH),
        w1: sum(fixture, "d w1", shape![WIDTH, HIDDEN]),
        b1: sum(fixture, "d b1", shape![HIDDEN]),
        w2: sum(fixture, "d w2", shape![HIDDEN, WIDTH]),
        b2: sum(fixture, "d b2", shape![WIDTH]),
    }
}

pub fn feed_forward_of(fixture: &mut Fixture, activation: Activation) -> Vec<(Tensor, &'static str)> {
    let stream = fixture.stream("stream", WIDTH, DType::F32, Home::Input);
    let x = fixture.stream("x", WIDTH, DType::F32, Home::Input);
    let parameters = layer(fixture);
    let key = fixture.random_key();
    let op = FeedForward { direction: Direction::Forward, activation, dropout: DROP };
    vec![(fixture.program.feed_forward(op, stream, x, &parameters, key), "dy")]
}

pub fn feed_forward_gradient_of(fixture: &mut Fixture, activation: Activation) {
    let x = fixture.stream("x", WIDTH, DType::F32, Home::Input);
    let dy = cotangent_input(fixture, "dy", x.shape);
    let parameters = layer(fixture);
    let gradients = layer_sums(fixture);
    let key = fixture.random_key();
    let dx = fixture.program.zeros("dx", x.shape);
    let op = FeedForwardGradient { activation, dropout: DROP, rebuild: false };
    let (dx, _) = fixture.program.feed_forward_gradient(op, x, dy, &parameters, key, dx, &gradients, None);
    output(fixture, "d x", dx);
}

pub const LAYER: &[&str] = &["x", "gamma", "beta", "w1", "b1", "w2", "b2"];

#[test]
pub fn feed_forward_gelu() {
    check(
        "feed_forward, gelu",
        SEED,
        &Pair {
            operands: LAYER,
            forward: |fixture| feed_forward_of(fixture, Activation::Gelu),
            backward: |fixture| feed_forward_gradient_of(fixture, Activation::Gelu),
        },
    );
}

#[test]
pub fn feed_forward_relu() {
    check(
        "feed_forward, relu",
        RELU_SEED,
        &Pair {
            operands: LAYER,
            forward: |fixture| feed_forward_of(fixture, Activation::Relu),
            backward: |fixture| feed_forward_gradient_of(fixture, Activation::Relu),
        },
    );
}

// ---- head_loss ----

pub const VOCABULARY: usize = 9;

pub fn head(fixture: &mut Fixture) -> HeadParameters {
    HeadParameters {
        gamma: fixture.parameter("head gamma", shape![2 * WIDTH], 1.0, 0.3),
        beta: fixture.parameter("head beta", shape![2 * WIDTH], 0.0, 0.3),
        weight: fixture.weight("head weight", 2 * WIDTH, VOCABULARY),
        bias: fixture.parameter("bias", shape![VOCABULARY], 0.0, 0.3),
    }
}

pub fn head_sums(fixture: &mut Fixture) -> HeadParameters {
    HeadParameters {
        gamma: sum(fixture, "d head gamma", shape![2 * WIDTH]),
        beta: sum(fixture, "d head beta", shape![2 * WIDTH]),
        weight: sum(fixture, "d head weight", shape![2 * WIDTH, VOCABULARY]),
        bias: sum(fixture, "d bias", shape![VOCABULARY]),
    }
}

/// Targets and weights; every fourth row is not scored.
pub fn targets(fixture: &mut Fixture) -> [Tensor; 2] {
    let rows = fixture.rows;
    let targets = fixture.choices("targets", rows, VOCABULARY);
    let weights = (0..rows).map(|row| if row % 4 == 2 { 0.0 } else { 0.5 + 0.1 * row as f32 }).collect();
    [
        fixture.integers("targets", shape![rows], targets),
        fixture.input("weights", HostTensor::f32(shape![rows], weights), DType::F32),
    ]
}

#[test]
pub fn head_loss() {
    check(
        "head_loss",
        SEED,
        &Pair {
            operands: &["y1", "y2", "head gamma", "head beta", "head weight", "bias"],
            forward: |fixture| {
                let [y1, y2] = ["y1", "y2"].map(|name| fixture.stream(name, WIDTH, DType::F32, Home::Input));
                let head = head(fixture);
                let [targets, weights] = targets(fixture);
                let losses = fixture.program.head_loss(y1, y2, &head, targets, weights);
                vec![(losses, ONES)]
            },
            backward: |fixture| {
                let [y1, y2] = ["y1", "y2"].map(|name| fixture.stream(name, WIDTH, DType::F32, Home::Input));
                let (head, sums) = (head(fixture), head_sums(fixture));
                let [targets, weights] = targets(fixture);
                let (dy1, dy2, _) = fixture.program.head_loss_gradient(y1, y2, &head, targets, weights, &sums);
                output(fixture, "d y1", dy1);
                output(fixture, "d y2", dy2);
            },
        },
    );
}
