//! The forward kernel: one head, one round, one chunk of slots, merged onto the running result.

use super::gather::Head;
use super::shared::SharedRows;
use super::tile::{self, Lanes, Queries};
use super::{LANES, Running, finite, query_scale};
use crate::math;
use crate::scratch;
use crate::simd::{Arithmetic, Kernel};

/// One task. `context` rows are not normalised until the last round; `running` holds (most, sum) a row.
pub(crate) struct ForwardChunk<'a, 'b> {
    pub head: Head<'a>,
    pub round: usize,
    /// The queries' slots.
    pub slots: std::ops::Range<usize>,
    /// [rows, heads·width].
    pub context: &'b SharedRows<'b>,
    /// [heads·rows, 2].
    pub running: &'b SharedRows<'b>,
    /// This head's first row in `running`, and where its z belong.
    pub first_running: usize,
    /// [heads·rows, 1].
    pub z: &'b SharedRows<'b>,
}

/// Numbers of scratch that a chunk of `slots` queries takes whose keys start at slot `begin`.
pub(crate) fn key_slots(head: &Head<'_>, round: usize, slots: &std::ops::Range<usize>) -> std::ops::Range<usize> {
    let begin = slots.clone().map(|slot| head.low(round, head.token(round, slot)) as usize).min();
    begin.unwrap_or(slots.start)..slots.end
}

/// Scratch as lanes.
pub(crate) fn lanes(scratch: &mut [f32]) -> &mut [Lanes] {
    bytemuck::cast_slice_mut(scratch)
}

impl Kernel for ForwardChunk<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arithmetic>(self) {
        let keys = key_slots(&self.head, self.round, &self.slots);
        let (count, width) = (keys.len(), self.head.width);
        let lengths = [count * width, count * width, width * LANES, count * LANES, width * LANES];
        scratch::with(lengths, |[key, value, query, logits, context]| {
            self.head.gather(self.round, keys.clone(), key, value);
            let (query, logits, context) = (lanes(query), lanes(logits), lanes(context));
            for first in self.slots.clone().step_by(LANES) {
                let queries = Queries::new(&self.head, self.round, first, self.slots.end);
                self.tile::<A>(&queries, keys.start, key, value, query, logits, context);
            }
        });
    }
}

impl ForwardChunk<'_, '_> {
    #[inline(always)]
    #[allow(unsafe_code)]
    fn tile<A: Arithmetic>(
        &self,
        queries: &Queries,
        gathered_from: usize,
        key: &[f32],
        value: &[f32],
        query: &mut [Lanes],
        logits: &mut [Lanes],
        context: &mut [Lanes],
    ) {
        let head = &self.head;
        let width = head.width;
        tile::transpose(queries, width, query_scale(head.pattern, width), |token| head.row(head.query, token), query);
        let logits = &mut logits[..queries.end() - queries.begin];
        let gathered = (queries.begin - gathered_from) * width..(queries.end() - gathered_from) * width;
        tile::dots::<A>(query, &key[gathered.clone()], width, logits);
        tile::mask(head, self.round, queries, logits);
        let (most, sum) = softmax::<A>(logits);
        tile::weighted::<A>(logits, &value[gathered], width, context);
        let last = self.round + 1 == head.rounds();
        for lane in 0..queries.count {
            let token = queries.tokens[lane];
            let row = self.first_running + token;
            // SAFETY: this task alone has this token's slot in this round, and this head's columns and rows.
            let (out, running, z) = unsafe {
                (self.context.piece(token, head.column, width), self.running.piece(row, 0, 2), self.z.piece(row, 0, 1))
            };
            let new = Running { most: most[lane], sum: sum[lane] };
            if self.round == 0 {
                for d in 0..width {
                    out[d] = context[d][lane];
                }
                [running[0], running[1]] = [new.most, new.sum];
            } else {
                let before = Running { most: running[0], sum: running[1] };
                let (merged, own, other) = before.merge::<A>(new);
                for d in 0..width {
                    out[d] = A::multiply_add(out[d], own, context[d][lane] * other);
                }
                [running[0], running[1]] = [merged.most, merged.sum];
            }
            if last {
                let result = Running { most: running[0], sum: running[1] };
                let inverse = 1.0 / result.sum;
                for out in out.iter_mut() {
                    *out *= inverse;
                }
                z[0] = result.z::<A>();
            }
        }
    }
}

/// Logits to exp(logit − most) in place; the exact maximum first, then the sum in ascending key order.
#[inline(always)]
pub(crate) fn softmax<A: Arithmetic>(logits: &mut [Lanes]) -> (Lanes, Lanes) {
    let mut most = [f32::NEG_INFINITY; LANES];
    for logits in logits.iter() {
        for lane in 0..LANES {
            most[lane] = if logits[lane] > most[lane] { logits[lane] } else { most[lane] };
        }
    }
    let mut sum = [0.0; LANES];
    for logits in logits.iter_mut() {
        for lane in 0..LANES {
            let weight = math::exp::<A>(logits[lane] - finite(most[lane]));
            logits[lane] = weight;
            sum[lane] += weight;
        }
    }
    (most, sum)
}
