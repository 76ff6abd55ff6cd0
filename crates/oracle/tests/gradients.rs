//! Every gradient op against differences of its forward op, in f64, with streams that are not rounded and buckets that are
//! given; and the rule for streams that are: the gradient is that of the unrounded program at the rounded values.

use reformer_conformance::{Expectation, Fixture, Home, Results, segments};
use reformer_oracle::Oracle;
use reformer_tensor::op::{
    AttentionKeys, Embed, EmbedGradient, EmbedParameters, FeedForward, FeedForwardGradient, FeedForwardParameters,
    HeadParameters, Intervals, MergeHeads, MergeHeadsGradient, NormParameters, SortByBucket,
};
use reformer_tensor::{
    Activation, Backend, Checks, DType, Direction, Dropout, HeadRange, HostData, HostTensor, Pattern, Plan,
    PlanOptions, PositionKind, Program, Shape, Tensor, shape,
};

/// Step of the differences: with five points their error is of order step⁴, 10⁻¹⁶, and rounding adds some 10⁻¹⁶/step.
const STEP: f64 = 1e-4;
/// Of the operand's largest gradient. Measured: below 8·10⁻¹¹ everywhere; a wrong term is of order 1.
const ALLOWED: f64 = 1e-9;
/// Elements of an operand that are moved, spread over it.
const MOVED: usize = 40;
const SEED: u64 = 7;
/// With this one no hidden unit lies within a few steps of ReLU's corner.
const RELU_SEED: u64 = 8;
const ROWS: usize = 13;
const WIDTH: usize = 10;
/// Two heads in the middle of four.
const HEADS: HeadRange = HeadRange { first: 1, count: 2, width: 6 };
const ALL_HEADS: usize = 4;
/// The name of a cotangent that is 1 everywhere.
const ONES: &str = "ones";
const DROP: Dropout = Dropout { rate: 0.1, site: 5 };

/// Runs a fixture on the oracle, operands as doubles.
fn run(fixture: &Fixture) -> Results {
    let plan = Plan::new(&fixture.program, &PlanOptions::default()).unwrap();
    let oracle = Oracle::new();
    let mut store = oracle.store();
    plan.declare_states(store.as_mut()).unwrap();
    for (name, tensor) in &fixture.states {
        store.write(name, tensor).unwrap();
    }
    let mut prepared = oracle.prepare(plan, Checks::Off).unwrap();
    let mut results = prepared.run(store.as_mut(), &fixture.inputs).unwrap();
    results.extend(fixture.states.keys().map(|name| (name.clone(), store.read(name).unwrap())));
    results
}

fn doubles(tensor: &HostTensor) -> Vec<f64> {
    match &tensor.data {
        HostData::F32(data) => data.iter().map(|&x| f64::from(x)).collect(),
        HostData::F64(data) => data.clone(),
        HostData::U32(_) | HostData::I32(_) => panic!("no gradient passes through integers"),
    }
}

/// A forward op and its gradient, recorded over operands of the same names.
struct Pair {
    /// Inputs and states that are differentiated by.
    operands: &'static [&'static str],
    /// Records the forward op; its results with the names of their cotangents.
    forward: fn(&mut Fixture) -> Vec<(Tensor, &'static str)>,
    /// Records the gradient op, whose results are outputs or states `d <operand>`.
    backward: fn(&mut Fixture),
}

/// The fixed numbers that a result is multiplied by to make a loss.
fn cotangent(fixture: &Fixture, name: &str, shape: Shape) -> HostTensor {
    // The gradient of head_loss is that of the plain sum.
    if name == ONES {
        HostTensor::f32(shape, vec![1.0; shape.elements()])
    } else {
        fixture.normal(name, shape, 0.0, 1.0)
    }
}

fn cotangent_input(fixture: &mut Fixture, name: &str, shape: Shape) -> Tensor {
    let tensor = cotangent(fixture, name, shape);
    fixture.input(name, tensor, DType::F32)
}

/// A state of zeros that a gradient is summed in.
fn sum(fixture: &mut Fixture, name: &str, shape: Shape) -> Tensor {
    fixture.state(name, HostTensor::f32(shape, vec![0.0; shape.elements()]), DType::F32)
}

fn output(fixture: &mut Fixture, name: &str, tensor: Tensor) {
    fixture.output(name, tensor, Expectation::Judged);
}

// `cargo test -- --nocapture` shows how close they are.
#[allow(clippy::print_stdout)]
fn check(name: &str, seed: u64, pair: &Pair) {
    let mut fixture = Fixture::new(seed, ROWS);
    let results = (pair.forward)(&mut fixture);
    let mut cotangents = Vec::new();
    for (number, (tensor, cotangent_name)) in results.into_iter().enumerate() {
        let result = format!("result {number}");
        cotangents.push((result.clone(), doubles(&cotangent(&fixture, cotangent_name, tensor.shape))));
        output(&mut fixture, &result, tensor);
    }
    let loss = |fixture: &Fixture| -> f64 {
        let results = run(fixture);
        let products = cotangents.iter().flat_map(|(result, cotangent)| {
            doubles(&results[result]).into_iter().zip(cotangent).map(|(x, c)| x * c).collect::<Vec<f64>>()
        });
        products.sum()
    };
    let mut gradient = Fixture::new(seed, ROWS);
    (pair.backward)(&mut gradient);
    let gradients = run(&gradient);
    for operand in pair.operands {
        let analytic = doubles(&gradients[&format!("d {operand}")]);
        let largest = analytic.iter().fold(0.0f64, |most, x| most.max(x.abs()));
        assert!(largest > 1e-3, "{name}: the gradient of `{operand}` is {largest:e}: nothing is tested");
        let place = |fixture: &mut Fixture| -> HostTensor {
            fixture.states.get(*operand).or_else(|| fixture.inputs.get(*operand)).unwrap().clone()
        };
        let original = place(&mut fixture);
        let numbers = doubles(&original);
        assert_eq!(numbers.len(), analytic.len(), "{name}: `d {operand}` has another shape");
        let mut worst = 0.0f64;
        for at in (0..numbers.len()).step_by(numbers.len().div_ceil(MOVED)) {
            let mut at_step = |steps: f64| {
                let mut moved = numbers.clone();
                moved[at] += steps * STEP;
                put(&mut fixture, operand, HostTensor::f64(original.shape, moved));
                loss(&fixture)
            };
            let slope = (8.0 * (at_step(1.0) - at_step(-1.0)) - (at_step(2.0) - at_step(-2.0))) / (12.0 * STEP);
            let error = (slope - analytic[at]).abs() / largest;
            worst = worst.max(error);
            assert!(
                error <= ALLOWED,
                "{name}: the gradient of `{operand}` at {:?} is {:.9e}, differences give {slope:.9e}: {error:.1e} of the largest, {largest:.1e}",
                original.shape.index_of(at),
                analytic[at],
            );
        }
        put(&mut fixture, operand, original);
        println!("{name}: `{operand}` within {worst:.1e} of differences, relative to the largest");
    }
}

fn put(fixture: &mut Fixture, operand: &str, tensor: HostTensor) {
    let of = if fixture.states.contains_key(operand) { &mut fixture.states } else { &mut fixture.inputs };
    of.insert(operand.to_owned(), tensor);
}

// ---- embed ----

const AXIAL: PositionKind = PositionKind::Axial { outer: 3, inner: 5, outer_width: 4 };

fn embed_operands(fixture: &mut Fixture) -> [Tensor; 3] {
    let rows = fixture.rows;
    let tokens = fixture.choices("tokens", rows, 6);
    [
        fixture.integers("tokens", shape![rows], tokens),
        fixture.integers("positions", shape![rows], (0..rows as u32).collect()),
        fixture.random_key(),
    ]
}

fn embed_shapes() -> [(&'static str, Shape); 3] {
    [("table", shape![6, WIDTH]), ("outer", shape![3, 4]), ("inner", shape![5, WIDTH - 4])]
}

fn embed_of(fixture: &mut Fixture, stream: DType) -> Tensor {
    let [tokens, positions, key] = embed_operands(fixture);
    let [table, outer, inner] = embed_shapes().map(|(name, shape)| fixture.parameter(name, shape, 0.0, 1.0));
    let parameters = EmbedParameters { table, positions: vec![outer, inner] };
    fixture.program.embed(Embed { position: AXIAL, dropout: DROP, stream }, tokens, positions, key, &parameters)
}

fn embed_gradient_of(fixture: &mut Fixture, dx1: Tensor, dx2: Tensor) {
    let [tokens, positions, key] = embed_operands(fixture);
    let [table, outer, inner] = embed_shapes().map(|(name, shape)| sum(fixture, &format!("d {name}"), shape));
    let gradients = EmbedParameters { table, positions: vec![outer, inner] };
    let op = EmbedGradient { position: AXIAL, dropout: DROP };
    fixture.program.embed_gradient(op, tokens, positions, key, dx1, dx2, &gradients);
}

#[test]
fn embed() {
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

fn norm(fixture: &mut Fixture, width: usize) -> NormParameters {
    NormParameters {
        gamma: fixture.parameter("gamma", shape![width], 1.0, 0.3),
        beta: fixture.parameter("beta", shape![width], 0.0, 0.3),
    }
}

fn norm_sums(fixture: &mut Fixture, width: usize) -> NormParameters {
    NormParameters { gamma: sum(fixture, "d gamma", shape![width]), beta: sum(fixture, "d beta", shape![width]) }
}

#[test]
fn project_heads() {
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

// ---- attention ----

const LSH: Pattern = Pattern::Lsh { rounds: 2, window: 4 };
const LOCAL: Pattern = Pattern::Local { window: 4 };

fn keys(fixture: &mut Fixture, pattern: Pattern) -> AttentionKeys {
    let (rows, columns) = (fixture.rows, HEADS.columns());
    let starts = segments(rows, &[3]);
    let starts = fixture.integers("segments", shape![rows], starts);
    match pattern {
        Pattern::Lsh { rounds, window } => {
            let qk = fixture.activation("qk", columns, 1.0);
            let v = fixture.activation("v", columns, 1.0);
            let buckets = fixture.choices("buckets", HEADS.count * rounds * rows, 3);
            let buckets = fixture.integers("buckets", shape![HEADS.count, rounds, rows], buckets);
            let (order, slot) = fixture.program.sort_by_bucket(SortByBucket { buckets: 3 }, buckets, starts);
            let low = fixture.program.intervals(Intervals { window }, buckets, starts, order, slot);
            AttentionKeys::Lsh { qk, v, order, slot, low }
        }
        Pattern::Local { .. } | Pattern::Full => {
            let [q, k, v] = ["q", "k", "v"].map(|name| fixture.activation(name, columns, 1.0));
            AttentionKeys::Separate { q, k, v, segments: starts }
        }
    }
}

fn attention_of(fixture: &mut Fixture, pattern: Pattern) -> Vec<(Tensor, &'static str)> {
    let keys = keys(fixture, pattern);
    vec![(fixture.program.attention(pattern, HEADS, &keys).0, "d_context")]
}

fn attention_gradient_of(fixture: &mut Fixture, pattern: Pattern, names: &[&str]) {
    let keys = keys(fixture, pattern);
    let (context, z) = fixture.program.attention(pattern, HEADS, &keys);
    // delta = Σ d_context·context comes from merge_heads' gradient: with the unit matrix d_context is dy.
    let columns = HEADS.columns();
    let dy = cotangent_input(fixture, "d_context", shape![ROWS, columns]);
    let unit = (0..columns * columns).map(|at| if at % (columns + 1) == 0 { 1.0 } else { 0.0 }).collect();
    let unit = fixture.state("unit", HostTensor::f32(shape![columns, columns], unit), DType::F32);
    let dweight = sum(fixture, "dweight", unit.shape);
    let key = fixture.random_key();
    let heads = HeadRange { first: 0, ..HEADS };
    let op = MergeHeadsGradient { heads, dropout: Dropout { rate: 0.0, site: 0 } };
    let (d_context, delta) = fixture.program.merge_heads_gradient(op, dy, context, unit, key, dweight);
    let results = fixture.program.attention_gradient(pattern, HEADS, &keys, z, delta, d_context);
    for (name, result) in names.iter().zip(results) {
        output(fixture, name, result);
    }
}

#[test]
fn lsh_attention() {
    check(
        "attention, lsh",
        SEED,
        &Pair {
            operands: &["qk", "v"],
            forward: |fixture| attention_of(fixture, LSH),
            backward: |fixture| attention_gradient_of(fixture, LSH, &["d qk", "d v"]),
        },
    );
}

#[test]
fn local_attention() {
    check(
        "attention, local",
        SEED,
        &Pair {
            operands: &["q", "k", "v"],
            forward: |fixture| attention_of(fixture, LOCAL),
            backward: |fixture| attention_gradient_of(fixture, LOCAL, &["d q", "d k", "d v"]),
        },
    );
}

#[test]
fn full_attention() {
    check(
        "attention, full",
        SEED,
        &Pair {
            operands: &["q", "k", "v"],
            forward: |fixture| attention_of(fixture, Pattern::Full),
            backward: |fixture| attention_gradient_of(fixture, Pattern::Full, &["d q", "d k", "d v"]),
        },
    );
}

// ---- merge_heads ----

#[test]
fn merge_heads() {
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

const HIDDEN: usize = 12;

fn layer(fixture: &mut Fixture) -> FeedForwardParameters {
    FeedForwardParameters {
        norm: norm(fixture, WIDTH),
        w1: fixture.weight("w1", WIDTH, HIDDEN),
        b1: fixture.parameter("b1", shape![HIDDEN], 0.0, 0.3),
        w2: fixture.weight("w2", HIDDEN, WIDTH),
        b2: fixture.parameter("b2", shape![WIDTH], 0.0, 0.3),
    }
}

fn layer_sums(fixture: &mut Fixture) -> FeedForwardParameters {
    FeedForwardParameters {
        norm: norm_sums(fixture, WIDTH),
        w1: sum(fixture, "d w1", shape![WIDTH, HIDDEN]),
        b1: sum(fixture, "d b1", shape![HIDDEN]),
        w2: sum(fixture, "d w2", shape![HIDDEN, WIDTH]),
        b2: sum(fixture, "d b2", shape![WIDTH]),
    }
}

fn feed_forward_of(fixture: &mut Fixture, activation: Activation) -> Vec<(Tensor, &'static str)> {
    let stream = fixture.stream("stream", WIDTH, DType::F32, Home::Input);
    let x = fixture.stream("x", WIDTH, DType::F32, Home::Input);
    let parameters = layer(fixture);
    let key = fixture.random_key();
    let op = FeedForward { direction: Direction::Forward, activation, dropout: DROP };
    vec![(fixture.program.feed_forward(op, stream, x, &parameters, key), "dy")]
}

fn feed_forward_gradient_of(fixture: &mut Fixture, activation: Activation) {
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

const LAYER: &[&str] = &["x", "gamma", "beta", "w1", "b1", "w2", "b2"];

#[test]
fn feed_forward_gelu() {
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
fn feed_forward_relu() {
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

const VOCABULARY: usize = 9;

fn head(fixture: &mut Fixture) -> HeadParameters {
    HeadParameters {
        gamma: fixture.parameter("head gamma", shape![2 * WIDTH], 1.0, 0.3),
        beta: fixture.parameter("head beta", shape![2 * WIDTH], 0.0, 0.3),
        weight: fixture.weight("head weight", 2 * WIDTH, VOCABULARY),
        bias: fixture.parameter("bias", shape![VOCABULARY], 0.0, 0.3),
    }
}

fn head_sums(fixture: &mut Fixture) -> HeadParameters {
    HeadParameters {
        gamma: sum(fixture, "d head gamma", shape![2 * WIDTH]),
        beta: sum(fixture, "d head beta", shape![2 * WIDTH]),
        weight: sum(fixture, "d head weight", shape![2 * WIDTH, VOCABULARY]),
        bias: sum(fixture, "d bias", shape![VOCABULARY]),
    }
}

/// Targets and weights; every fourth row is not scored.
fn targets(fixture: &mut Fixture) -> [Tensor; 2] {
    let rows = fixture.rows;
    let targets = fixture.choices("targets", rows, VOCABULARY);
    let weights = (0..rows).map(|row| if row % 4 == 2 { 0.0 } else { 0.5 + 0.1 * row as f32 }).collect();
    [
        fixture.integers("targets", shape![rows], targets),
        fixture.input("weights", HostTensor::f32(shape![rows], weights), DType::F32),
    ]
}

#[test]
fn head_loss() {
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

// ---- streams that are rounded ----

/// Gradients of a small program: embedding, feed-forward share, head. `given` are the streams' values; without them the
/// streams are computed. Also gives the streams.
fn small_program(stream: DType, given: Option<[HostTensor; 2]>) -> Results {
    let mut fixture = Fixture::new(7, ROWS);
    let shape = shape![ROWS, WIDTH];
    let parameters = layer(&mut fixture);
    let key = fixture.random_key();
    let (x, y1) = match given {
        Some([x, y1]) => (fixture.input("x", x, stream), fixture.input("y1", y1, stream)),
        None => {
            let x = embed_of(&mut fixture, stream);
            let op = FeedForward { direction: Direction::Forward, activation: Activation::Gelu, dropout: DROP };
            (x, fixture.program.feed_forward(op, x, x, &parameters, key))
        }
    };
    output(&mut fixture, "stream x", x);
    output(&mut fixture, "stream y1", y1);
    let (head, head_sums) = (head(&mut fixture), head_sums(&mut fixture));
    let [targets, weights] = targets(&mut fixture);
    let (dy1, dy2, losses) = fixture.program.head_loss_gradient(y1, x, &head, targets, weights, &head_sums);
    output(&mut fixture, "losses", losses);
    let sums = layer_sums(&mut fixture);
    let op = FeedForwardGradient { activation: Activation::Gelu, dropout: DROP, rebuild: false };
    let program: &mut Program = &mut fixture.program;
    let (dx, _) = program.feed_forward_gradient(op, x, dy1, &parameters, key, dy2, &sums, None);
    embed_gradient_of(&mut fixture, dy1, dx);
    assert_eq!(dx.shape, shape);
    run(&fixture)
}

#[test]
fn gradients_go_straight_through_the_rounding() {
    let rounded = small_program(DType::STREAM, None);
    let given = ["stream x", "stream y1"].map(|name| rounded[name].clone());
    // The same values as plain doubles: what is left is the gradient of the unrounded ops at the rounded values.
    let plain = small_program(DType::F32, Some(given));
    for (name, tensor) in &rounded {
        if plain.contains_key(name) {
            assert_eq!(tensor, &plain[name], "`{name}`");
        }
    }
    // It is not the gradient of the unrounded program, whose values differ by up to half a unit.
    let unrounded = small_program(DType::F32, None);
    let distance = |name: &str| {
        doubles(&rounded[name]).iter().zip(doubles(&unrounded[name])).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
    };
    let unit = 0.5f64.powi(19);
    assert!(distance("stream x") > 0.0 && distance("stream x") <= unit / 2.0);
    assert!(distance("d w1") > 0.0 && distance("d w1") < 100.0 * unit, "{:e}", distance("d w1"));
}
