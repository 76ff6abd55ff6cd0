//! Decoding is the forward pass: contexts of `attention_cached`, in any split into runs, are those of one `attention` over all
//! tokens, bit for bit. The oracle sums a set in another order when it is in a cache: its doubles may differ by roundings.

use crate::compare::{reals, same_bits};
use crate::fixture::{Expectation, Fixture, segments};
use crate::harness::{Way, execute};
use reformer_tensor::op::{AttentionCached, AttentionKeys, CachePattern, Intervals, SortByBucket};
use reformer_tensor::{
    Backend, Checks, DType, HeadRange, HostData, HostTensor, Pattern, Plan, PlanOptions, Program, shape,
};

const ROWS: usize = 130;
/// The second dialogue starts here: its first token clears the cache.
const SECOND: usize = 77;
/// The root of 24 is no power of two: a scale on the wrong operand then changes a bit.
const HEADS: HeadRange = HeadRange { first: 0, count: 2, width: 24 };
const ROUNDS: usize = 2;
const WINDOW: usize = 5;
const BUCKETS: usize = 6;
/// Ways to cut the tokens into runs.
const SPLITS: [&[usize]; 3] = [&[130], &[1; 130], &[40, 1, 50, 2, 37]];
/// The oracle: 2⁻⁴⁰ is a thousand times its own rounding.
const ALLOWED: f64 = 1.0 / (1u64 << 40) as f64;

pub(super) fn lsh(backend: &dyn Backend) -> Result<usize, String> {
    let cache = CachePattern::Lsh { rounds: ROUNDS, window: WINDOW, buckets: BUCKETS };
    law(backend, Pattern::Lsh { rounds: ROUNDS, window: WINDOW }, cache)
}

pub(super) fn local(backend: &dyn Backend) -> Result<usize, String> {
    law(backend, Pattern::Local { window: WINDOW }, CachePattern::Local { window: WINDOW })
}

pub(super) fn full(backend: &dyn Backend) -> Result<usize, String> {
    law(backend, Pattern::Full, CachePattern::Full)
}

fn law(backend: &dyn Backend, pattern: Pattern, cache: CachePattern) -> Result<usize, String> {
    let forward = forward(pattern);
    let expected = execute(backend, &forward, Way::CHECKED)?.remove("context");
    let expected = expected.ok_or("  the run gave no context")?;
    for split in SPLITS {
        let got = decoded(backend, &forward, cache, split)?;
        let same = match &got.data {
            HostData::F64(_) => near(&got, &expected),
            HostData::F32(_) | HostData::U32(_) | HostData::I32(_) => same_bits("context", &got, &expected),
        };
        let runs = split.len();
        same.map_err(|text| format!("{text}\n  law: decoding in {runs} run(s) gives what one forward pass gives"))?;
    }
    Ok(SPLITS.len() * expected.elements())
}

fn near(got: &HostTensor, expected: &HostTensor) -> Result<(), String> {
    let worst = reals(got, 1.0).iter().zip(reals(expected, 1.0)).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    if worst <= ALLOWED { Ok(()) } else { Err(format!("  `context` differs by {worst:e}, allowed {ALLOWED:e}")) }
}

/// All tokens at once, in two segments.
fn forward(pattern: Pattern) -> Fixture {
    let mut fixture = Fixture::new(super::SEED, ROWS);
    let columns = HEADS.columns();
    let starts = segments(ROWS, &[SECOND]);
    let starts = fixture.integers("segments", shape![ROWS], starts);
    let keys = match pattern {
        Pattern::Lsh { rounds, window } => {
            let qk = fixture.activation("qk", columns, 1.0);
            let v = fixture.activation("v", columns, 1.0);
            let buckets = fixture.choices("buckets", HEADS.count * rounds * ROWS, BUCKETS);
            let buckets = fixture.integers("buckets", shape![HEADS.count, rounds, ROWS], buckets);
            let (order, slot) = fixture.program.sort_by_bucket(SortByBucket { buckets: BUCKETS }, buckets, starts);
            let low = fixture.program.intervals(Intervals { window }, buckets, starts, order, slot);
            AttentionKeys::Lsh { qk, v, order, slot, low }
        }
        Pattern::Local { .. } | Pattern::Full => {
            let [q, k, v] = ["q", "k", "v"].map(|name| fixture.activation(name, columns, 1.0));
            AttentionKeys::Separate { q, k, v, segments: starts }
        }
    };
    let (context, _) = fixture.program.attention(pattern, HEADS, &keys);
    fixture.output("context", context, Expectation::Judged);
    fixture
}

/// The same tokens through a cache, one run after another over one store.
fn decoded(
    backend: &dyn Backend,
    forward: &Fixture,
    pattern: CachePattern,
    split: &[usize],
) -> Result<HostTensor, String> {
    let op = AttentionCached { pattern, heads: HEADS, max_positions: ROWS };
    let mut store = backend.store();
    let mut context = Vec::new();
    let mut first = 0;
    for &count in split {
        let mut fixture = Fixture::new(super::SEED, count);
        record(&mut fixture, forward, op, first);
        let plan = Plan::new(&fixture.program, &PlanOptions::default()).map_err(|error| error.to_string())?;
        plan.declare_states(store.as_mut()).map_err(|error| error.to_string())?;
        let mut prepared = backend.prepare(plan, Checks::Poison).map_err(|error| error.to_string())?;
        let outputs = prepared.run(store.as_mut(), &fixture.inputs).map_err(|error| format!("  running: {error}"))?;
        context.push(outputs["context"].clone());
        first += count;
    }
    let shape = shape![ROWS, HEADS.columns()];
    let doubles = matches!(context.first().map(|part| &part.data), Some(HostData::F64(_)));
    let numbers: Vec<f64> = context.iter().flat_map(|part| reals(part, 1.0)).collect();
    Ok(if doubles {
        HostTensor::f64(shape, numbers)
    } else {
        // From f32 and back: the same bits.
        HostTensor::f32(shape, numbers.into_iter().map(|x| x as f32).collect())
    })
}

/// One run over the tokens from `first` on.
fn record(fixture: &mut Fixture, forward: &Fixture, op: AttentionCached, first: usize) {
    let (rows, columns, layout) = (fixture.rows, HEADS.columns(), op.layout());
    let names: &[&str] = if matches!(op.pattern, CachePattern::Lsh { .. }) { &["qk", "v"] } else { &["q", "k", "v"] };
    let queries: Vec<_> = names
        .iter()
        .map(|name| {
            let numbers = forward.inputs[*name].as_f32().unwrap_or_default();
            let part = numbers[first * columns..(first + rows) * columns].to_vec();
            fixture.input(name, HostTensor::f32(shape![rows, columns], part), DType::F32)
        })
        .collect();
    let position = |token: usize| if token < SECOND { token } else { token - SECOND };
    let positions = (first..first + rows).map(|token| position(token) as u32).collect();
    let positions = fixture.integers("positions", shape![rows], positions);
    let cache_rows = fixture.integers("cache_rows", shape![rows], vec![0; rows]);
    let buckets = matches!(op.pattern, CachePattern::Lsh { .. }).then(|| {
        let all = forward.inputs["buckets"].as_u32().unwrap_or_default();
        let part = all.chunks_exact(ROWS).flat_map(|list| list[first..first + rows].to_vec()).collect();
        fixture.integers("buckets", shape![HEADS.count, ROUNDS, rows], part)
    });
    let entries = shape![1, HEADS.count, layout.capacity, HEADS.width];
    let program: &mut Program = &mut fixture.program;
    let cache = [
        program.state("keys", entries, DType::F32),
        program.state("values", entries, DType::F32),
        program.state("index", shape![1, HEADS.count, layout.words], DType::U32),
    ];
    let context = program.attention_cached(op, &queries, positions, cache_rows, buckets, cache);
    program.output("context", context);
}
