//! `intervals` on the CPU.

use crate::environment::{Environment, Fault, Operands};
use rayon::prelude::*;
use reformer_tensor::op::Intervals;

pub(super) fn run(op: &Intervals, _environment: &Environment, operands: &mut Operands<'_>) -> Result<(), Fault> {
    let [buckets, segments, order] = [0, 1, 2].map(|operand: usize| operands.reads[operand].u32());
    let rows = segments.len().max(1);
    let low = operands.writes[0].u32();
    let rounds = low.par_chunks_mut(rows).zip(order.par_chunks(rows)).zip(buckets.par_chunks(rows)).enumerate();
    let results: Vec<Result<(), Fault>> = rounds
        .map(|(round, ((low, order), buckets))| {
            let mut start = 0;
            for (slot, &token) in order.iter().enumerate() {
                let token = token as usize;
                if token >= rows {
                    let (value, at) = (order[slot], round * rows + slot);
                    return Err(Fault::Index { operand: "order", value, at, largest: rows as u32 - 1 });
                }
                let before = order[slot.saturating_sub(1)] as usize;
                if buckets[before] != buckets[token] || segments[before] != segments[token] {
                    start = slot;
                }
                low[token] = start.max((slot + 1).saturating_sub(op.window)) as u32;
            }
            Ok(())
        })
        .collect();
    results.into_iter().collect()
}
