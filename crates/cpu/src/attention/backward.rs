//! `attention_gradient` for a run of slots in one round: the gradients of its queries, keys and values. The run owns all three,
//! so it looks at earlier keys (for its queries) and at later queries (for its keys), and those few logits are computed
//! twice; in return no two runs write to one row, and every sum is one chain in ascending order.

use super::forward::{bounds, earlier_slots, masked_logits};
use super::gather::{Columns, Group, Keys, Round, Source, copy_row, inner};
use super::lanes::{Kernel, LANES, Lanes, Line, lines_of, prefetch};
use super::products::{Viewers, dots, spread, weigh};
use super::softmax::{Seen, replace_self};
use super::{AHEAD, Tiling};
use crate::math;
use crate::scratch::cut;
use crate::simd::Arithmetic;
use std::ops::Range;

/// One round's gradients of a run of slots.
pub(super) struct BackwardSlots<'a, 's> {
    pub source: Source<'a>,
    pub slots: Range<usize>,
    /// Behind the last slot whose query may see a key of the run.
    pub end: usize,
    pub tiling: Tiling,
    /// The head's z and delta by token.
    pub z: &'a [f32],
    pub delta: &'a [f32],
    pub d_context: Columns<'a>,
    /// Rows of the slots, rounded up to 16. Where queries and keys are shared, `d_query` gets the gradient of both.
    pub d_query: &'s mut [Line],
    pub d_key: &'s mut [Line],
    pub d_value: &'s mut [Line],
    /// As [`BackwardSlots::memory_lines`] says.
    pub memory: &'s mut [Line],
}

impl BackwardSlots<'_, '_> {
    /// Lines of memory that a run needs.
    pub fn memory_lines(width: usize, rounds: usize, tiling: Tiling) -> usize {
        let per_row = lines_of(width);
        tiling.keys * (2 * per_row + 2) + lines_of((rounds - 1) * tiling.keys) + 4 * per_row * LANES
    }
}

impl Kernel for BackwardSlots<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let Self { source, slots, end, tiling, z, delta, d_context, d_query, d_key, d_value, mut memory } = self;
        let (head, rounds, round) = (source.head, source.rounds.len(), source.round());
        let (per_row, width) = (head.per_row(), head.query.width);
        let group_lines = per_row * LANES;
        let mut keys = Keys {
            keys: cut(&mut memory, tiling.keys * per_row),
            values: cut(&mut memory, tiling.keys * per_row),
            earlier: earlier_slots(cut(&mut memory, lines_of((rounds - 1) * tiling.keys)), rounds, tiling),
            capacity: tiling.keys,
            slots: 0..0,
        };
        let weights = cut(&mut memory, tiling.keys);
        let slopes = cut(&mut memory, tiling.keys);
        let query_rows = cut(&mut memory, group_lines);
        let query_columns = cut(&mut memory, group_lines);
        let upstream_rows = cut(&mut memory, group_lines);
        let upstream_columns = cut(&mut memory, group_lines);
        let mut seen = vec![Seen::NOTHING; rounds];

        d_query.fill(Line::ZERO);
        d_key.fill(Line::ZERO);
        d_value.fill(Line::ZERO);
        let mut low = slots.start;
        for slot in slots.clone() {
            low = low.min(round.low_of_slot(slot));
        }
        let mut tile = low;
        while tile < slots.end {
            let owned = tile >= slots.start;
            let tile_end = (tile + tiling.keys).min(if owned { slots.end } else { slots.start });
            keys.hold(&source, tile..tile_end);
            let mut query = slots.start + tile.saturating_sub(slots.start) / LANES * LANES;
            let query_end = if owned { end } else { slots.end };
            while query < query_end {
                let inside = query < slots.end;
                let group = Group::new(&source, query, if inside { slots.end } else { query_end }, &mut seen);
                // What queries see begins later for later ones.
                if group.low >= tile_end {
                    break;
                }
                query = group.end();
                if head.shared {
                    for slot in query..(query + LANES).min(query_end) {
                        prefetch(d_context.row(round.token(slot)));
                    }
                    let next = tile_end + (group.first - tile.min(group.first));
                    source.prefetch(next.min(slots.end)..(next + LANES).min(slots.end));
                }
                let (first, last) = (tile.max(group.low), tile_end.min(group.end()));
                if first >= last {
                    continue;
                }
                group.gather(lanes, &round, &head.query, head.scale(), query_rows, query_columns);
                group.gather(lanes, &round, &d_context, 1.0, upstream_rows, upstream_columns);
                let (weights, slopes) = (&mut weights[..last - first], &mut slopes[..last - first]);
                masked_logits(lanes, &source, &keys, &group, &seen, &query_columns[..width], first, weights);
                let at = (first - keys.slots.start) * per_row;
                let tile_rows = at..at + weights.len() * per_row;
                dots(lanes, &upstream_columns[..width], &keys.values[tile_rows.clone()], per_row, slopes);
                let (z, delta) = (by_lane(&group, &round, z), by_lane(&group, &round, delta));
                probabilities::<L::Arithmetic>(weights, slopes, &z, &delta);
                if head.shared {
                    replace_self(slopes, first, group.first, 0.0);
                }
                if inside {
                    let bounds = bounds(&group, &seen[rounds - 1], first, last);
                    let at = (group.first - slots.start) * per_row;
                    let out = &mut d_query[at..at + group_lines];
                    weigh(lanes, slopes, &keys.keys[tile_rows], per_row, &bounds, out);
                }
                if owned {
                    let at = (first - slots.start) * per_row;
                    let out = at..at + weights.len() * per_row;
                    let viewers = Viewers { key: first, query: group.first, low: &seen[rounds - 1].low };
                    spread(lanes, slopes, query_rows, per_row, viewers, &mut d_key[out.clone()]);
                    spread(lanes, weights, upstream_rows, per_row, viewers, &mut d_value[out]);
                }
            }
            tile = tile_end;
        }
        let count = slots.len();
        let d_query: &mut [f32] = bytemuck::cast_slice_mut(&mut d_query[..count * per_row]);
        let d_key: &[f32] = bytemuck::cast_slice(&d_key[..count * per_row]);
        let rows = d_query.chunks_exact_mut(per_row * LANES).zip(d_key.chunks_exact(per_row * LANES));
        for (slot, (d_query, d_key)) in slots.zip(rows) {
            if head.shared {
                let token = round.token(slot);
                let factor = source.key_factor(token);
                copy_row(head.key.row(token), factor, &mut query_rows[..per_row]);
                let key: &[f32] = &bytemuck::cast_slice(&query_rows[..per_row])[..width];
                add_key_gradient::<L::Arithmetic>(&mut d_query[..width], key, &d_key[..width], factor);
            } else {
                for number in d_query {
                    *number *= head.scale();
                }
            }
        }
    }
}

/// One number of each of a group's queries; zero where there is none.
#[inline(always)]
fn by_lane(group: &Group, round: &Round<'_>, numbers: &[f32]) -> [f32; LANES] {
    let mut lanes = [0.0; LANES];
    for lane in 0..group.count {
        lanes[lane] = numbers[round.token(group.first + lane)];
    }
    lanes
}

/// Logits become probabilities p, products do·v become p·(do·v - δ).
#[inline(always)]
fn probabilities<A: Arithmetic>(logits: &mut [Line], products: &mut [Line], z: &[f32; LANES], delta: &[f32; LANES]) {
    for (logits, products) in logits.iter_mut().zip(products) {
        for lane in 0..LANES {
            let probability = math::exp::<A>(logits.0[lane] - z[lane]);
            logits.0[lane] = probability;
            products.0[lane] = probability * (products.0[lane] - delta[lane]);
        }
    }
}

/// d_query + (dk - k(k·dk))/ν: through the key's normalisation.
#[inline(always)]
pub(super) fn add_key_gradient<A: Arithmetic>(d_query: &mut [f32], key: &[f32], d_key: &[f32], inverse_norm: f32) {
    let along = inner::<A>(key, d_key);
    for ((d_query, &key), &d_key) in d_query.iter_mut().zip(key).zip(d_key) {
        *d_query = A::multiply_add(A::multiply_add(-key, along, d_key), inverse_norm, *d_query);
    }
}

/// Adds a round's gradients by slot to rows of tokens.
pub(super) struct AddRound<'a, 's> {
    pub round: Round<'a>,
    /// The rows, and the first row and slot of the piece that they are in.
    pub tokens: Range<usize>,
    pub base: usize,
    pub is_first: bool,
    /// By slot, from `base` on.
    pub gradient: &'s [Line],
    /// The rows' results, all heads.
    pub out: &'s mut [f32],
    /// The head's columns.
    pub columns: Columns<'a>,
}

impl Kernel for AddRound<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, _lanes: L) {
        let Columns { stride, first, width, .. } = self.columns;
        let gradient: &[f32] = bytemuck::cast_slice(self.gradient);
        let padded = lines_of(width) * LANES;
        for (index, row) in self.out.chunks_exact_mut(stride).enumerate() {
            let token = self.tokens.start + index;
            let at = self.round.slot(token) - self.base;
            if token + AHEAD < self.tokens.end {
                prefetch(&gradient[(self.round.slot(token + AHEAD) - self.base) * padded..][..width]);
            }
            let gradient = &gradient[at * padded..][..width];
            let row = &mut row[first..first + width];
            if self.is_first {
                row.copy_from_slice(gradient);
            } else {
                for (sum, &number) in row.iter_mut().zip(gradient) {
                    *sum += number;
                }
            }
        }
    }
}
