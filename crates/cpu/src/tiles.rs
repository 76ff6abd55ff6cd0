//! Cutting rows into tiles for threads, and what scratch they need. A tile never changes a bit: rows are independent, and sums
//! over rows go by blocks.

use crate::environment::{Environment, Fault};
use crate::scratch::{self, Buffers};
use rayon::prelude::*;

/// Rows that one product is given at most: enough that packing the weights is paid back, few enough for the second-level cache.
pub(crate) const MOST_ROWS: usize = 256;
/// Tiles are multiples of this, the height of gemm's kernels.
const STEP: usize = 16;

/// Rows of a tile, so that every thread has one; some even where there are none, since nothing can be cut by zero.
pub(crate) fn tile_rows(rows: usize, environment: &Environment) -> usize {
    rows.div_ceil(environment.threads.max(1)).next_multiple_of(STEP).clamp(STEP, MOST_ROWS)
}

/// Runs `work` on every item in parallel; the first fault, in order of the items, is returned.
pub(crate) fn try_each<T: Send>(
    items: Vec<T>,
    work: impl Fn(T) -> Result<(), Fault> + Sync + Send,
) -> Result<(), Fault> {
    let results: Vec<Result<(), Fault>> = items.into_par_iter().map(work).collect();
    results.into_iter().collect()
}

/// Cuts mutable rows of `width` into tiles of `rows`, with the first row of each.
pub(crate) fn cut<T>(data: &mut [T], width: usize, rows: usize) -> impl Iterator<Item = (usize, &mut [T])> {
    data.chunks_mut((rows * width).max(1)).enumerate().map(move |(index, chunk)| (index * rows, chunk))
}

/// Lines of scratch that an op takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Need {
    /// Once.
    shared: usize,
    /// On every thread.
    tile: usize,
}

impl Need {
    /// From the lengths of scratch slices.
    pub fn new(shared: &[usize], tile: &[usize]) -> Self {
        Self { shared: scratch::lines(shared), tile: scratch::lines(tile) }
    }

    /// The buffers that are held at once.
    pub fn buffers(self, threads: usize) -> Buffers {
        Buffers::new(std::iter::repeat_n(self.tile, threads).chain([self.shared]))
    }
}
