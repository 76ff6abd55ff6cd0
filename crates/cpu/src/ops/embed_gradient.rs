//! `embed_gradient` on the CPU. Each task owns a range of a table's rows and walks all tokens in order, so sums run in
//! ascending row order whatever the number of threads.

use super::embed::check;
use crate::dropout::Mask;
use crate::environment::{Environment, Fault, Operands};
use crate::scratch;
use crate::simd::{self, Arithmetic, Kernel};
use rayon::prelude::*;
use reformer_tensor::PositionKind;
use reformer_tensor::op::EmbedGradient;
use std::ops::Range;

/// Ranges that a table is cut into.
const RANGES: usize = 16;

pub(super) fn run(op: &EmbedGradient, environment: &Environment, operands: &mut Operands<'_>) -> Result<(), Fault> {
    let reads = &operands.reads;
    let (tokens, positions) = (reads[0].u32(), reads[1].u32());
    let width = reads[3].shape.dim(1);
    check(op.position, &operands.updates.iter().map(|view| view.shape.dim(0)).collect::<Vec<_>>(), tokens, positions)?;
    let mask = Mask::new(op.dropout, reads[2].u32());
    let source = Source { dx: [reads[3].f32(), reads[4].f32()], width, mask };
    let add = |table: &mut [f32], columns: Range<usize>, indices: &[u32], place: Place| {
        let table_rows = table.len() / columns.len().max(1);
        let per_task = table_rows.div_ceil(RANGES).max(1);
        table.par_chunks_mut((per_task * columns.len()).max(1)).enumerate().for_each(|(task, sums)| {
            scratch::with([width, width], |[row, factors]| {
                let columns = columns.clone();
                let first = task * per_task;
                simd::run(environment.level, Rows { source, indices, place, first, columns, sums, row, factors });
            });
        });
    };
    add(operands.updates[0].f32(), 0..width, tokens, Place::Whole);
    match op.position {
        PositionKind::Learned => add(operands.updates[1].f32(), 0..width, positions, Place::Whole),
        PositionKind::Axial { inner, outer_width, .. } => {
            add(operands.updates[1].f32(), 0..outer_width, positions, Place::Outer(inner));
            add(operands.updates[2].f32(), outer_width..width, positions, Place::Inner(inner));
        }
    }
    Ok(())
}

/// Where gradients come from.
#[derive(Clone, Copy)]
struct Source<'a> {
    dx: [&'a [f32]; 2],
    width: usize,
    mask: Mask,
}

/// Which row of a table an index means.
#[derive(Clone, Copy)]
enum Place {
    Whole,
    Outer(usize),
    Inner(usize),
}

impl Place {
    #[inline(always)]
    fn row(self, index: u32) -> usize {
        match self {
            Place::Whole => index as usize,
            Place::Outer(inner) => index as usize / inner,
            Place::Inner(inner) => index as usize % inner,
        }
    }
}

/// The sums of a range of a table's rows.
struct Rows<'a> {
    source: Source<'a>,
    indices: &'a [u32],
    place: Place,
    /// The range's first row.
    first: usize,
    columns: Range<usize>,
    sums: &'a mut [f32],
    row: &'a mut [f32],
    factors: &'a mut [f32],
}

impl Kernel for Rows<'_> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arithmetic>(self) {
        let Source { dx, width, mask } = self.source;
        let own_width = self.columns.len();
        let range = self.first..self.first + self.sums.len() / own_width;
        for (index, &place) in self.indices.iter().enumerate() {
            let target = self.place.row(place);
            if !range.contains(&target) {
                continue;
            }
            let source = index * width..(index + 1) * width;
            for ((row, &first), &second) in self.row.iter_mut().zip(&dx[0][source.clone()]).zip(&dx[1][source]) {
                *row = first + second;
            }
            mask.apply(index, self.factors, self.row);
            let at = (target - range.start) * own_width;
            let sums = &mut self.sums[at..at + own_width];
            for (sum, &value) in sums.iter_mut().zip(&self.row[self.columns.clone()]) {
                *sum += value;
            }
        }
    }
}
