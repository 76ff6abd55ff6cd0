//! Packed is separate: a segment's attention does not depend on its neighbours in the row, bit for bit.

use crate::cases::operands::norm;
use crate::compare::same_bits;
use crate::fixture::{Expectation, Fixture, Home, segments};
use crate::harness::{Way, execute};
use reformer_tensor::op::{AttentionKeys, Intervals, SortByBucket};
use reformer_tensor::{Backend, DType, HeadRange, HostData, HostTensor, Pattern, Tensor, shape};
use std::ops::Range;

/// The root of 24 is no power of two: a scale on the wrong operand then changes a bit.
const HEADS: HeadRange = HeadRange { first: 0, count: 2, width: 24 };
const WIDTH: usize = 24;
const BUCKETS: usize = 6;
/// Segments of a row.
const LENGTHS: [usize; 4] = [61, 1, 130, 17];

pub(super) fn lsh(backend: &dyn Backend) -> Result<usize, String> {
    law(backend, Pattern::Lsh { rounds: 2, window: 7 })
}

pub(super) fn local(backend: &dyn Backend) -> Result<usize, String> {
    law(backend, Pattern::Local { window: 7 })
}

pub(super) fn full(backend: &dyn Backend) -> Result<usize, String> {
    law(backend, Pattern::Full)
}

fn law(backend: &dyn Backend, pattern: Pattern) -> Result<usize, String> {
    let rows: usize = LENGTHS.iter().sum();
    let packed = execute(backend, &fixture(pattern, 0..rows), Way::CHECKED)?;
    let mut first = 0;
    for length in LENGTHS {
        let alone = execute(backend, &fixture(pattern, first..first + length), Way::CHECKED)?;
        let expected = part(&packed["context"], first..first + length);
        same_bits("context", &alone["context"], &expected).map_err(|text| {
            format!("{text}\n  law: rows {first}..{} alone give what they give among {rows}", first + length)
        })?;
        first += length;
    }
    Ok(rows * HEADS.columns())
}

/// Rows of a tensor `[rows, columns]`.
fn part(tensor: &HostTensor, rows: Range<usize>) -> HostTensor {
    let columns = tensor.shape.dim(1);
    let range = rows.start * columns..rows.end * columns;
    let shape = shape![rows.len(), columns];
    match &tensor.data {
        HostData::F32(data) => HostTensor::f32(shape, data[range].to_vec()),
        HostData::F64(data) => HostTensor::f64(shape, data[range].to_vec()),
        HostData::U32(data) => HostTensor::u32(shape, data[range].to_vec()),
        HostData::I32(data) => HostTensor::i32(shape, data[range].to_vec()),
    }
}

/// Projections and attention of some rows of the packed row, which are whole segments.
fn fixture(pattern: Pattern, rows: Range<usize>) -> Fixture {
    let all: usize = LENGTHS.iter().sum();
    let mut whole = Fixture::new(super::SEED, all);
    whole.stream("x", WIDTH, DType::STREAM, Home::Input);
    let mut fixture = Fixture::new(super::SEED, rows.len());
    let x = fixture.input("x", part(&whole.inputs["x"], rows.clone()), DType::STREAM);
    let norm = norm(&mut fixture, WIDTH);
    let starts = segments(all, &LENGTHS)[rows.clone()].iter().map(|start| start - rows.start as u32).collect();
    let starts = fixture.integers("segments", shape![rows.len()], starts);
    let names: &[&str] = if matches!(pattern, Pattern::Lsh { .. }) { &["qk", "v"] } else { &["q", "k", "v"] };
    let weights: Vec<Tensor> =
        names.iter().map(|name| fixture.weight(&format!("{name} weight"), WIDTH, HEADS.columns())).collect();
    let projections = fixture.program.project_heads(HEADS, x, norm, &weights, names);
    let keys = match pattern {
        Pattern::Lsh { rounds, window } => {
            let words = (0..HEADS.count * rounds)
                .flat_map(|list| whole.choices(&format!("buckets {list}"), all, BUCKETS)[rows.clone()].to_vec());
            let buckets = fixture.integers("buckets", shape![HEADS.count, rounds, rows.len()], words.collect());
            let (order, slot) = fixture.program.sort_by_bucket(SortByBucket { buckets: BUCKETS }, buckets, starts);
            let low = fixture.program.intervals(Intervals { window }, buckets, starts, order, slot);
            AttentionKeys::Lsh { qk: projections[0], v: projections[1], order, slot, low }
        }
        Pattern::Local { .. } | Pattern::Full => {
            AttentionKeys::Separate { q: projections[0], k: projections[1], v: projections[2], segments: starts }
        }
    };
    let (context, _) = fixture.program.attention(pattern, HEADS, &keys);
    fixture.output("context", context, Expectation::Judged);
    fixture
}
