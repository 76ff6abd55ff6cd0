//! Attention through programs, bit for bit: packed rows against separate ones, prefixes against what follows them, decoding
//! from a cache in any split against one forward pass, threads and SIMD levels against each other.

use reformer_cpu::{Cpu, Environment, Kernels, Level};
use reformer_tensor::op::{AttentionCached, AttentionKeys, Intervals, LshHash, NO_ROW, SortByBucket};
use reformer_tensor::{
    Backend, CachePattern, Checks, DType, HeadRange, HostTensor, Inputs, Key, Outputs, Pattern, Plan, PlanOptions,
    Prepared, Program, RunError, Store, Tensor, shape,
};

const WINDOW: usize = 6;
const ROUNDS: usize = 3;
const FACTORS: [usize; 2] = [2, 4];
/// Longer than any segment here.
const MAX_POSITIONS: usize = 256;
const COLUMNS: usize = HEADS.count * HEADS.width;
const HEADS: HeadRange = HeadRange { first: 0, count: 3, width: 24 };

#[derive(Clone, Copy, PartialEq, Debug)]
enum Kind {
    Lsh,
    Local,
    Full,
}

const KINDS: [Kind; 3] = [Kind::Lsh, Kind::Local, Kind::Full];

impl Kind {
    fn pattern(self) -> Pattern {
        match self {
            Kind::Lsh => Pattern::Lsh { rounds: ROUNDS, window: WINDOW },
            Kind::Local => Pattern::Local { window: WINDOW },
            Kind::Full => Pattern::Full,
        }
    }

    fn cache_pattern(self) -> CachePattern {
        match self {
            Kind::Lsh => CachePattern::Lsh { rounds: ROUNDS, window: WINDOW, buckets: FACTORS.iter().product() },
            Kind::Local => CachePattern::Local { window: WINDOW },
            Kind::Full => CachePattern::Full,
        }
    }
}

/// The projections of some tokens, and the rows where their segments start.
#[derive(Clone)]
struct Tokens {
    q: Vec<f32>,
    k: Vec<f32>,
    v: Vec<f32>,
    segments: Vec<u32>,
}

impl Tokens {
    /// Segments of these lengths. Neighbouring tokens resemble each other, so that buckets are crowded and logits not flat.
    fn new(lengths: &[usize]) -> Self {
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

    fn rows(&self) -> usize {
        self.segments.len()
    }

    /// Some of the tokens as a row of their own.
    fn part(&self, rows: std::ops::Range<usize>) -> Self {
        let columns = |numbers: &[f32]| numbers[rows.start * COLUMNS..rows.end * COLUMNS].to_vec();
        let start = |&segment: &u32| segment.saturating_sub(rows.start as u32);
        Self {
            q: columns(&self.q),
            k: columns(&self.k),
            v: columns(&self.v),
            segments: self.segments[rows.clone()].iter().map(start).collect(),
        }
    }

    fn inputs(&self) -> Inputs {
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

fn hash() -> LshHash {
    LshHash { heads: HEADS, rounds: ROUNDS, factors: FACTORS.to_vec() }
}

fn rotations() -> HostTensor {
    let shape = shape![HEADS.count, ROUNDS, HEADS.width, hash().columns()];
    HostTensor::f32(shape, Key::from_seed(9).normal(shape.elements()))
}

/// Records hashing, sorting and the operands of attention.
fn keys(program: &mut Program, kind: Kind, rows: usize) -> AttentionKeys {
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

fn hash_of(program: &mut Program, qk: Tensor) -> Tensor {
    let op = hash();
    let rotations = program.input("rotations", shape![HEADS.count, ROUNDS, HEADS.width, op.columns()], DType::F32);
    program.lsh_hash(op, qk, rotations)
}

fn best() -> Environment {
    Environment { threads: 2, level: Level::detect(), kernels: Kernels::Fast }
}

fn prepare(program: &Program, environment: Environment) -> (Box<dyn Prepared>, Box<dyn Store>) {
    let backend = Cpu::with(environment);
    let plan = Plan::new(program, &PlanOptions::default()).expect("the recording is right");
    let mut store = backend.store();
    plan.declare_states(store.as_mut()).expect("new states");
    (backend.prepare(plan, Checks::Poison).expect("the plan fits"), store)
}

fn forward(kind: Kind, tokens: &Tokens, environment: Environment) -> Outputs {
    let mut program = Program::new();
    let keys = keys(&mut program, kind, tokens.rows());
    let (context, z) = program.attention(kind.pattern(), HEADS, &keys);
    program.output("context", context);
    program.output("z", z);
    let (mut prepared, mut store) = prepare(&program, environment);
    prepared.run(store.as_mut(), &tokens.inputs()).expect("it runs")
}

fn context(kind: Kind, tokens: &Tokens) -> Vec<f32> {
    forward(kind, tokens, best())["context"].as_f32().expect("context is f32").to_vec()
}

fn assert_same(got: &[f32], expected: &[f32], what: &str) {
    assert_eq!(got.len(), expected.len(), "{what}");
    for (at, (got, expected)) in got.iter().zip(expected).enumerate() {
        let (row, column) = (at / COLUMNS, at % COLUMNS);
        assert_eq!(got.to_bits(), expected.to_bits(), "{what}: row {row}, column {column}: {got} against {expected}");
    }
}

/// A cache and the program that appends some tokens to it.
struct Decoder {
    kind: Kind,
    batch: usize,
    environment: Environment,
    store: Box<dyn Store>,
}

impl Decoder {
    fn new(kind: Kind, batch: usize, environment: Environment) -> Self {
        Self { kind, batch, environment, store: Cpu::with(environment).store() }
    }

    fn append(&mut self, tokens: &Tokens, positions: &[u32], cache_rows: &[u32]) -> Result<Vec<f32>, RunError> {
        let rows = tokens.rows();
        let mut program = Program::new();
        let op = AttentionCached { pattern: self.kind.cache_pattern(), heads: HEADS, max_positions: MAX_POSITIONS };
        let layout = op.layout();
        let names: &[&str] = if self.kind == Kind::Lsh { &["q", "v"] } else { &["q", "k", "v"] };
        let projections: Vec<Tensor> =
            names.iter().map(|name| program.input(name, shape![rows, COLUMNS], DType::F32)).collect();
        let buckets = (self.kind == Kind::Lsh).then(|| hash_of(&mut program, projections[0]));
        let [positions_in, cache_rows_in] =
            ["positions", "cache_rows"].map(|name| program.input(name, shape![rows], DType::U32));
        let entries = shape![self.batch, HEADS.count, layout.capacity, HEADS.width];
        let words = shape![self.batch, HEADS.count, layout.words];
        let cache = [
            program.state("cache.keys", entries, DType::F32),
            program.state("cache.values", entries, DType::F32),
            program.state("cache.index", words, DType::U32),
        ];
        let context = program.attention_cached(op, &projections, positions_in, cache_rows_in, buckets, cache);
        program.output("context", context);
        let backend = Cpu::with(self.environment);
        let plan = Plan::new(&program, &PlanOptions::default()).expect("the recording is right");
        plan.declare_states(self.store.as_mut()).expect("the cache keeps its shape");
        let mut prepared = backend.prepare(plan, Checks::Poison).expect("the plan fits");
        let mut inputs = tokens.inputs();
        inputs.insert("positions".to_owned(), HostTensor::u32(shape![rows], positions.to_vec()));
        inputs.insert("cache_rows".to_owned(), HostTensor::u32(shape![rows], cache_rows.to_vec()));
        let outputs = prepared.run(self.store.as_mut(), &inputs)?;
        Ok(outputs["context"].as_f32().expect("context is f32").to_vec())
    }

    /// Appends tokens of consecutive segments to cache row 0, cut into runs of these lengths.
    fn split(&mut self, tokens: &Tokens, runs: &[usize]) -> Vec<f32> {
        let mut context = Vec::new();
        let mut start = 0;
        for &run in runs.iter().cycle() {
            let end = tokens.rows().min(start + run);
            let positions: Vec<u32> = (start..end).map(|row| row as u32 - tokens.segments[row]).collect();
            let part = self.append(&tokens.part(start..end), &positions, &vec![0; end - start]);
            context.extend(part.expect("it runs"));
            start = end;
            if start == tokens.rows() {
                return context;
            }
        }
        context
    }
}

/// Evictions, tokens that see only themselves, keys that two rounds show, crowded and empty buckets.
#[test]
fn the_tokens_are_hard() {
    let tokens = Tokens::new(&[120, 33, 61]);
    let rows = tokens.rows();
    let outputs = forward(Kind::Lsh, &tokens, best());
    let words = |name: &str| outputs[name].as_u32().expect("integers").to_vec();
    let (buckets, slot, low) = (words("buckets"), words("slot"), words("low"));
    let z = outputs["z"].as_f32().expect("z is f32");
    let evicted = slot.iter().zip(&low).filter(|(slot, low)| (*slot - *low) as usize + 1 == WINDOW).count();
    assert!(evicted > rows, "{evicted} full windows");
    assert!(z.iter().any(|&z| z < -9e4), "no token is cold");
    let warm = || z.iter().copied().filter(|&z| z > -9e4);
    let (highest, lowest) = (warm().fold(f32::MIN, f32::max), warm().fold(f32::MAX, f32::min));
    assert!(highest - lowest > 4.0, "logits are flat: z from {lowest} to {highest}");
    let count = |rows: std::ops::Range<usize>, bucket| buckets[rows].iter().filter(|&&other| other == bucket).count();
    let counts = |rows: std::ops::Range<usize>| (0..8).map(|bucket| count(rows.clone(), bucket)).collect::<Vec<_>>();
    assert!(counts(0..120).iter().any(|&count| count > 3 * WINDOW), "no crowd: {:?}", counts(0..120));
    assert!(counts(120..153).contains(&0), "no empty bucket: {:?}", counts(120..153));
    let pair = |round: usize, a: usize, b: usize| buckets[round * rows + a] == buckets[round * rows + b];
    assert!((1..120).filter(|&row| pair(0, row, row - 1) && pair(1, row, row - 1)).count() > 20);
    const { assert!(120 > 4 * WINDOW) };
}

#[test]
fn packed_rows_give_what_separate_rows_give() {
    let lengths = [120, 1, 33, 61];
    let tokens = Tokens::new(&lengths);
    for kind in KINDS {
        let packed = context(kind, &tokens);
        let mut start = 0;
        for length in lengths {
            let alone = context(kind, &tokens.part(start..start + length));
            let expected = &packed[start * COLUMNS..(start + length) * COLUMNS];
            assert_same(&alone, expected, &format!("{kind:?}, the segment at {start}"));
            start += length;
        }
    }
}

#[test]
fn what_follows_a_prefix_does_not_change_it() {
    let tokens = Tokens::new(&[40, 170]);
    for kind in KINDS {
        let whole = context(kind, &tokens);
        for length in [1, 39, 41, 100, 209] {
            let prefix = context(kind, &tokens.part(0..length));
            assert_same(&prefix, &whole[..length * COLUMNS], &format!("{kind:?}, a prefix of {length}"));
        }
    }
}

#[test]
fn decoding_from_a_cache_is_the_forward_pass_in_any_split() {
    // Past the window many times over, and across the ends of segments.
    let tokens = Tokens::new(&[200, 1, 60]);
    for kind in KINDS {
        let whole = context(kind, &tokens);
        for environment in [best(), Environment { threads: 1, ..best() }] {
            for runs in [vec![1], vec![261], vec![7, 1, 20], vec![WINDOW + 1], vec![199, 2, 60]] {
                let got = Decoder::new(kind, 1, environment).split(&tokens, &runs);
                assert_same(&got, &whole, &format!("{kind:?}, runs of {runs:?}, {} threads", environment.threads));
            }
        }
    }
}

/// Entries of tokens that no list holds any more are used again: memory doesn't grow with the context.
#[test]
fn a_cache_gives_back_what_no_list_holds() {
    let mut decoder = Decoder::new(Kind::Lsh, 1, best());
    decoder.split(&Tokens::new(&[3, 250]), &[50]);
    let op = AttentionCached { pattern: Kind::Lsh.cache_pattern(), heads: HEADS, max_positions: MAX_POSITIONS };
    let layout = op.layout();
    assert!(layout.capacity < 250, "entries must be used twice");
    let index = decoder.store.read("cache.index").expect("the cache is a state");
    for words in index.as_u32().expect("integers").chunks(layout.words) {
        let mut expected = vec![0; layout.capacity];
        for (list, &count) in words[layout.counts..layout.references].iter().enumerate() {
            let held = &words[list * WINDOW..][..WINDOW.min(count as usize)];
            held.iter().for_each(|&entry| expected[entry as usize] += 1);
        }
        assert_eq!(words[layout.references..layout.free], expected, "lists that hold each entry");
        let free = expected.iter().filter(|&&lists| lists == 0).count();
        assert_eq!(words[layout.free_count] as usize, free, "free entries");
        assert!(free > layout.capacity / 4, "lists share entries, so many are free");
    }
}

#[test]
fn rows_of_a_cache_are_independent_and_may_pause() {
    let [first, second] = [Tokens::new(&[90]), Tokens::new(&[50, 40]).part(50..90)];
    for kind in KINDS {
        let expected = [context(kind, &first), context(kind, &second)];
        let mut decoder = Decoder::new(kind, 2, best());
        let mut got = [Vec::new(), Vec::new()];
        for step in 0..90 {
            // The second row rests on every other step and is full before the first; what rests is padding.
            let at = step / 2;
            let rests = step % 2 == 1 || at >= 40;
            let (one, two) = (first.part(step..step + 1), second.part(at.min(39)..at.min(39) + 1));
            let join = |a: &[f32], b: &[f32]| [a, b].concat();
            let both = Tokens {
                q: join(&one.q, &two.q),
                k: join(&one.k, &two.k),
                v: join(&one.v, &two.v),
                segments: vec![0, 0],
            };
            let rows = [0, if rests { NO_ROW } else { 1 }];
            let context = decoder.append(&both, &[step as u32, at as u32], &rows).expect("it runs");
            let (one, two) = context.split_at(COLUMNS);
            got[0].extend_from_slice(one);
            if rests {
                assert!(two.iter().all(|&number| number == 0.0), "{kind:?}: padding has no context");
            } else {
                got[1].extend_from_slice(two);
            }
        }
        for (row, (got, expected)) in got.iter().zip(&expected).enumerate() {
            assert_same(got, expected, &format!("{kind:?}, cache row {row}"));
        }
    }
}

#[test]
fn a_cache_names_what_is_out_of_range() {
    let token = Tokens::new(&[1]);
    for kind in KINDS {
        let mut decoder = Decoder::new(kind, 2, best());
        let row = decoder.append(&token, &[0], &[2]).expect_err("there are two rows").to_string();
        assert!(row.contains("`cache_rows` holds 2 at 0, the largest allowed is 1"), "{row}");
        let position = decoder.append(&token, &[MAX_POSITIONS as u32], &[0]).expect_err("too far").to_string();
        assert!(position.contains("`positions` holds 256 at 0, the largest allowed is 255"), "{position}");
    }
    let unstarted = Decoder::new(Kind::Lsh, 1, best()).append(&token, &[5], &[0]).expect_err("no start").to_string();
    assert!(unstarted.contains("`positions` holds 5 at 0, the largest allowed is 0"), "{unstarted}");
}

#[test]
fn threads_levels_and_twins_agree() {
    let tokens = Tokens::new(&[120, 1, 33, 61]);
    for kind in KINDS {
        let run = |threads, level, kernels| {
            let environment = Environment { threads, level, kernels };
            let mut program = Program::new();
            let keys = keys(&mut program, kind, tokens.rows());
            let (context, z) = program.attention(kind.pattern(), HEADS, &keys);
            program.output("context", context);
            let delta = program.input("delta", shape![HEADS.count, tokens.rows()], DType::F32);
            let d_context = program.input("d_context", shape![tokens.rows(), COLUMNS], DType::F32);
            let gradients = program.attention_gradient(kind.pattern(), HEADS, &keys, z, delta, d_context);
            for (index, gradient) in gradients.into_iter().enumerate() {
                program.output(&format!("gradient.{index}"), gradient);
            }
            let mut inputs = tokens.inputs();
            let numbers = |seed, count| Key::from_seed(seed).normal(count);
            let per_head = shape![HEADS.count, tokens.rows()];
            inputs.insert("delta".to_owned(), HostTensor::f32(per_head, numbers(7, per_head.elements())));
            let shape = shape![tokens.rows(), COLUMNS];
            inputs.insert("d_context".to_owned(), HostTensor::f32(shape, numbers(8, shape.elements())));
            let (mut prepared, mut store) = prepare(&program, environment);
            prepared.run(store.as_mut(), &inputs).expect("it runs")
        };
        let fused = Level::available().into_iter().filter(|&level| level > Level::Portable);
        for group in [vec![Level::Portable], fused.collect()] {
            let Some(&level) = group.first() else { continue };
            let expected = run(1, level, Kernels::Naive);
            for &level in &group {
                for threads in [1, 2, 3] {
                    let got = run(threads, level, Kernels::Fast);
                    for (name, tensor) in &expected {
                        let what = format!("{kind:?} {name}, {level:?}, {threads} threads");
                        match (got[name].as_f32(), tensor.as_f32()) {
                            (Some(got), Some(expected)) => assert_same(got, expected, &what),
                            _ => assert_eq!(got[name].as_u32(), tensor.as_u32(), "{what}"),
                        }
                    }
                }
            }
        }
    }
}

/// The hash of one token doesn't depend on the others, and is the argmax of the float64 projection.
#[test]
fn hashing_is_the_argmax_of_projections() {
    let tokens = Tokens::new(&[77]);
    let buckets = |tokens: &Tokens| {
        let mut program = Program::new();
        let qk = program.input("q", shape![tokens.rows(), COLUMNS], DType::F32);
        let buckets = hash_of(&mut program, qk);
        program.output("buckets", buckets);
        let (mut prepared, mut store) = prepare(&program, best());
        let outputs = prepared.run(store.as_mut(), &tokens.inputs()).expect("it runs");
        outputs["buckets"].as_u32().expect("integers").to_vec()
    };
    let all = buckets(&tokens);
    let (rotations, columns) = (rotations(), hash().columns());
    let rotations = rotations.as_f32().expect("rotations are f32");
    for row in 0..tokens.rows() {
        let alone = buckets(&tokens.part(row..row + 1));
        for head in 0..HEADS.count {
            for round in 0..ROUNDS {
                let at = head * ROUNDS + round;
                let qk = &tokens.q[row * COLUMNS + head * HEADS.width..][..HEADS.width];
                let project = |column: usize| -> f64 {
                    let terms = qk.iter().enumerate();
                    let rotation = |d: usize| f64::from(rotations[(at * HEADS.width + d) * columns + column]);
                    terms.map(|(d, &x)| f64::from(x) * rotation(d)).sum()
                };
                let (mut expected, mut stride, mut column) = (0, 1, 0);
                for factor in FACTORS {
                    let mut y: Vec<f64> = (column..column + factor / 2).map(project).collect();
                    y.extend(y.clone().into_iter().map(|y| -y));
                    let best = (0..factor).fold(0, |best, other| if y[other] > y[best] { other } else { best });
                    expected += stride * best as u32;
                    stride *= factor as u32;
                    column += factor / 2;
                }
                assert_eq!(all[at * tokens.rows() + row], expected, "head {head}, round {round}, row {row}");
                assert_eq!(alone[at], expected, "alone: head {head}, round {round}, row {row}");
            }
        }
    }
}
