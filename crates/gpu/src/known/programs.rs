//! The programs whose results are known: every op on a few rows, each on what the ops before it made. Numbers come from keys, so that they
//! are the same everywhere.

use crate::layout::DeviceLimits;
use reformer_tensor::op::{
    AdamW, AttentionCached, AttentionKeys, Embed, EmbedGradient, EmbedParameters, FeedForward, FeedForwardGradient,
    FeedForwardParameters, HeadParameters, Intervals, LshHash, MergeHeads, MergeHeadsGradient, NO_ROW, NormParameters,
    SortByBucket,
};
use reformer_tensor::{
    Activation, CachePattern, DType, Direction, Dropout, HeadRange, HostTensor, Inputs, Key, Pattern, PositionKind,
    Program, Shape, Tensor, shape,
};
use std::collections::BTreeMap;

/// Where a value is after a run.
pub(super) enum Source {
    Output(String),
    State(String),
}

/// A value that is asked for.
pub(super) struct Question {
    pub op: &'static str,
    pub value: &'static str,
    pub dtype: DType,
    pub source: Source,
}

/// A program with all that it needs.
pub(super) struct Known {
    pub program: Program,
    pub inputs: Inputs,
    pub states: BTreeMap<String, HostTensor>,
    pub questions: Vec<Question>,
    /// Random tensors so far: each has a key of its own.
    drawn: u32,
}

const ROWS: usize = 40;
/// The row where the second of two segments begins.
const SECOND: usize = 25;
const WIDTH: usize = 16;
const HIDDEN: usize = 24;
const VOCABULARY: usize = 37;
const HEADS: HeadRange = HeadRange { first: 0, count: 2, width: 8 };
const ROUNDS: usize = 2;
const WINDOW: usize = 6;
const BUCKETS: usize = 8;
const LSH: Pattern = Pattern::Lsh { rounds: ROUNDS, window: WINDOW };
const LOCAL: Pattern = Pattern::Local { window: WINDOW };
const STREAM: DType = DType::Fixed { fraction_bits: 19 };
const DROPOUT: Dropout = Dropout { rate: 0.1, site: 3 };
const POSITION: PositionKind = PositionKind::Axial { outer: 4, inner: 8, outer_width: 6 };
/// Rows that select one entry: as many as a launch walks.
const WALK: usize = DeviceLimits::WEBGPU.iterations as usize;

/// All programs.
pub(super) fn all() -> Vec<Known> {
    vec![training(), decoding(), walk()]
}

impl Known {
    fn new() -> Self {
        let (inputs, states) = (Inputs::new(), BTreeMap::new());
        Self { program: Program::new(), inputs, states, questions: Vec::new(), drawn: 0 }
    }

    fn numbers(&mut self, shape: Shape, mean: f32, deviation: f32) -> HostTensor {
        self.drawn += 1;
        let numbers = Key::from_seed(15).fold_in(self.drawn).normal(shape.elements());
        HostTensor::f32(shape, numbers.into_iter().map(|x| mean + deviation * x).collect())
    }

    fn given(&mut self, name: &str, tensor: HostTensor, dtype: DType) -> Tensor {
        let input = self.program.input(name, tensor.shape, dtype);
        self.inputs.insert(name.to_owned(), tensor);
        input
    }

    fn integers(&mut self, name: &str, integers: Vec<u32>) -> Tensor {
        self.given(name, HostTensor::u32(shape![integers.len()], integers), DType::U32)
    }

    fn input(&mut self, name: &str, shape: Shape, deviation: f32) -> Tensor {
        let tensor = self.numbers(shape, 0.0, deviation);
        self.given(name, tensor, DType::F32)
    }

    fn norm(&mut self, name: &str, width: usize) -> NormParameters {
        let mut vector = |part: &str, mean: f32| {
            let tensor = self.numbers(shape![width], mean, 0.2);
            self.given(&format!("{name}.{part}"), tensor, DType::F32)
        };
        NormParameters { gamma: vector("gamma", 1.0), beta: vector("beta", 0.0) }
    }

    /// A state; zeros where it is not drawn.
    fn state(&mut self, name: &str, shape: Shape, dtype: DType) -> Tensor {
        let zeros = match dtype {
            DType::U32 => HostTensor::u32(shape, vec![0; shape.elements()]),
            DType::F32 | DType::F16 | DType::Bf16 | DType::Fixed { .. } => {
                HostTensor::f32(shape, vec![0.0; shape.elements()])
            }
        };
        self.states.insert(name.to_owned(), zeros);
        self.program.state(name, shape, dtype)
    }

    /// A sum that `op` adds onto, and a question.
    fn sum(&mut self, op: &'static str, value: &'static str, shape: Shape) -> Tensor {
        let name = format!("{op}.{value}");
        self.questions.push(Question { op, value, dtype: DType::F32, source: Source::State(name.clone()) });
        self.state(&name, shape, DType::F32)
    }

    fn ask(&mut self, op: &'static str, value: &'static str, tensor: Tensor) {
        let name = format!("{op}.{value}");
        self.program.output(&name, tensor);
        self.questions.push(Question { op, value, dtype: tensor.dtype, source: Source::Output(name) });
    }
}

/// A training step of one layer, op by op.
fn training() -> Known {
    let mut known = Known::new();
    let rows = shape![ROWS, WIDTH];
    let row = |row: usize| row as u32;
    let tokens = known.integers("tokens", (0..ROWS).map(|at| row(at * at * 7 % VOCABULARY)).collect());
    let positions =
        known.integers("positions", (0..ROWS).map(|at| row(if at < SECOND { at } else { at - SECOND })).collect());
    let segments = known.integers("segments", (0..ROWS).map(|at| row(if at < SECOND { 0 } else { SECOND })).collect());
    let targets = known.integers("targets", (0..ROWS).map(|at| row(at * 5 % VOCABULARY)).collect());
    let key = known.integers("key", vec![7, 9]);
    let weights = (0..ROWS).map(|at| if at % 5 == 2 { 0.0 } else { 0.25 }).collect();
    let weights = known.given("weights", HostTensor::f32(shape![ROWS], weights), DType::F32);

    let tables = [("table", shape![VOCABULARY, WIDTH]), ("outer", shape![4, 6]), ("inner", shape![8, WIDTH - 6])];
    let [table, outer, inner] = tables.map(|(name, shape)| known.input(name, shape, 1.0));
    let embedding = EmbedParameters { table, positions: vec![outer, inner] };
    let embed = Embed { position: POSITION, dropout: DROPOUT, stream: STREAM };
    let x = known.program.embed(embed, tokens, positions, key, &embedding);
    known.ask("embed", "stream", x);

    let norm = known.norm("attention", WIDTH);
    let columns = shape![WIDTH, HEADS.columns()];
    let projections = ["qk", "v"].map(|name| known.input(name, columns, 0.3));
    let projected = known.program.project_heads(HEADS, x, norm, &projections, &["qk", "v"]);
    known.ask("project_heads", "qk", projected[0]);
    known.ask("project_heads", "v", projected[1]);
    let (qk, v) = (projected[0], projected[1]);

    let hash = LshHash { heads: HEADS, rounds: ROUNDS, factors: vec![4, 2] };
    let rotations = known.input("rotations", shape![HEADS.count, ROUNDS, HEADS.width, hash.columns()], 1.0);
    let buckets = known.program.lsh_hash(hash, qk, rotations);
    known.ask("lsh_hash", "buckets (integers)", buckets);
    let (order, slot) = known.program.sort_by_bucket(SortByBucket { buckets: BUCKETS }, buckets, segments);
    known.ask("sort_by_bucket", "order (integers)", order);
    known.ask("sort_by_bucket", "slots (integers)", slot);
    let low = known.program.intervals(Intervals { window: WINDOW }, buckets, segments, order, slot);
    known.ask("intervals", "first slots (integers)", low);

    let lsh = AttentionKeys::Lsh { qk, v, order, slot, low };
    let (context, z) = known.program.attention(LSH, HEADS, &lsh);
    known.ask("attention", "context over buckets", context);
    let separate = AttentionKeys::Separate { q: qk, k: v, v: qk, segments };
    let (local_context, local_z) = known.program.attention(LOCAL, HEADS, &separate);
    known.ask("attention", "context in order", local_context);

    let out = known.input("out", shape![HEADS.columns(), WIDTH], 0.3);
    let merge = MergeHeads { heads: HEADS, direction: Direction::Forward, dropout: DROPOUT };
    let y1 = known.program.merge_heads(merge, x, context, out, key);
    known.ask("merge_heads", "stream", y1);
    let layer = FeedForwardParameters {
        norm: known.norm("feed_forward", WIDTH),
        w1: known.input("w1", shape![WIDTH, HIDDEN], 0.3),
        b1: known.input("b1", shape![HIDDEN], 0.3),
        w2: known.input("w2", shape![HIDDEN, WIDTH], 0.3),
        b2: known.input("b2", shape![WIDTH], 0.3),
    };
    let activation = Activation::Gelu;
    let feed_forward = FeedForward { direction: Direction::Forward, activation, dropout: DROPOUT };
    let y2 = known.program.feed_forward(feed_forward, x, y1, &layer, key);
    known.ask("feed_forward", "stream", y2);

    let head_norm = known.norm("head", 2 * WIDTH);
    let head = HeadParameters {
        gamma: head_norm.gamma,
        beta: head_norm.beta,
        weight: known.input("head.weight", shape![2 * WIDTH, VOCABULARY], 0.3),
        bias: known.input("head.bias", shape![VOCABULARY], 0.3),
    };
    let losses = known.program.head_loss(y1, y2, &head, targets, weights);
    known.ask("head_loss", "losses", losses);
    let chosen = known.integers("chosen", vec![3, 39, 11]);
    let logits = known.program.logits(y1, y2, chosen, &head);
    known.ask("logits", "logits", logits);

    let sums = HeadParameters {
        gamma: known.sum("head_loss_gradient", "scale", shape![2 * WIDTH]),
        beta: known.sum("head_loss_gradient", "shift", shape![2 * WIDTH]),
        weight: known.sum("head_loss_gradient", "weight", shape![2 * WIDTH, VOCABULARY]),
        bias: known.sum("head_loss_gradient", "bias", shape![VOCABULARY]),
    };
    let (dy1, dy2, _) = known.program.head_loss_gradient(y1, y2, &head, targets, weights, &sums);
    known.ask("head_loss_gradient", "first stream", dy1);
    known.ask("head_loss_gradient", "second stream", dy2);

    let sums = FeedForwardParameters {
        norm: NormParameters {
            gamma: known.sum("feed_forward_gradient", "scale", shape![WIDTH]),
            beta: known.sum("feed_forward_gradient", "shift", shape![WIDTH]),
        },
        w1: known.sum("feed_forward_gradient", "w1", shape![WIDTH, HIDDEN]),
        b1: known.sum("feed_forward_gradient", "b1", shape![HIDDEN]),
        w2: known.sum("feed_forward_gradient", "w2", shape![HIDDEN, WIDTH]),
        b2: known.sum("feed_forward_gradient", "b2", shape![WIDTH]),
    };
    let gradient = FeedForwardGradient { activation, dropout: DROPOUT, rebuild: true };
    let (dy1, rebuilt) = known.program.feed_forward_gradient(gradient, y1, dy2, &layer, key, dy1, &sums, Some(y2));
    known.ask("feed_forward_gradient", "stream", dy1);
    if let Some(rebuilt) = rebuilt {
        known.ask("feed_forward_gradient", "rebuilt", rebuilt);
    }

    let d_out = known.sum("merge_heads_gradient", "weight", shape![HEADS.columns(), WIDTH]);
    let gradient = MergeHeadsGradient { heads: HEADS, dropout: DROPOUT };
    let (d_context, delta) = known.program.merge_heads_gradient(gradient, dy1, context, out, key, d_out);
    known.ask("merge_heads_gradient", "context", d_context);
    let d = known.program.attention_gradient(LSH, HEADS, &lsh, z, delta, d_context);
    known.ask("attention_gradient", "shared queries and keys", d[0]);
    known.ask("attention_gradient", "values", d[1]);
    let local = known.program.attention_gradient(LOCAL, HEADS, &separate, local_z, delta, d_context);
    known.ask("attention_gradient", "queries", local[0]);
    known.ask("attention_gradient", "keys", local[1]);
    known.ask("attention_gradient", "values in order", local[2]);

    let d_projections = ["qk", "v"].map(|value| known.sum("project_heads_gradient", value, columns));
    let zeros = known.program.zeros("d_normed", rows);
    let program = &mut known.program;
    let d_normed = program.project_heads_gradient(HEADS, x, norm, &d, &projections, zeros, &d_projections);
    known.ask("project_heads_gradient", "norm", d_normed);
    let sums = NormParameters {
        gamma: known.sum("layer_norm_gradient", "scale", shape![WIDTH]),
        beta: known.sum("layer_norm_gradient", "shift", shape![WIDTH]),
    };
    let dx2 = known.program.layer_norm_gradient(x, norm.gamma, d_normed, dy2, sums);
    known.ask("layer_norm_gradient", "stream", dx2);

    let [table, outer, inner] = tables.map(|(name, shape)| known.sum("embed_gradient", name, shape));
    let gradients = EmbedParameters { table, positions: vec![outer, inner] };
    let gradient = EmbedGradient { position: POSITION, dropout: DROPOUT };
    known.program.embed_gradient(gradient, tokens, positions, key, dy1, dx2, &gradients);

    let norm = known.program.gradient_norm(&[dy1, dx2]);
    known.ask("gradient_norm", "norm", norm);
    let schedule = known.given("schedule", HostTensor::f32(shape![4], vec![0.01, 0.1, 0.02, 1.0]), DType::F32);
    let [parameter, first, second, sum] = ["parameter", "first moment", "second moment", "gradient"].map(|value| {
        let tensor = known.sum("adamw", value, shape![WIDTH]);
        // A second moment is no less than zero.
        let numbers = known.numbers(shape![WIDTH], 1.0, 0.1);
        known.states.insert(format!("adamw.{value}"), numbers);
        tensor
    });
    let op = AdamW { beta1: 0.9, beta2: 0.98, epsilon: 1e-9, decay: 0.01 };
    known.program.adamw(op, norm, schedule, parameter, [first, second], sum);
    let half = known.program.cast(out, DType::F16);
    known.ask("cast", "halves", half);
    let again = known.program.merge_heads(merge, x, context, half, key);
    known.ask("cast", "a product with halves", again);
    known
}

/// Tokens of two conversations and padding, one after another, by both ways of caching.
fn decoding() -> Known {
    const MOST_POSITIONS: usize = 64;
    const CONVERSATIONS: usize = 2;
    let mut known = Known::new();
    let (mut positions, mut cache_rows) = (Vec::new(), Vec::new());
    let mut next = [0; CONVERSATIONS];
    for row in 0..ROWS {
        let conversation = row % CONVERSATIONS;
        if row == SECOND {
            // This conversation starts anew.
            next[conversation] = 0;
        }
        let is_padding = row % 9 == 4;
        positions.push(if is_padding { 0 } else { next[conversation] });
        cache_rows.push(if is_padding { NO_ROW } else { conversation as u32 });
        next[conversation] += u32::from(!is_padding);
    }
    let (positions, cache_rows) = (known.integers("positions", positions), known.integers("cache rows", cache_rows));
    let [q, k, v] = ["q", "k", "v"].map(|name| known.input(name, shape![ROWS, HEADS.columns()], 1.0));
    let drawn: Vec<u32> = (0..HEADS.count * ROUNDS * ROWS).map(|at| (at * at % 11 % BUCKETS) as u32).collect();
    let drawn = HostTensor::u32(shape![HEADS.count, ROUNDS, ROWS], drawn);
    let buckets = known.given("buckets", drawn, DType::U32);
    let lsh = CachePattern::Lsh { rounds: ROUNDS, window: WINDOW, buckets: BUCKETS };
    let ways: [(&str, &str, CachePattern, &[Tensor], Option<Tensor>); 2] = [
        ("over buckets", "lsh", lsh, &[q, v], Some(buckets)),
        ("in order", "local", CachePattern::Local { window: WINDOW }, &[q, k, v], None),
    ];
    for (value, name, pattern, queries, buckets) in ways {
        let op = AttentionCached { pattern, heads: HEADS, max_positions: MOST_POSITIONS };
        let layout = op.layout();
        let entries = shape![CONVERSATIONS, HEADS.count, layout.capacity, HEADS.width];
        let cache = [
            known.state(&format!("{name}.keys"), entries, DType::F32),
            known.state(&format!("{name}.values"), entries, DType::F32),
            known.state(&format!("{name}.index"), shape![CONVERSATIONS, HEADS.count, layout.words], DType::U32),
        ];
        let context = known.program.attention_cached(op, queries, positions, cache_rows, buckets, cache);
        known.ask("attention_cached", value, context);
    }
    known
}

/// One invocation walks as far as a launch lets it: drivers have ended loops before.
fn walk() -> Known {
    let mut known = Known::new();
    let [tokens, positions] = ["tokens", "positions"].map(|name| known.integers(name, vec![0; WALK]));
    let key = known.integers("key", vec![7, 9]);
    let dx = ["dx1", "dx2"].map(|name| known.input(name, shape![WALK, 1], 1.0));
    let [table, learned] = ["long sum", "another"].map(|name| known.sum("embed_gradient", name, shape![1, 1]));
    let gradients = EmbedParameters { table, positions: vec![learned] };
    let op = EmbedGradient { position: PositionKind::Learned, dropout: Dropout { rate: 0.0, site: 0 } };
    known.program.embed_gradient(op, tokens, positions, key, dx[0], dx[1], &gradients);
    known
}
