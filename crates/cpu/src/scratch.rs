//! Memory that kernels need while they run: kept per thread and used again, so that a run allocates only the first time.

use std::cell::RefCell;

thread_local! {
    /// Vectors that no kernel of this thread is using now. A stack, since kernels nest when a thread steals work.
    static FREE: RefCell<Vec<Vec<f32>>> = const { RefCell::new(Vec::new()) };
}

/// Calls `work` with `N` slices of these lengths. Their content is whatever it was: write before you read.
pub(crate) fn with<const N: usize, R>(lengths: [usize; N], work: impl FnOnce([&mut [f32]; N]) -> R) -> R {
    let mut buffers: [Vec<f32>; N] = lengths.map(|length| {
        let mut buffer = FREE.with_borrow_mut(|free| {
            // The smallest that is long enough, else the longest.
            let best =
                free.iter().enumerate().filter(|(_, have)| have.len() >= length).min_by_key(|(_, have)| have.len());
            let best = best.or_else(|| free.iter().enumerate().max_by_key(|(_, have)| have.len()));
            let index = best.map(|(index, _)| index);
            index.map(|index| free.swap_remove(index)).unwrap_or_default()
        });
        if buffer.len() < length {
            buffer.resize(length, 0.0);
        }
        buffer
    });
    let mut at = 0;
    let slices = buffers.each_mut().map(|buffer| {
        let slice = &mut buffer[..lengths[at]];
        at += 1;
        slice
    });
    let result = work(slices);
    FREE.with_borrow_mut(|free| free.extend(buffers));
    result
}
