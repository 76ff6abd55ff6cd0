//! `attention` on the CPU: rounds one after another; within a round, heads and chunks of slots in parallel.

use crate::attention::CHUNK;
use crate::attention::forward::ForwardChunk;
use crate::attention::gather::{Head, Sorted};
use crate::attention::shared::SharedRows;
use crate::buffer::View;
use crate::environment::{Environment, Fault, Operands};
use crate::scratch;
use crate::simd;
use rayon::prelude::*;
use reformer_tensor::op::Attention;
use reformer_tensor::{HeadRange, Pattern};

pub(super) fn run(op: &Attention, environment: &Environment, operands: &mut Operands<'_>) -> Result<(), Fault> {
    let heads = heads(op.pattern, op.heads, &operands.reads);
    let [context, z] = &mut operands.writes[..] else { return Ok(()) };
    let rows = context.shape.dim(0);
    let (context, z) = (SharedRows::new(context.f32(), op.heads.columns()), SharedRows::new(z.f32(), 1));
    scratch::with([2 * heads.len() * rows], |[running]| {
        let running = SharedRows::new(running, 2);
        for round in 0..heads.first().map_or(0, Head::rounds) {
            tasks(heads.len(), rows).into_par_iter().for_each(|(head, slots)| {
                let (own, first_running) = (heads[head], head * rows);
                let chunk = ForwardChunk {
                    head: own,
                    round,
                    slots,
                    context: &context,
                    running: &running,
                    first_running,
                    z: &z,
                };
                simd::run(environment.level, chunk);
            });
        }
    });
    Ok(())
}

/// Every (head, chunk of slots).
pub(super) fn tasks(heads: usize, rows: usize) -> Vec<(usize, std::ops::Range<usize>)> {
    let chunks = move |head| (0..rows).step_by(CHUNK).map(move |start| (head, start..rows.min(start + CHUNK)));
    (0..heads).flat_map(chunks).collect()
}

/// The operands of each head, from the reads of `attention` or its gradient.
pub(super) fn heads<'a>(pattern: Pattern, range: HeadRange, reads: &[View<'a>]) -> Vec<Head<'a>> {
    let rows = reads[0].shape.dim(0);
    (0..range.count)
        .map(|head| {
            let (query, key, value, sorted, segments) = match pattern {
                Pattern::Lsh { rounds, .. } => {
                    let own = head * rounds * rows..(head + 1) * rounds * rows;
                    let [order, slot, low] = [2, 3, 4].map(|index| &reads[index].u32()[own.clone()]);
                    (reads[0].f32(), reads[0].f32(), reads[1].f32(), Some(Sorted { order, slot, low }), &[][..])
                }
                Pattern::Local { .. } | Pattern::Full => {
                    (reads[0].f32(), reads[1].f32(), reads[2].f32(), None, reads[3].u32())
                }
            };
            let (width, stride, column) = (range.width, range.columns(), head * range.width);
            Head { pattern, rows, width, stride, column, query, key, value, sorted, segments }
        })
        .collect()
}
