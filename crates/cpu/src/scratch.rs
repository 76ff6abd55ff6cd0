//! Memory that kernels need while they run, kept and used again, so that a run allocates only the first time. Shared by all
//! threads: a large buffer exists once, whichever thread asks for it.

use std::sync::Mutex;

/// A cache line; scratch is made of these, since vectors that straddle two lines cost twice.
#[derive(Clone, Copy, bytemuck::Zeroable, bytemuck::Pod)]
#[repr(C, align(64))]
struct Line([f32; Line::NUMBERS]);

impl Line {
    const NUMBERS: usize = 16;
}

/// Buffers that no kernel uses now.
static FREE: Mutex<Vec<Vec<Line>>> = Mutex::new(Vec::new());

/// Bytes that [`with`] takes for slices of these lengths.
pub(crate) fn bytes(lengths: &[usize]) -> u64 {
    lengths.iter().map(|length| (length.div_ceil(Line::NUMBERS) * size_of::<Line>()) as u64).sum()
}

/// Calls `work` with `N` slices of these lengths, each on its own cache lines. Their content is whatever it was: write before
/// you read.
pub(crate) fn with<const N: usize, R>(lengths: [usize; N], work: impl FnOnce([&mut [f32]; N]) -> R) -> R {
    let lines: usize = lengths.iter().map(|length| length.div_ceil(Line::NUMBERS)).sum();
    let mut buffer = take(lines);
    if buffer.len() < lines {
        // Nothing of the old content is wanted: freeing first keeps the peak low.
        drop(buffer);
        buffer = bytemuck::zeroed_vec(lines);
    }
    let mut rest: &mut [f32] = bytemuck::cast_slice_mut(&mut buffer[..lines]);
    let slices = lengths.map(|length| {
        let (taken, later) = std::mem::take(&mut rest).split_at_mut(length.next_multiple_of(Line::NUMBERS));
        rest = later;
        &mut taken[..length]
    });
    let result = work(slices);
    // A lock is poisoned only by a panic inside these two lines of pushing and popping: then there is nothing to keep.
    if let Ok(mut free) = FREE.lock() {
        free.push(buffer);
    }
    result
}

/// The smallest free buffer that is long enough, else the longest.
fn take(lines: usize) -> Vec<Line> {
    let Ok(mut free) = FREE.lock() else { return Vec::new() };
    let fitting = free.iter().enumerate().filter(|(_, buffer)| buffer.len() >= lines);
    let best = fitting.min_by_key(|(_, buffer)| buffer.len());
    let best = best.or_else(|| free.iter().enumerate().max_by_key(|(_, buffer)| buffer.len()));
    let index = best.map(|(index, _)| index);
    index.map(|index| free.swap_remove(index)).unwrap_or_default()
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
        assert_eq!(bytes(&[3, 0, 17]), 64 + 128);
    }
}
