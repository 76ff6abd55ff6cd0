//! Threads and SIMD levels change no bit: every op but attention's (see `attention_bits`), over three blocks of rows, the last
//! of them short. What the values should be is the conformance suite's matter.

use reformer_cpu::{Cpu, Environment, Kernels, Level};
use reformer_tensor::op::{
    AdamW, Embed, EmbedGradient, EmbedParameters, FeedForward, FeedForwardGradient, FeedForwardParameters,
    HeadParameters, MergeHeads, MergeHeadsGradient, NormParameters,
};
use reformer_tensor::{
    Activation, Backend, Checks, DType, Direction, Dropout, HeadRange, HostData, HostTensor, Inputs, Key, Plan,
    PlanOptions, PositionKind, Program, Shape, Tensor, shape,
};
use std::collections::BTreeMap;

const ROWS: usize = 1100;
const WIDTH: usize = 48;
const HIDDEN: usize = 80;
const VOCABULARY: usize = 70;
const PLACES: usize = 64;
/// Not the first heads of the layer, and not all.
const HEADS: HeadRange = HeadRange { first: 1, count: 2, width: 24 };
const ALL_COLUMNS: usize = 4 * 24;
const DROPOUT: Dropout = Dropout { rate: 0.2, site: 5 };

/// Everything that a run leaves behind, as bits.
type Bits = BTreeMap<String, Vec<u32>>;

fn bits(tensor: HostTensor) -> Vec<u32> {
    match tensor.data {
        HostData::F32(data) => data.into_iter().map(f32::to_bits).collect(),
        HostData::U32(data) => data,
        HostData::I32(data) => data.into_iter().map(|number| number as u32).collect(),
        HostData::F64(_) => panic!("the CPU knows no doubles"),
    }
}

fn run(cpu: &Cpu, program: &Program) -> Bits {
    let plan = Plan::new(program, &PlanOptions::default()).unwrap();
    let mut store = cpu.store();
    plan.declare_states(store.as_mut()).unwrap();
    let tensor = |number: usize, shape: Shape, dtype: DType| {
        let numbers = Key::from_seed(number as u64).normal(shape.elements());
        match dtype {
            DType::F32 | DType::F16 | DType::Bf16 => HostTensor::f32(shape, numbers),
            DType::Fixed { .. } => HostTensor::i32(shape, numbers.iter().map(|x| (x * 5e5) as i32).collect()),
            DType::U32 => HostTensor::u32(shape, numbers.iter().map(|x| (x * 1e6) as u32 % PLACES as u32).collect()),
        }
    };
    for (number, state) in program.states.iter().enumerate() {
        let value = program.info(state.value);
        store.write(&state.name, &tensor(number, value.shape, value.dtype)).unwrap();
    }
    let mut inputs = Inputs::new();
    for (number, (name, id)) in program.inputs.iter().enumerate() {
        let value = program.info(*id);
        inputs.insert(name.clone(), tensor(1000 + number, value.shape, value.dtype));
    }
    if let Some(weights) = inputs.get_mut("weights") {
        // A third of the rows is not scored.
        let numbers = (0..ROWS).map(|row| if row % 3 == 1 { 0.0 } else { 1e-3 }).collect();
        *weights = HostTensor::f32(weights.shape, numbers);
    }
    let mut prepared = cpu.prepare(plan, Checks::Poison).unwrap();
    let mut left = Bits::new();
    for (name, tensor) in prepared.run(store.as_mut(), &inputs).unwrap() {
        left.insert(format!("output {name}"), bits(tensor));
    }
    for name in store.names() {
        left.insert(format!("state {name}"), bits(store.read(&name).unwrap()));
    }
    left
}

fn check(name: &str, record: impl FnOnce(&mut Program)) {
    let mut program = Program::new();
    record(&mut program);
    let with = |threads, level| Cpu::with(Environment { threads, level, kernels: Kernels::Fast });
    for level in Level::available() {
        let first = run(&with(1, level), &program);
        let changed = first.values().flatten().filter(|&&word| word != 0).count();
        assert!(changed > 0, "{name}: nothing but zeros");
        for threads in [2, 3, 7] {
            assert!(run(&with(threads, level), &program) == first, "{name}: {threads} threads, {}", level.name());
        }
        if level == Level::Avx512 {
            assert!(run(&with(2, Level::Avx2), &program) == first, "{name}: AVX2 against AVX-512");
        }
    }
}

fn number(program: &mut Program, name: &str, shape: Shape) -> Tensor {
    program.state(name, shape, DType::F32)
}

fn rows(program: &mut Program, name: &str) -> Tensor {
    number(program, name, shape![ROWS, WIDTH])
}

fn stream(program: &mut Program, name: &str) -> Tensor {
    program.state(name, shape![ROWS, WIDTH], DType::STREAM)
}

fn key(program: &mut Program) -> Tensor {
    program.input("key", shape![2], DType::U32)
}

fn indices(program: &mut Program) -> [Tensor; 2] {
    ["tokens", "positions"].map(|name| program.input(name, shape![ROWS], DType::U32))
}

fn norm(program: &mut Program, prefix: &str) -> NormParameters {
    let mut one = |name: &str| number(program, &format!("{prefix}{name}"), shape![WIDTH]);
    NormParameters { gamma: one("gamma"), beta: one("beta") }
}

fn tables(program: &mut Program) -> EmbedParameters {
    let table = number(program, "table", shape![VOCABULARY, WIDTH]);
    let positions = vec![number(program, "outer", shape![8, 16]), number(program, "inner", shape![8, WIDTH - 16])];
    EmbedParameters { table, positions }
}

const AXIAL: PositionKind = PositionKind::Axial { outer: 8, inner: 8, outer_width: 16 };

#[test]
fn embed_and_its_gradient() {
    check("embed", |program| {
        let (tables, [tokens, positions], key) = (tables(program), indices(program), key(program));
        let op = Embed { position: AXIAL, dropout: DROPOUT, stream: DType::STREAM };
        let stream = program.embed(op, tokens, positions, key, &tables);
        program.output("stream", stream);
    });
    check("embed_gradient", |program| {
        let (tables, [tokens, positions], key) = (tables(program), indices(program), key(program));
        let (dx1, dx2) = (rows(program, "dx1"), rows(program, "dx2"));
        program.embed_gradient(
            EmbedGradient { position: AXIAL, dropout: DROPOUT },
            tokens,
            positions,
            key,
            dx1,
            dx2,
            &tables,
        );
    });
}

#[test]
fn projections_and_their_gradients() {
    check("project_heads", |program| {
        let (x, norm) = (stream(program, "x"), norm(program, ""));
        let weights = ["qk", "v"].map(|name| number(program, name, shape![WIDTH, ALL_COLUMNS]));
        for (name, tensor) in ["qk", "v"].into_iter().zip(program.project_heads(HEADS, x, norm, &weights, &["qk", "v"]))
        {
            program.output(name, tensor);
        }
    });
    check("project_heads_gradient", |program| {
        let (x, norm) = (stream(program, "x"), norm(program, ""));
        let weights = ["qk", "v"].map(|name| number(program, name, shape![WIDTH, ALL_COLUMNS]));
        let gradients = ["dwqk", "dwv"].map(|name| number(program, name, shape![WIDTH, ALL_COLUMNS]));
        let upstream = ["dqk", "dv"].map(|name| number(program, name, shape![ROWS, HEADS.columns()]));
        let d_normed = rows(program, "d_normed");
        program.project_heads_gradient(HEADS, x, norm, &upstream, &weights, d_normed, &gradients);
    });
    check("layer_norm_gradient", |program| {
        let (x, norms, gradients) = (stream(program, "x"), norm(program, ""), norm(program, "d"));
        let (d_normed, dx) = (rows(program, "d_normed"), rows(program, "dx"));
        program.layer_norm_gradient(x, norms.gamma, d_normed, dx, gradients);
    });
}

#[test]
fn merge_heads_and_its_gradient() {
    check("merge_heads", |program| {
        let (stream, key) = (stream(program, "stream"), key(program));
        let context = number(program, "context", shape![ROWS, HEADS.columns()]);
        let weight = number(program, "weight", shape![ALL_COLUMNS, WIDTH]);
        let op = MergeHeads { heads: HEADS, direction: Direction::Reverse, dropout: DROPOUT };
        program.merge_heads(op, stream, context, weight, key);
    });
    check("merge_heads_gradient", |program| {
        let (dy, key) = (rows(program, "dy"), key(program));
        let context = number(program, "context", shape![ROWS, HEADS.columns()]);
        let [weight, dweight] = ["w", "dw"].map(|name| number(program, name, shape![ALL_COLUMNS, WIDTH]));
        let op = MergeHeadsGradient { heads: HEADS, dropout: DROPOUT };
        let (d_context, delta) = program.merge_heads_gradient(op, dy, context, weight, key, dweight);
        program.output("d_context", d_context);
        program.output("delta", delta);
    });
}

fn feed_forward_parameters(program: &mut Program, prefix: &str) -> FeedForwardParameters {
    let norm = norm(program, prefix);
    let mut one = |name: &str, shape| number(program, &format!("{prefix}{name}"), shape);
    FeedForwardParameters {
        norm,
        w1: one("w1", shape![WIDTH, HIDDEN]),
        b1: one("b1", shape![HIDDEN]),
        w2: one("w2", shape![HIDDEN, WIDTH]),
        b2: one("b2", shape![WIDTH]),
    }
}

#[test]
fn feed_forward_and_its_gradient() {
    check("feed_forward", |program| {
        let (x, stream, key) = (stream(program, "x"), stream(program, "stream"), key(program));
        let parameters = feed_forward_parameters(program, "");
        let op = FeedForward { direction: Direction::Forward, activation: Activation::Gelu, dropout: DROPOUT };
        program.feed_forward(op, stream, x, &parameters, key);
    });
    for rebuild in [false, true] {
        check("feed_forward_gradient", |program| {
            let (x, key) = (stream(program, "x"), key(program));
            let y = rebuild.then(|| stream(program, "y"));
            let (parameters, gradients) = (feed_forward_parameters(program, ""), feed_forward_parameters(program, "d"));
            let (dy, dx) = (rows(program, "dy"), rows(program, "dx"));
            let dropout = if rebuild { DROPOUT } else { Dropout { rate: 0.0, site: 0 } };
            let op = FeedForwardGradient { activation: Activation::Gelu, dropout, rebuild };
            program.feed_forward_gradient(op, x, dy, &parameters, key, dx, &gradients, y);
        });
    }
}

fn head(program: &mut Program, prefix: &str) -> HeadParameters {
    let mut one = |name: &str, shape| number(program, &format!("{prefix}{name}"), shape);
    HeadParameters {
        gamma: one("gamma", shape![2 * WIDTH]),
        beta: one("beta", shape![2 * WIDTH]),
        weight: one("weight", shape![2 * WIDTH, VOCABULARY]),
        bias: one("bias", shape![VOCABULARY]),
    }
}

#[test]
fn the_head_and_its_gradient() {
    check("head_loss", |program| {
        let (y1, y2, head) = (stream(program, "y1"), stream(program, "y2"), head(program, ""));
        let targets = program.input("targets", shape![ROWS], DType::U32);
        let weights = program.input("weights", shape![ROWS], DType::F32);
        let losses = program.head_loss(y1, y2, &head, targets, weights);
        program.output("losses", losses);
    });
    check("head_loss_gradient", |program| {
        let (y1, y2) = (stream(program, "y1"), stream(program, "y2"));
        let (parameters, gradients) = (head(program, ""), head(program, "d"));
        let targets = program.input("targets", shape![ROWS], DType::U32);
        let weights = program.input("weights", shape![ROWS], DType::F32);
        let (dy1, dy2, losses) = program.head_loss_gradient(y1, y2, &parameters, targets, weights, &gradients);
        for (name, tensor) in [("dy1", dy1), ("dy2", dy2), ("losses", losses)] {
            program.output(name, tensor);
        }
    });
    check("logits", |program| {
        let (y1, y2, head) = (stream(program, "y1"), stream(program, "y2"), head(program, ""));
        let chosen = program.input("chosen", shape![150], DType::U32);
        let logits = program.logits(y1, y2, chosen, &head);
        program.output("logits", logits);
    });
}

#[test]
fn the_optimiser() {
    check("gradient_norm and adamw", |program| {
        let mut one = |name: &str| number(program, name, shape![300, 300]);
        let (parameter, moments, gradient) = (one("parameter"), [one("first"), one("second")], one("gradient"));
        let schedule = program.input("schedule", shape![4], DType::F32);
        let norm = program.gradient_norm(&[gradient, parameter]);
        program.output("norm", norm);
        let op = AdamW { beta1: 0.9, beta2: 0.98, epsilon: 1e-8, decay: 0.01 };
        program.adamw(op, norm, schedule, parameter, moments, gradient);
    });
}
