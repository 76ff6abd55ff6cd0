//! The system's allocator, counted: live bytes, their most, the largest single allocation since a mark, and those of tensors. Nothing
//! is judged here.

#![allow(unsafe_code, reason = "an allocator is unsafe by its trait; this one counts and hands everything on")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Counts, and lets the system allocate.
pub struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);
static LARGEST: AtomicUsize = AtomicUsize::new(0);
static OF_TENSORS: AtomicUsize = AtomicUsize::new(0);

/// Tensors and scratch are made of cache lines, and nothing else asks for this alignment: gemm and rayon want two of them.
const TENSOR_ALIGNMENT: usize = 64;

/// Bytes since the last [`mark`].
#[derive(Clone, Copy, Debug)]
pub struct Counted {
    /// Allocated now.
    pub live: u64,
    /// Allocated at once, at most.
    pub most: u64,
    /// Asked for in one piece, at most.
    pub largest: u64,
    /// Asked for as memory of tensors or scratch, all in all.
    pub of_tensors: u64,
}

/// Counts from here on.
pub fn mark() {
    MOST.store(LIVE.load(Relaxed), Relaxed);
    LARGEST.store(0, Relaxed);
    OF_TENSORS.store(0, Relaxed);
}

/// What was counted.
pub fn counted() -> Counted {
    let [live, most, largest, of_tensors] =
        [&LIVE, &MOST, &LARGEST, &OF_TENSORS].map(|count| count.load(Relaxed) as u64);
    Counted { live, most, largest, of_tensors }
}

fn add(bytes: usize, alignment: usize) {
    let live = LIVE.fetch_add(bytes, Relaxed) + bytes;
    MOST.fetch_max(live, Relaxed);
    LARGEST.fetch_max(bytes, Relaxed);
    if alignment == TENSOR_ALIGNMENT {
        OF_TENSORS.fetch_add(bytes, Relaxed);
    }
}

// SAFETY: every call goes to `System` as it came, and its answer back; counting touches atomics and allocates nothing.
unsafe impl GlobalAlloc for Counting {
    // SAFETY: the caller keeps the contract of `GlobalAlloc::alloc`, which is that of `System`.
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        add(layout.size(), layout.align());
        // SAFETY: see above.
        unsafe { System.alloc(layout) }
    }

    // SAFETY: as `alloc`. Handed on as it is, since zeroing here would make memory resident that the system zeroes lazily.
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        add(layout.size(), layout.align());
        // SAFETY: see above.
        unsafe { System.alloc_zeroed(layout) }
    }

    // SAFETY: as `alloc`; `pointer` came from `System`, since everything here does.
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Relaxed);
        // SAFETY: see above.
        unsafe { System.dealloc(pointer, layout) }
    }

    // SAFETY: as `dealloc`. Old and new may exist side by side while the content moves, so the new one is counted first.
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        add(size, layout.align());
        LIVE.fetch_sub(layout.size(), Relaxed);
        // SAFETY: see above.
        unsafe { System.realloc(pointer, layout, size) }
    }
}
