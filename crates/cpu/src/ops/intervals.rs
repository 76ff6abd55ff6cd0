//! `intervals` on the CPU: one walk over the slots of each head and round.

use crate::environment::{Environment, Fault, Operands};
use rayon::prelude::*;
use reformer_tensor::op::Intervals;

pub(super) fn run(op: &Intervals, _environment: &Environment, operands: &mut Operands<'_>) -> Result<(), Fault> {
    let [buckets, segments, order, _slot] = &operands.reads[..] else { return Ok(()) };
    let (buckets, segments, order) = (buckets.u32(), segments.u32(), order.u32());
    let rows = segments.len().max(1);
    let rounds =
        buckets.par_chunks(rows).zip(order.par_chunks(rows)).zip(operands.writes[0].u32().par_chunks_mut(rows));
    rounds.for_each(|((buckets, order), low)| {
        let mut group = 0;
        for (slot, &token) in order.iter().enumerate() {
            let token = token as usize;
            let same = slot > 0 && {
                let before = order[slot - 1] as usize;
                buckets[before] == buckets[token] && segments[before] == segments[token]
            };
            if !same {
                group = slot;
            }
            low[token] = group.max((slot + 1).saturating_sub(op.window)) as u32;
        }
    });
    Ok(())
}
