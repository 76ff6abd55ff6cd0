//! `attention` for a run of slots in one round, and the merging of rounds. Which slots and rows go together is decided in
//! `pieces.rs`; nothing here depends on it.

use super::gather::{Columns, Group, Keys, Round, Source};
use super::lanes::{Kernel, LANES, Lanes, Line, lines_of, prefetch};
use super::products::{dots, weigh};
use super::softmax::{self, Running, Seen, exponentials, mask_seen, mask_unseen, raise, replace_self};
use super::{AHEAD, QUARTERS, Tiling};
use crate::scratch::cut;
use std::ops::Range;

/// One round's softmax over a run of slots: per slot the maximum, the sum and the weighted sum of values, not yet divided.
pub(super) struct ForwardSlots<'a, 's> {
    pub source: Source<'a>,
    pub slots: Range<usize>,
    pub tiling: Tiling,
    /// Per 16 slots: 16 rows.
    pub weighted: &'s mut [Line],
    /// Per 16 slots: one line.
    pub maxima: &'s mut [Line],
    /// Per 16 slots: one line.
    pub sums: &'s mut [Line],
    /// As [`ForwardSlots::memory_lines`] says.
    pub memory: &'s mut [Line],
}

impl ForwardSlots<'_, '_> {
    /// Lines of memory that a run needs.
    pub fn memory_lines(width: usize, rounds: usize, tiling: Tiling) -> usize {
        let per_row = lines_of(width);
        let keys = tiling.keys * 2 * per_row;
        let earlier = lines_of((rounds - 1) * tiling.keys);
        let queries = tiling.groups() * per_row * LANES + per_row * LANES;
        keys + earlier + tiling.logits() + queries
    }
}

impl Kernel for ForwardSlots<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let Self { source, slots, tiling, weighted, maxima, sums, mut memory } = self;
        let (head, rounds, round) = (source.head, source.rounds.len(), source.round());
        let per_row = head.per_row();
        let columns_per_group = per_row * LANES;
        let mut keys = Keys {
            keys: cut(&mut memory, tiling.keys * per_row),
            values: cut(&mut memory, tiling.keys * per_row),
            earlier: earlier_slots(cut(&mut memory, lines_of((rounds - 1) * tiling.keys)), rounds, tiling),
            capacity: tiling.keys,
            slots: 0..0,
        };
        let all_logits = cut(&mut memory, tiling.logits());
        let queries = cut(&mut memory, tiling.groups() * columns_per_group);
        let rows = cut(&mut memory, columns_per_group);
        let mut seen = vec![Seen::NOTHING; tiling.groups() * rounds];
        let mut groups: Vec<Group> = Vec::with_capacity(tiling.groups());

        weighted.fill(Line::ZERO);
        maxima.fill(Line([f32::NEG_INFINITY; LANES]));
        sums.fill(Line::ZERO);
        let mut start = slots.start;
        while start < slots.end {
            let end = slots.end.min(start + tiling.groups() * LANES);
            groups.clear();
            let mut low = start;
            for index in 0..(end - start).div_ceil(LANES) {
                let seen = &mut seen[index * rounds..][..rounds];
                let group = Group::new(&source, start + index * LANES, end, seen);
                let columns = &mut queries[index * columns_per_group..][..columns_per_group];
                group.gather(lanes, &round, &head.query, head.scale(), rows, columns);
                low = low.min(group.low);
                groups.push(group);
            }
            // All keys at once if they fit: then a tile's logits become weights at once. Otherwise the maxima come first, and as
            // many logits as there is room for are kept.
            let whole = end - low <= tiling.keys;
            let passes = if whole { [true, true].as_slice() } else { [true, false, false, true].as_slice() };
            for pass in passes.chunks(2) {
                let (raises, weighs) = (pass[0], pass[1]);
                let mut tile = low;
                while tile < end {
                    let tile_end = end.min(tile + tiling.keys);
                    keys.hold(&source, tile..tile_end);
                    let is_kept = !whole && tile_end - low <= tiling.kept;
                    for (index, group) in groups.iter().enumerate() {
                        let (first, last) = (tile.max(group.low), tile_end.min(group.end()));
                        if first >= last {
                            continue;
                        }
                        if weighs && tile_end == end {
                            let next = end + index * LANES;
                            source.prefetch(next.min(slots.end)..(next + LANES).min(slots.end));
                        }
                        let seen = &seen[index * rounds..][..rounds];
                        let columns = &queries[index * columns_per_group..][..head.query.width];
                        let place = if is_kept { tiling.keys + index * tiling.kept + first - low } else { 0 };
                        let logits = &mut all_logits[place..][..last - first];
                        if raises || !is_kept {
                            masked_logits(lanes, &source, &keys, group, seen, columns, first, logits);
                        }
                        let line = (group.first - slots.start) / LANES;
                        if raises {
                            raise(logits, &mut maxima[line]);
                        }
                        if weighs {
                            exponentials::<L::Arithmetic>(logits, &maxima[line], &mut sums[line]);
                            let at = (first - keys.slots.start) * per_row;
                            let values = &keys.values[at..at + logits.len() * per_row];
                            let bounds = bounds(group, &seen[rounds - 1], first, last);
                            let out = &mut weighted[line * columns_per_group..][..columns_per_group];
                            weigh(lanes, logits, values, per_row, &bounds, out);
                        }
                    }
                    tile = tile_end;
                }
            }
            start = end;
        }
    }
}

/// Words for the keys' slots in earlier rounds.
#[inline(always)]
pub(super) fn earlier_slots(lines: &mut [Line], rounds: usize, tiling: Tiling) -> &mut [u32] {
    &mut bytemuck::cast_slice_mut(lines)[..(rounds - 1) * tiling.keys]
}

/// The logits of a group with the keys from slot `first` on, one line a key; -∞ where a query doesn't see a key, or saw it in an
/// earlier round.
#[inline(always)]
pub(super) fn masked_logits<L: Lanes>(
    lanes: L,
    source: &Source<'_>,
    keys: &Keys<'_>,
    group: &Group,
    seen: &[Seen],
    columns: &[Line],
    first: usize,
    logits: &mut [Line],
) {
    let per_row = source.head.per_row();
    let at = first - keys.slots.start;
    dots(lanes, columns, &keys.keys[at * per_row..(at + logits.len()) * per_row], per_row, logits);
    if source.head.shared {
        replace_self(logits, first, group.first, softmax::SELF);
    }
    let (earlier, current) = seen.split_at(seen.len() - 1);
    // Keys that all of the group see need no mask.
    let (before, behind) = group.seen_by_some(first, logits.len());
    mask_unseen(lanes, &mut logits[..before], first, &current[0]);
    mask_unseen(lanes, &mut logits[behind..], first + behind, &current[0]);
    for (slots, seen) in keys.earlier.chunks_exact(keys.capacity).zip(earlier) {
        mask_seen(lanes, logits, &slots[at..at + logits.len()], seen);
    }
}

/// Which of the keys `first..last` any of four lanes sees in this round, counted from `first`.
#[inline(always)]
pub(super) fn bounds(group: &Group, seen: &Seen, first: usize, last: usize) -> [(usize, usize); QUARTERS] {
    let mut bounds = [(0, 0); QUARTERS];
    for (quarter, bound) in bounds.iter_mut().enumerate() {
        let lane = quarter * (LANES / QUARTERS);
        if lane >= group.count {
            continue;
        }
        let end = group.count.min(lane + LANES / QUARTERS);
        let mut low = last;
        for lane in lane..end {
            low = low.min(seen.low[lane] as usize);
        }
        *bound = (low.max(first) - first, (group.first + end).min(last).max(first) - first);
    }
    bounds
}

/// Adds a round to rows of tokens, and finishes them after the last one.
pub(super) struct MergeRounds<'a, 's> {
    pub round: Round<'a>,
    /// The rows, and the first row and slot of the piece that they are in.
    pub tokens: Range<usize>,
    pub base: usize,
    pub is_first: bool,
    pub is_last: bool,
    /// The round's results by slot, from `base` on.
    pub weighted: &'s [Line],
    pub maxima: &'s [f32],
    pub sums: &'s [f32],
    /// The state of each of the rows.
    pub running_maxima: &'s mut [f32],
    pub running_sums: &'s mut [f32],
    /// The rows' results, all heads.
    pub context: &'s mut [f32],
    /// The head's columns.
    pub columns: Columns<'a>,
    pub z: &'s mut [f32],
}

impl Kernel for MergeRounds<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, _lanes: L) {
        let Columns { stride, first, width, .. } = self.columns;
        let weighted: &[f32] = bytemuck::cast_slice(self.weighted);
        let padded = lines_of(width) * LANES;
        for (index, row) in self.context.chunks_exact_mut(stride).enumerate() {
            let row = &mut row[first..first + width];
            let token = self.tokens.start + index;
            let at = self.round.slot(token) - self.base;
            if token + AHEAD < self.tokens.end {
                prefetch(&weighted[(self.round.slot(token + AHEAD) - self.base) * padded..][..width]);
            }
            let result = &weighted[at * padded..][..width];
            let round = Running { maximum: self.maxima[at], sum: self.sums[at] };
            let mut running = if self.is_first {
                row.copy_from_slice(result);
                round
            } else {
                let mut running = Running { maximum: self.running_maxima[index], sum: self.running_sums[index] };
                if let Some(factors) = running.merge::<L::Arithmetic>(round) {
                    softmax::merge_rows::<L::Arithmetic>(row, result, factors);
                }
                running
            };
            if self.is_last {
                let (factor, z) = running.finish::<L::Arithmetic>();
                for number in row.iter_mut() {
                    *number *= factor;
                }
                self.z[index] = z;
                running = Running::NONE;
            }
            self.running_maxima[index] = running.maximum;
            self.running_sums[index] = running.sum;
        }
    }
}

/// The inverse norms of rows from `base` on.
pub(super) struct Norms<'a, 's> {
    pub rows: Columns<'a>,
    pub base: usize,
    pub norms: &'s mut [f32],
}

impl Kernel for Norms<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, _lanes: L) {
        for (index, norm) in self.norms.iter_mut().enumerate() {
            *norm = super::gather::inverse_norm::<L::Arithmetic>(self.rows.row(self.base + index));
        }
    }
}
