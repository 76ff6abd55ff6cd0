//! Tokens, and attention over them as a program: what the tests of its bits need. No test lives here.

use reformer_cpu::{Cpu, Environment, Kernels, Level};
use reformer_tensor::op::{AttentionKeys, Intervals, LshHash, SortByBucket};
use reformer_tensor::{
    Backend, CachePattern, Checks, DType, HeadRange, HostTensor, Inputs, Key, Outputs, Pattern, Plan, PlanOptions,
    Prepared, Program, Store, Tensor, shape,
};

pub const WINDOW: usize = 6;
pub const ROUNDS: usize = 3;
pub const FACTORS: [usize; 2] = [2, 4];
/// Longer than any segment here.
pub const MAX_POSITIONS: usize = 256;
pub const COLUMNS: usize = HEADS.count * HEADS.width;
pub const HEADS: HeadRange = HeadRange { first: 0, count: 3, width: 24 };

#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Kind {
    Lsh,
    Local,
    Full,
}

pub const KINDS: [Kind; 3] = [Kind::Lsh, Kind::Local, Kind::Full];

impl Kind {
    pub fn pattern(self) -> Pattern {
        match self {
            Kind::Lsh => Pattern::Lsh { rounds: ROUNDS, window: WINDOW },
            Kind::Local => Pattern::Local { window: WINDOW },
            Kind::Full => Pattern::Full,
        }
    }

    pub fn cache_pattern(self) -> CachePattern {
        match self {
            Kind::Lsh => CachePattern::Lsh { rounds: ROUNDS, window: WINDOW, buckets: FACTORS.iter().product() },
            Kind::Local => CachePattern::Local { window: WINDOW },
            Kind::Full => CachePattern::Full,
        }
    }
}

/// The projections of some tokens, and the rows where their segments start.
#[derive(Clone)]
pub struct Tokens {
    pub q: Vec<f32>,
    pub k: Vec<f32>,
    pub v: Vec<f32>,
    pub segments: Vec<u32>,
}

impl Tokens {
    /// Segments of these lengths. Neighbouring tokens resemble each other, so that buckets are crowded and logits not flat.
    pub fn new(lengths: &[usize]) -> Self {
        let rows: usize = lengths.iter().sum();
        let numbers = |seed| {
            let topics = Key::from_seed(seed).normal(rows.div_ceil(20) * COLUMNS);
            let own = Key::from_seed(seed + 100).normal(rows * COLUMNS);
            let number = |at: usize| topics[at / COLUMNS / 20 * COLUMNS + at % COLUMNS] + 0.7 * own[at];
            (0..rows * COLUMNS).map(number).collect::<Vec<f32>>()
        };
        let mut segments = Vec::new();
        for &length in lengths {
            let start = segments.len() as u32;
            segments.extend(std::iter::repeat_n(start, length));
        }
        Self { q: numbers(1), k: numbers(2), v: numbers(3), segments }
    }

    pub fn rows(&self) -> usize {
        self.segments.len()
    }

    /// Some of the tokens as a row of their own.
    pub fn part(&self, rows: std::ops::Range<usize>) -> Self {
        let columns = |numbers: &[f32]| numbers[rows.start * COLUMNS..rows.end * COLUMNS].to_vec();
        let start = |&segment: &u32| segment.saturating_sub(rows.start as u32);
        Self {
            q: columns(&self.q),
            k: columns(&self.k),
            v: columns(&self.v),
            segments: self.segments[rows.clone()].iter().map(start).collect(),
        }
    }

    pub fn inputs(&self) -> Inputs {
        let shape = shape![self.rows(), COLUMNS];
        let mut inputs = Inputs::new();
        for (name, numbers) in [("q", &self.q), ("k", &self.k), ("v", &self.v)] {
            inputs.insert(name.to_owned(), HostTensor::f32(shape, numbers.clone()));
        }
        inputs.insert("segments".to_owned(), HostTensor::u32(shape![self.rows()], self.segments.clone()));
        inputs.insert("rotations".to_owned(), rotations());
        inputs
    }
}

pub fn hash() -> LshHash {
    LshHash { heads: HEADS, rounds: ROUNDS, factors: FACTORS.to_vec() }
}

pub fn rotations() -> HostTensor {
    let shape = shape![HEADS.count, ROUNDS, HEADS.width, hash().columns()];
    HostTensor::f32(shape, Key::from_seed(9).normal(shape.elements()))
}

/// Records hashing, sorting and the operands of attention.
pub fn keys(program: &mut Program, kind: Kind, rows: usize) -> AttentionKeys {
    let projection = |program: &mut Program, name| program.input(name, shape![rows, COLUMNS], DType::F32);
    let [q, v] = ["q", "v"].map(|name| projection(program, name));
    let segments = program.input("segments", shape![rows], DType::U32);
    if kind != Kind::Lsh {
        return AttentionKeys::Separate { q, k: projection(program, "k"), v, segments };
    }
    let buckets = hash_of(program, q);
    program.output("buckets", buckets);
    let (order, slot) = program.sort_by_bucket(SortByBucket { buckets: hash().buckets() }, buckets, segments);
    let low = program.intervals(Intervals { window: WINDOW }, buckets, segments, order, slot);
    program.output("low", low);
    program.output("slot", slot);
    AttentionKeys::Lsh { qk: q, v, order, slot, low }
}

pub fn hash_of(program: &mut Program, qk: Tensor) -> Tensor {
    let op = hash();
    let rotations = program.input("rotations", shape![HEADS.count, ROUNDS, HEADS.width, op.columns()], DType::F32);
    program.lsh_hash(op, qk, rotations)
}

pub fn best() -> Environment {
    Environment { threads: 2, level: Level::detect(), kernels: Kernels::Fast }
}

pub fn prepare(program: &Program, environment: Environment) -> (Box<dyn Prepared>, Box<dyn Store>) {
    let backend = Cpu::with(environment);
    let plan = Plan::new(program, &PlanOptions::default()).expect("the recording is right");
    let mut store = backend.store();
    plan.declare_states(store.as_mut()).expect("new states");
    (backend.prepare(plan, Checks::Poison).expect("the plan fits"), store)
}

pub fn forward(kind: Kind, tokens: &Tokens, environment: Environment) -> Outputs {
    let mut program = Program::new();
    let keys = keys(&mut program, kind, tokens.rows());
    let (context, z) = program.attention(kind.pattern(), HEADS, &keys);
    program.output("context", context);
    program.output("z", z);
    let (mut prepared, mut store) = prepare(&program, environment);
    prepared.run(store.as_mut(), &tokens.inputs()).expect("it runs")
}

pub fn context(kind: Kind, tokens: &Tokens) -> Vec<f32> {
    forward(kind, tokens, best())["context"].as_f32().expect("context is f32").to_vec()
}

pub fn assert_same(got: &[f32], expected: &[f32], what: &str) {
    assert_eq!(got.len(), expected.len(), "{what}");
    for (at, (got, expected)) in got.iter().zip(expected).enumerate() {
        let (row, column) = (at / COLUMNS, at % COLUMNS);
        assert_eq!(got.to_bits(), expected.to_bits(), "{what}: row {row}, column {column}: {got} against {expected}");
    }
}
