//! `embed_gradient` on the CPU. Each task owns a range of a table's rows and walks all tokens in order, so sums run in
//! ascending row order whatever the number of threads.

use super::embed::check;
use crate::dropout::Mask;
use crate::environment::{Environment, Fault, Operands};
use crate::scratch;
use rayon::prelude::*;
use reformer_tensor::PositionKind;
use reformer_tensor::op::EmbedGradient;

/// Ranges that a table is cut into.
const RANGES: usize = 16;

pub(super) fn run(op: &EmbedGradient, _environment: &Environment, operands: &mut Operands<'_>) -> Result<(), Fault> {
    let reads = &operands.reads;
    let (tokens, positions) = (reads[0].u32(), reads[1].u32());
    let (dx1, dx2) = (reads[3].f32(), reads[4].f32());
    let width = reads[3].shape.dim(1);
    check(op.position, &operands.updates.iter().map(|view| view.shape.dim(0)).collect::<Vec<_>>(), tokens, positions)?;
    let mask = Mask::new(op.dropout, reads[2].u32());
    let add = |table: &mut [f32], columns: std::ops::Range<usize>, row_of: &(dyn Fn(usize) -> usize + Sync)| {
        let own_width = columns.len();
        let table_rows = table.len() / own_width.max(1);
        let per_task = table_rows.div_ceil(RANGES).max(1);
        table.par_chunks_mut(per_task * own_width).enumerate().for_each(|(task, chunk)| {
            let range = task * per_task..task * per_task + chunk.len() / own_width;
            scratch::with([width], |[row]| {
                for index in 0..tokens.len() {
                    let target = row_of(index);
                    if !range.contains(&target) {
                        continue;
                    }
                    let source = index * width..(index + 1) * width;
                    for ((row, &first), &second) in row.iter_mut().zip(&dx1[source.clone()]).zip(&dx2[source]) {
                        *row = first + second;
                    }
                    mask.apply(index, row);
                    let at = (target - range.start) * own_width;
                    for (sum, &value) in chunk[at..at + own_width].iter_mut().zip(&row[columns.clone()]) {
                        *sum += value;
                    }
                }
            });
        });
    };
    add(operands.updates[0].f32(), 0..width, &|index| tokens[index] as usize);
    match op.position {
        PositionKind::Learned => add(operands.updates[1].f32(), 0..width, &|index| positions[index] as usize),
        PositionKind::Axial { inner, outer_width, .. } => {
            add(operands.updates[1].f32(), 0..outer_width, &|index| positions[index] as usize / inner);
            add(operands.updates[2].f32(), outer_width..width, &|index| positions[index] as usize % inner);
        }
    }
    Ok(())
}
