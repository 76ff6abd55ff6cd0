//! Grouping heads changes no bit: four heads at once, two twice, one four times, forward and backward.

use crate::cases::operands::{DROP, norm, norm_sums};
use crate::fixture::{Expectation, Fixture, Home, Results, segments};
use crate::harness::{Way, all_same, execute};
use crate::tolerance::Tolerance;
use reformer_tensor::op::{AttentionKeys, Intervals, MergeHeads, MergeHeadsGradient, NormParameters, SortByBucket};
use reformer_tensor::{Backend, DType, Direction, HeadRange, Pattern, Tensor, shape};

const ROWS: usize = 130;
const WIDTH: usize = 40;
const HEADS: usize = 4;
const HEAD_WIDTH: usize = 24;
const BUCKETS: usize = 6;

pub(super) fn lsh(backend: &dyn Backend) -> Result<usize, String> {
    law(backend, Pattern::Lsh { rounds: 2, window: 16 })
}

pub(super) fn local(backend: &dyn Backend) -> Result<usize, String> {
    law(backend, Pattern::Local { window: 16 })
}

fn law(backend: &dyn Backend, pattern: Pattern) -> Result<usize, String> {
    let all = results(backend, pattern, HEADS)?;
    for group in [2, 1] {
        all_same(&results(backend, pattern, group)?, &all)
            .map_err(|text| format!("{text}\n  law: heads in groups of {group} give what all {HEADS} give at once"))?;
    }
    Ok(all.values().map(|tensor| tensor.elements()).sum())
}

/// One attention half and its backward pass, in groups of `group` heads.
fn results(backend: &dyn Backend, pattern: Pattern, group: usize) -> Result<Results, String> {
    let mut fixture = Fixture::new(super::SEED, ROWS);
    let names: &[&str] = if matches!(pattern, Pattern::Lsh { .. }) { &["qk", "v"] } else { &["q", "k", "v"] };
    let mut half = Half::new(&mut fixture, pattern, names);
    let mut groups = Vec::new();
    for first in (0..HEADS).step_by(group) {
        let heads = HeadRange { first, count: group, width: HEAD_WIDTH };
        groups.push(half.forward(&mut fixture, heads));
    }
    let mut d_normed = fixture.program.zeros("d_normed", shape![ROWS, WIDTH]);
    for forward in groups {
        d_normed = half.backward(&mut fixture, forward, d_normed);
    }
    let dx = fixture.stream("dx", WIDTH, DType::F32, Home::Input);
    let any = Tolerance::row(0, "only bits are compared");
    let gradients = norm_sums(&mut fixture, WIDTH, &any);
    let dx = fixture.program.layer_norm_gradient(half.x, half.norm.gamma, d_normed, dx, gradients);
    for (name, tensor) in [("y", half.y), ("dx after", dx)] {
        fixture.output(name, tensor, Expectation::Judged);
    }
    let results = execute(backend, &fixture, Way::CHECKED)?;
    // Many values that live and die: the program to try the plan's slots with.
    for (name, way) in [
        ("a slot for every value", Way { share_slots: false, ..Way::CHECKED }),
        ("the second run of one prepared plan", Way { times: 2, ..Way::CHECKED }),
    ] {
        all_same(&execute(backend, &fixture, way)?, &results).map_err(|text| format!("{text}\n  law: {name}"))?;
    }
    Ok(results)
}

/// Operands of the half, and the stream so far.
struct Half {
    pattern: Pattern,
    x: Tensor,
    y: Tensor,
    norm: NormParameters,
    names: Vec<&'static str>,
    weights: Vec<Tensor>,
    out: Tensor,
    key: Tensor,
    dy: Tensor,
    segments: Tensor,
    weight_sums: Vec<Tensor>,
    out_sum: Tensor,
}

/// What the backward pass needs of a group.
struct Group {
    heads: HeadRange,
    keys: AttentionKeys,
    context: Tensor,
    z: Tensor,
}

impl Half {
    fn new(fixture: &mut Fixture, pattern: Pattern, names: &[&'static str]) -> Self {
        let columns = HEADS * HEAD_WIDTH;
        let any = || Tolerance::row(0, "only bits are compared");
        let segments = segments(ROWS, &[1, 61, 17]);
        Self {
            pattern,
            x: fixture.stream("x", WIDTH, DType::STREAM, Home::Input),
            y: fixture.stream("stream", WIDTH, DType::STREAM, Home::Input),
            norm: norm(fixture, WIDTH),
            names: names.to_vec(),
            weights: names.iter().map(|name| fixture.weight(&format!("{name} weight"), WIDTH, columns)).collect(),
            out: fixture.weight("out weight", columns, WIDTH),
            key: fixture.random_key(),
            dy: fixture.activation("dy", WIDTH, 1.0),
            segments: fixture.integers("segments", shape![ROWS], segments),
            weight_sums: names
                .iter()
                .map(|name| fixture.sum(&format!("{name} gradient"), shape![WIDTH, columns], any()))
                .collect(),
            out_sum: fixture.sum("out gradient", shape![columns, WIDTH], any()),
        }
    }

    fn forward(&mut self, fixture: &mut Fixture, heads: HeadRange) -> Group {
        let projections = fixture.program.project_heads(heads, self.x, self.norm, &self.weights, &self.names);
        let keys = match self.pattern {
            Pattern::Lsh { rounds, window } => {
                let buckets = buckets(fixture, heads, rounds);
                let program = &mut fixture.program;
                let (order, slot) = program.sort_by_bucket(SortByBucket { buckets: BUCKETS }, buckets, self.segments);
                let low = program.intervals(Intervals { window }, buckets, self.segments, order, slot);
                AttentionKeys::Lsh { qk: projections[0], v: projections[1], order, slot, low }
            }
            Pattern::Local { .. } | Pattern::Full => AttentionKeys::Separate {
                q: projections[0],
                k: projections[1],
                v: projections[2],
                segments: self.segments,
            },
        };
        let (context, z) = fixture.program.attention(self.pattern, heads, &keys);
        let op = MergeHeads { heads, direction: Direction::Forward, dropout: DROP };
        self.y = fixture.program.merge_heads(op, self.y, context, self.out, self.key);
        Group { heads, keys, context, z }
    }

    fn backward(&mut self, fixture: &mut Fixture, group: Group, d_normed: Tensor) -> Tensor {
        let Group { heads, keys, context, z } = group;
        // Sums are asked for anew: a state has its newest value.
        let out_sum = newest(fixture, "out gradient", self.out_sum);
        let sums: Vec<Tensor> = self
            .names
            .iter()
            .zip(&self.weight_sums)
            .map(|(name, &sum)| newest(fixture, &format!("{name} gradient"), sum))
            .collect();
        let program = &mut fixture.program;
        let op = MergeHeadsGradient { heads, dropout: DROP };
        let (d_context, delta) = program.merge_heads_gradient(op, self.dy, context, self.out, self.key, out_sum);
        let upstream = program.attention_gradient(self.pattern, heads, &keys, z, delta, d_context);
        program.project_heads_gradient(heads, self.x, self.norm, &upstream, &self.weights, d_normed, &sums)
    }
}

fn newest(fixture: &mut Fixture, name: &str, first: Tensor) -> Tensor {
    fixture.program.state(name, first.shape, first.dtype)
}

/// The buckets of these heads, each head's from its own number.
fn buckets(fixture: &mut Fixture, heads: HeadRange, rounds: usize) -> Tensor {
    let lists = (heads.first * rounds..(heads.first + heads.count) * rounds)
        .flat_map(|list| fixture.choices(&format!("buckets {list}"), ROWS, BUCKETS));
    let data = lists.collect();
    let name = format!("buckets from head {}", heads.first);
    fixture.integers(&name, shape![heads.count, rounds, ROWS], data)
}
