//! The backward kernel: one head, one round, one chunk of slots, from the final z. Tiles are fixed by the op: chunks start at
//! multiples of [`super::CHUNK`], tiles at multiples of [`super::LANES`] within.

use super::forward::{key_slots, lanes};
use super::gather::Head;
use super::shared::SharedRows;
use super::tile::{self, Lanes, Queries};
use super::{LANES, inverse_norm, query_scale};
use crate::math;
use crate::norm;
use crate::scratch;
use crate::simd::{Arithmetic, Kernel};

/// One task. Its writes touch the tokens of its own slots and of the keys that these see.
pub(crate) struct BackwardChunk<'a, 'b> {
    pub head: Head<'a>,
    pub round: usize,
    /// The queries' slots.
    pub slots: std::ops::Range<usize>,
    /// [rows] of this head.
    pub z: &'a [f32],
    /// [rows] of this head.
    pub delta: &'a [f32],
    /// [rows, heads·width].
    pub d_context: &'a [f32],
    /// [rows, heads·width]; for LSH the gradient of the shared vector.
    pub d_query: &'b SharedRows<'b>,
    /// [rows, heads·width]; for LSH the same tensor as `d_query`.
    pub d_key: &'b SharedRows<'b>,
    /// [rows, heads·width].
    pub d_value: &'b SharedRows<'b>,
}

struct Gathered<'s> {
    from: usize,
    key: &'s [f32],
    value: &'s [f32],
    d_key: &'s mut [f32],
    d_value: &'s mut [f32],
}

struct TileScratch<'s> {
    query: &'s mut [Lanes],
    upstream: &'s mut [Lanes],
    query_rows: &'s mut [f32],
    upstream_rows: &'s mut [f32],
    weights: &'s mut [Lanes],
    slopes: &'s mut [Lanes],
    d_query: &'s mut [Lanes],
}

impl Kernel for BackwardChunk<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arithmetic>(self) {
        let keys = key_slots(&self.head, self.round, &self.slots);
        let (count, width) = (keys.len(), self.head.width);
        let (all, tile) = (count * width, width * LANES);
        let lengths = [all, all, all, all, tile, tile, tile, tile, count * LANES, count * LANES, tile];
        scratch::with(
            lengths,
            |[key, value, d_key, d_value, query, upstream, query_rows, upstream_rows, weights, slopes, d_query]| {
                self.head.gather(self.round, keys.clone(), key, value);
                d_key.fill(0.0);
                d_value.fill(0.0);
                let mut gathered = Gathered { from: keys.start, key, value, d_key, d_value };
                let mut scratch = TileScratch {
                    query: lanes(query),
                    upstream: lanes(upstream),
                    query_rows,
                    upstream_rows,
                    weights: lanes(weights),
                    slopes: lanes(slopes),
                    d_query: lanes(d_query),
                };
                for first in self.slots.clone().step_by(LANES) {
                    let queries = Queries::new(&self.head, self.round, first, self.slots.end);
                    self.tile::<A>(&queries, &mut gathered, &mut scratch);
                }
                self.flush(keys.clone(), &gathered);
            },
        );
    }
}

impl BackwardChunk<'_, '_> {
    #[inline(always)]
    #[allow(unsafe_code)]
    fn tile<A: Arithmetic>(&self, queries: &Queries, gathered: &mut Gathered<'_>, scratch: &mut TileScratch<'_>) {
        let head = &self.head;
        let width = head.width;
        let scale = query_scale(head.pattern, width);
        let upstream = |token: usize| head.row(self.d_context, token);
        tile::transpose(queries, width, scale, |token| head.row(head.query, token), scratch.query);
        tile::transpose(queries, width, 1.0, upstream, scratch.upstream);
        rows(queries, width, scale, |token| head.row(head.query, token), scratch.query_rows);
        rows(queries, width, 1.0, upstream, scratch.upstream_rows);
        let count = queries.end() - queries.begin;
        let range = (queries.begin - gathered.from) * width..(queries.end() - gathered.from) * width;
        let (weights, slopes) = (&mut scratch.weights[..count], &mut scratch.slopes[..count]);
        tile::dots::<A>(scratch.query, &gathered.key[range.clone()], width, weights);
        tile::mask(head, self.round, queries, weights);
        tile::dots::<A>(scratch.upstream, &gathered.value[range.clone()], width, slopes);
        let (mut z, mut delta) = ([0.0; LANES], [0.0; LANES]);
        for lane in 0..queries.count {
            z[lane] = self.z[queries.tokens[lane]];
            delta[lane] = self.delta[queries.tokens[lane]];
        }
        let shared = head.sorted.is_some();
        for (j, (weights, slopes)) in weights.iter_mut().zip(slopes.iter_mut()).enumerate() {
            for lane in 0..LANES {
                let own = shared & (queries.begin + j == queries.first + lane);
                let weight = math::exp::<A>(weights[lane] - z[lane]);
                weights[lane] = weight;
                // The own logit of LSH is a constant: no gradient through it, but its weight still carries the value's.
                slopes[lane] = if own { 0.0 } else { weight * (slopes[lane] - delta[lane]) };
            }
        }
        tile::weighted::<A>(slopes, &gathered.key[range.clone()], width, scratch.d_query);
        tile::scatter::<A>(slopes, scratch.query_rows, width, &mut gathered.d_key[range.clone()]);
        tile::scatter::<A>(weights, scratch.upstream_rows, width, &mut gathered.d_value[range]);
        for lane in 0..queries.count {
            // SAFETY: tasks that run together have disjoint slots with their keys, and this head's columns are its own.
            let out = unsafe { self.d_query.piece(queries.tokens[lane], head.column, width) };
            for d in 0..width {
                out[d] = A::multiply_add(scratch.d_query[d][lane], scale, out[d]);
            }
        }
    }

    /// Adds the chunk's sums onto its keys' tokens, in ascending slot order. For LSH through the key's normalisation, which is linear:
    /// (dk − k(k·dk))/ν.
    #[inline(always)]
    #[allow(unsafe_code)]
    fn flush(&self, keys: std::ops::Range<usize>, gathered: &Gathered<'_>) {
        let head = &self.head;
        let width = head.width;
        for (index, slot) in keys.enumerate() {
            let token = head.token(self.round, slot);
            let own = index * width..(index + 1) * width;
            let (key, d_key, d_value) =
                (&gathered.key[own.clone()], &gathered.d_key[own.clone()], &gathered.d_value[own]);
            // SAFETY: as in `tile`.
            let (out_key, out_value) =
                unsafe { (self.d_key.piece(token, head.column, width), self.d_value.piece(token, head.column, width)) };
            if head.sorted.is_some() {
                let inverse = inverse_norm(head.row(head.query, token));
                let along = norm::sum(width, |d| key[d] * d_key[d]);
                for d in 0..width {
                    out_key[d] += (d_key[d] - key[d] * along) * inverse;
                }
            } else {
                for d in 0..width {
                    out_key[d] += d_key[d];
                }
            }
            for d in 0..width {
                out_value[d] += d_value[d];
            }
        }
    }
}

/// out[lane][d] = scale · row of lane at d. Unused lanes hold zeros.
#[inline(always)]
fn rows<'a>(queries: &Queries, width: usize, scale: f32, row: impl Fn(usize) -> &'a [f32], out: &mut [f32]) {
    for (lane, out) in out.chunks_exact_mut(width).enumerate() {
        if lane < queries.count {
            for (out, &value) in out.iter_mut().zip(row(queries.tokens[lane])) {
                *out = value * scale;
            }
        } else {
            out.fill(0.0);
        }
    }
}
