//! The same model where a key that a query sees in several rounds counts once a round, as in most implementations, instead of once:
//! rounds are attended one by one, and merged by their sums of exponentials. Only for evaluation, and for one layer.

use crate::{Failure, Keys, Model, Task, right};
use reformer_model::ModelConfig;
use reformer_tensor::op::{
    AttentionKeys, Embed, EmbedParameters, FeedForward, FeedForwardParameters, HeadParameters, Intervals, LshHash,
    MergeHeads, NormParameters, SortByBucket,
};
use reformer_tensor::{
    DType, Direction, Dropout, HeadRange, HostTensor, Inputs, Pattern, PositionKind, Prepared, Program, Shape, Tensor,
    shape,
};

const KEEP: Dropout = Dropout { rate: 0.0, site: 0 };

fn parameter(program: &mut Program, name: &str, dims: Shape) -> Tensor {
    program.state(name, dims, DType::F32)
}

fn norm(program: &mut Program, name: &str, width: usize) -> NormParameters {
    NormParameters {
        gamma: parameter(program, &format!("{name}.gamma"), shape![width]),
        beta: parameter(program, &format!("{name}.beta"), shape![width]),
    }
}

fn heads(config: &ModelConfig) -> HeadRange {
    HeadRange { first: 0, count: config.heads, width: config.head_width }
}

fn stream(program: &mut Program, config: &ModelConfig, rows: usize) -> (Tensor, Tensor) {
    let tokens = program.input("tokens", shape![rows], DType::U32);
    let positions = program.input("positions", shape![rows], DType::U32);
    let key = program.input("key", shape![2], DType::U32);
    let table = parameter(program, "embed.table", shape![config.vocabulary, config.width]);
    let places = parameter(program, "embed.positions", shape![config.max_positions, config.width]);
    let op = Embed { position: PositionKind::Learned, dropout: KEEP, stream: config.stream() };
    (program.embed(op, tokens, positions, key, &EmbedParameters { table, positions: vec![places] }), key)
}

/// Contexts and log-sums of one round, whose rotations are an input.
fn round(config: &ModelConfig, rows: usize) -> Program {
    let mut program = Program::new();
    let (x, _) = stream(&mut program, config, rows);
    let heads = heads(config);
    let segments = program.input("segments", shape![rows], DType::U32);
    let norm = norm(&mut program, "layer.000.attention.norm", config.width);
    let names = ["query_key", "value"];
    let weights = names.map(|name| {
        parameter(&mut program, &format!("layer.000.attention.{name}"), shape![config.width, heads.columns()])
    });
    let projected = program.project_heads(heads, x, norm, &weights, &names);
    let columns = config.buckets.iter().sum::<usize>() / 2;
    let rotations = program.input("rotations", shape![config.heads, 1, config.head_width, columns], DType::F32);
    let op = LshHash { heads, rounds: 1, factors: config.buckets.clone() };
    let buckets = program.lsh_hash(op, projected[0], rotations);
    let (order, slot) = program.sort_by_bucket(SortByBucket { buckets: config.bucket_count() }, buckets, segments);
    let low = program.intervals(Intervals { window: config.window }, buckets, segments, order, slot);
    let keys = AttentionKeys::Lsh { qk: projected[0], v: projected[1], order, slot, low };
    let (context, z) = program.attention(Pattern::Lsh { rounds: 1, window: config.window }, heads, &keys);
    program.output("context", context);
    program.output("z", z);
    program
}

/// What follows on the merged contexts.
fn rest(config: &ModelConfig, rows: usize, chosen: usize) -> Program {
    let mut program = Program::new();
    let (x, key) = stream(&mut program, config, rows);
    let (heads, width, hidden) = (heads(config), config.width, config.feed_forward);
    let context = program.input("context", shape![rows, heads.columns()], DType::F32);
    let output = parameter(&mut program, "layer.000.attention.output", shape![heads.columns(), width]);
    let op = MergeHeads { heads, direction: Direction::Forward, dropout: KEEP };
    let y1 = program.merge_heads(op, x, context, output, key);
    let part = |name: &str| format!("layer.000.feed_forward.{name}");
    let parameters = FeedForwardParameters {
        norm: norm(&mut program, &part("norm"), width),
        w1: parameter(&mut program, &part("w1"), shape![width, hidden]),
        b1: parameter(&mut program, &part("b1"), shape![hidden]),
        w2: parameter(&mut program, &part("w2"), shape![hidden, width]),
        b2: parameter(&mut program, &part("b2"), shape![width]),
    };
    let op = FeedForward { direction: Direction::Forward, activation: config.activation(), dropout: KEEP };
    let y2 = program.feed_forward(op, x, y1, &parameters, key);
    let head = HeadParameters {
        gamma: parameter(&mut program, "head.norm.gamma", shape![2 * width]),
        beta: parameter(&mut program, "head.norm.beta", shape![2 * width]),
        weight: parameter(&mut program, "head.weight", shape![2 * width, config.vocabulary]),
        bias: parameter(&mut program, "head.bias", shape![config.vocabulary]),
    };
    let chosen = program.input("chosen", shape![chosen], DType::U32);
    let logits = program.logits(y1, y2, chosen, &head);
    program.output("logits", logits);
    program
}

/// The rotations of one round out of those of all, `[heads, rounds, head_width, columns]`.
fn rotations(config: &ModelConfig, all: &HostTensor, round: usize) -> HostTensor {
    let columns = config.buckets.iter().sum::<usize>() / 2;
    let size = config.head_width * columns;
    let data = all.as_f32().unwrap_or(&[]);
    let own = (0..config.heads).flat_map(|head| &data[(head * config.rounds + round) * size..][..size]);
    HostTensor::f32(shape![config.heads, 1, config.head_width, columns], own.copied().collect())
}

/// Σ exp(z)·context over the rounds by Σ exp(z), per head and row.
fn merged(config: &ModelConfig, rows: usize, rounds: &[(Vec<f32>, Vec<f32>)]) -> Vec<f32> {
    let columns = config.heads * config.head_width;
    let at = |row: usize, column: usize| {
        let z = |round: &(Vec<f32>, Vec<f32>)| f64::from(round.1[column / config.head_width * rows + row]);
        let most = rounds.iter().map(z).fold(f64::NEG_INFINITY, f64::max);
        let sums = rounds.iter().fold((0.0, 0.0), |(above, below), round| {
            let weight = (z(round) - most).exp();
            (above + weight * f64::from(round.0[row * columns + column]), below + weight)
        });
        (sums.0 / sums.1) as f32
    };
    (0..rows * columns).map(|index| at(index / columns, index % columns)).collect()
}

/// [`crate::accuracy`] with every pair counted in each round that sees it.
pub(crate) fn accuracy(task: &Task, keys: Keys, model: &mut Model) -> Result<f64, Failure> {
    let config = task.config(keys);
    let rows = task.batch * task.length();
    let mut attend = model.prepare(&round(&config, rows))?;
    let mut finish = model.prepare(&rest(&config, rows, task.batch * task.symbols))?;
    let mut run = |prepared: &mut dyn Prepared, inputs: &Inputs| prepared.run(model.store.as_mut(), inputs);
    right(task, &config, |inputs| {
        let mut rounds = Vec::new();
        let all = inputs["layer.000.rotations"].clone();
        let mut inputs = inputs.clone();
        for round in 0..config.rounds {
            inputs.insert("rotations".to_owned(), rotations(&config, &all, round));
            let outputs = run(attend.as_mut(), &inputs)?;
            let part = |name: &str| outputs[name].as_f32().unwrap_or(&[]).to_vec();
            rounds.push((part("context"), part("z")));
        }
        let context = merged(&config, rows, &rounds);
        inputs.insert("context".to_owned(), HostTensor::f32(shape![rows, config.heads * config.head_width], context));
        Ok(run(finish.as_mut(), &inputs)?["logits"].clone())
    })
}
