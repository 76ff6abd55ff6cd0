//! Lines of memory that kernels need while they run, kept and used again, so that a run allocates only the first time.
//! Shared by all threads: a large buffer exists once, whichever thread asks for it.

use super::lanes::Line;
use std::sync::Mutex;

/// Buffers that nobody uses now.
static FREE: Mutex<Vec<Vec<Line>>> = Mutex::new(Vec::new());

/// Calls `work` with this many lines. Their content is whatever it was: write before you read.
pub(crate) fn with<R>(count: usize, work: impl FnOnce(&mut [Line]) -> R) -> R {
    let mut buffer = take(count);
    if buffer.len() < count {
        // Nothing of the old content is wanted: freeing first keeps the peak low.
        drop(buffer);
        buffer = bytemuck::zeroed_vec(count);
    }
    let result = work(&mut buffer[..count]);
    if let Ok(mut free) = FREE.lock() {
        free.push(buffer);
    }
    result
}

/// The smallest free buffer that is long enough, else the longest.
fn take(count: usize) -> Vec<Line> {
    let Ok(mut free) = FREE.lock() else { return Vec::new() };
    let fitting = free.iter().enumerate().filter(|(_, buffer)| buffer.len() >= count);
    let best = fitting.min_by_key(|(_, buffer)| buffer.len());
    let best = best.or_else(|| free.iter().enumerate().max_by_key(|(_, buffer)| buffer.len()));
    let index = best.map(|(index, _)| index);
    index.map(|index| free.swap_remove(index)).unwrap_or_default()
}

/// Cuts the next `count` lines off.
pub(super) fn cut<'s>(memory: &mut &'s mut [Line], count: usize) -> &'s mut [Line] {
    let (taken, rest) = std::mem::take(memory).split_at_mut(count);
    *memory = rest;
    taken
}
