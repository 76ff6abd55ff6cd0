//! Memory that kernels need while they run: one pool of buffers for the whole process, filled when a plan is prepared, so that a run
//! allocates nothing large. How much an op needs is said where the op is.

use crate::attention::lanes::{Line, lines_of};
use crate::buffer;
use reformer_tensor::{BackendError, refusable};
use std::cmp::Reverse;
use std::sync::Mutex;

/// Buffers that no kernel uses now. A kernel gets the smallest that is long enough. Then the buffers that an op holds at once
/// suffice for it, however its threads come and go, as long as it asks first for what all threads share, and a thread that
/// holds two always asks for the same two lengths.
struct Pool(Mutex<Vec<Vec<Line>>>);

/// Shared by all threads and plans: what serves one step serves the next, whatever it computes.
static POOL: Pool = Pool(Mutex::new(Vec::new()));

/// Lengths of buffers that are held at once, in lines, longest first.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Buffers(Vec<usize>);

impl Buffers {
    /// Buffers of these lengths, in any order.
    pub fn new(lengths: impl IntoIterator<Item = usize>) -> Self {
        let mut lengths: Vec<usize> = lengths.into_iter().filter(|&lines| lines > 0).collect();
        lengths.sort_unstable_by_key(|&lines| Reverse(lines));
        Self(lengths)
    }

    /// The fewest lines that serve both, one after the other: the longest buffer of either, the second longest, and so on.
    pub fn or(self, other: Self) -> Self {
        let (mut longer, shorter) = if self.0.len() < other.0.len() { (other, self) } else { (self, other) };
        for (lines, &others) in longer.0.iter_mut().zip(&shorter.0) {
            *lines = others.max(*lines);
        }
        longer
    }

    /// What they take.
    pub fn bytes(&self) -> u64 {
        self.0.iter().map(|&lines| (lines * size_of::<Line>()) as u64).sum()
    }
}

impl Pool {
    // Everywhere below: the lock is poisoned only by a panic between taking and putting back. Then there is nothing to keep.

    fn reserve(&self, buffers: &Buffers) -> Result<(), BackendError> {
        let Ok(mut free) = self.0.lock() else { return Ok(()) };
        free.sort_by_key(|buffer| Reverse(buffer.len()));
        for (index, &lines) in buffers.0.iter().enumerate() {
            if free.len() == index {
                free.push(Vec::new());
            }
            if free[index].len() < lines {
                // Nothing of the old content is wanted: freeing first keeps the peak low.
                free[index] = Vec::new();
                let refused = |()| buffer::refused((lines * size_of::<Line>()) as u64);
                free[index] = refusable(|| bytemuck::try_zeroed_vec(lines)).map_err(refused)?;
            }
        }
        Ok(())
    }

    /// The smallest free buffer that is long enough, else the longest.
    fn take(&self, lines: usize) -> Vec<Line> {
        let Ok(mut free) = self.0.lock() else { return Vec::new() };
        let fitting = free.iter().enumerate().filter(|(_, buffer)| buffer.len() >= lines);
        let best = fitting.min_by_key(|(_, buffer)| buffer.len());
        let best = best.or_else(|| free.iter().enumerate().max_by_key(|(_, buffer)| buffer.len()));
        let index = best.map(|(index, _)| index);
        index.map(|index| free.swap_remove(index)).unwrap_or_default()
    }

    fn put_back(&self, buffer: Vec<Line>) {
        if let Ok(mut free) = self.0.lock() {
            free.push(buffer);
        }
    }
}

/// Makes sure that these buffers are there. Their memory is resident at once: what must be aligned is zeroed by writing.
pub(crate) fn reserve(buffers: &Buffers) -> Result<(), BackendError> {
    POOL.reserve(buffers)
}

/// Lines that [`with`] takes for slices of these lengths.
pub(crate) fn lines(lengths: &[usize]) -> usize {
    lengths.iter().map(|&length| lines_of(length)).sum()
}

/// Calls `work` with `N` slices of these lengths, each on its own cache lines. Their content is whatever it was: write before
/// you read.
pub(crate) fn with<const N: usize, R>(lengths: [usize; N], work: impl FnOnce([&mut [f32]; N]) -> R) -> R {
    with_lines(lines(&lengths), |mut memory| {
        work(lengths.map(|length| {
            let lines = cut(&mut memory, lines_of(length));
            &mut bytemuck::cast_slice_mut(lines)[..length]
        }))
    })
}

/// Calls `work` with this many lines. Their content is whatever it was: write before you read.
pub(crate) fn with_lines<R>(count: usize, work: impl FnOnce(&mut [Line]) -> R) -> R {
    if count == 0 {
        return work(&mut []);
    }
    let mut buffer = POOL.take(count);
    if buffer.len() < count {
        // Two plans run at the same time, or none was prepared: a test of a kernel.
        drop(buffer);
        buffer = bytemuck::zeroed_vec(count);
    }
    let result = work(&mut buffer[..count]);
    POOL.put_back(buffer);
    result
}

/// Cuts the next `count` lines off.
pub(crate) fn cut<'s>(memory: &mut &'s mut [Line], count: usize) -> &'s mut [Line] {
    let (taken, rest) = std::mem::take(memory).split_at_mut(count);
    *memory = rest;
    taken
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_are_aligned_and_apart() {
        with([3, 0, 17], |[first, none, second]| {
            assert_eq!((first.len(), none.len(), second.len()), (3, 0, 17));
            assert_eq!(first.as_ptr() as usize % 64, 0);
            assert_eq!(second.as_ptr() as usize - first.as_ptr() as usize, 64);
            first.fill(1.0);
            second.fill(2.0);
            assert_eq!(first, [1.0; 3]);
        });
        assert_eq!(lines(&[3, 0, 17]), 3);
    }

    #[test]
    fn buffers_serve_one_op_after_another() {
        let one = Buffers::new([2, 0, 900, 2]);
        assert_eq!(one, Buffers(vec![900, 2, 2]));
        let both = one.or(Buffers::new([5, 5]));
        assert_eq!(both, Buffers(vec![900, 5, 2]));
        assert_eq!(both.clone().or(Buffers::default()), both);
        assert_eq!(both.bytes(), 907 * 64);
    }

    fn lengths(pool: &Pool) -> Vec<usize> {
        let mut lengths: Vec<usize> = pool.0.lock().unwrap().iter().map(Vec::len).collect();
        lengths.sort_unstable();
        lengths
    }

    #[test]
    fn what_is_reserved_is_found() {
        let pool = Pool(Mutex::new(Vec::new()));
        pool.reserve(&Buffers::new([9, 3, 3])).unwrap();
        pool.reserve(&Buffers::new([5, 5])).unwrap();
        assert_eq!(lengths(&pool), [3, 5, 9], "each grew only as far as it had to");
        let taken = [pool.take(4), pool.take(1), pool.take(2)];
        assert_eq!(taken.each_ref().map(Vec::len), [5, 3, 9], "the smallest that is long enough");
        taken.into_iter().for_each(|buffer| pool.put_back(buffer));
        assert_eq!(lengths(&pool), [3, 5, 9]);
        // Longer than an address space: no system has it.
        let error = pool.reserve(&Buffers::new([1 << 56])).unwrap_err();
        assert_eq!(error.to_string(), "the system refused 4611686018427387904 bytes of memory");
    }
}
