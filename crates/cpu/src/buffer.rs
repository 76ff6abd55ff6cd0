//! Memory of tensors: buffers of 4-byte words, aligned to cache lines, and typed views of them.

use crate::weight::Weight;
use reformer_tensor::{BackendError, DType, Shape, refusable};

/// One cache line; buffers are made of these, so that every buffer starts on one (aligned SIMD loads, no false sharing).
#[derive(Clone, Copy, bytemuck::Zeroable, bytemuck::Pod)]
#[repr(C, align(64))]
struct Line([u32; Line::WORDS]);

impl Line {
    const WORDS: usize = 16;
}

/// The system has no more memory.
pub(crate) fn refused(bytes: u64) -> BackendError {
    BackendError::Device(format!("the system refused {bytes} bytes of memory"))
}

/// Zeroed words.
#[derive(Default)]
pub(crate) struct Buffer {
    lines: Vec<Line>,
    words: usize,
}

impl Buffer {
    /// A zeroed buffer of `words` 4-byte words. Its memory is resident at once: what must be aligned is zeroed by writing, so a run
    /// never waits for a page, nor for one that isn't there.
    pub fn zeroed(words: usize) -> Result<Self, BackendError> {
        let lines = refusable(|| bytemuck::try_zeroed_vec(words.div_ceil(Line::WORDS)))
            .map_err(|()| refused(4 * words as u64))?;
        Ok(Self { lines, words })
    }

    pub fn words(&self) -> &[u32] {
        &bytemuck::cast_slice(&self.lines)[..self.words]
    }

    pub fn words_mut(&mut self) -> &mut [u32] {
        &mut bytemuck::cast_slice_mut(&mut self.lines)[..self.words]
    }
}

/// A tensor that is read.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub words: &'a [u32],
    pub shape: Shape,
    pub dtype: DType,
}

impl<'a> View<'a> {
    pub fn f32(&self) -> &'a [f32] {
        bytemuck::cast_slice(self.words)
    }

    pub fn u32(&self) -> &'a [u32] {
        self.words
    }

    pub fn weight(&self) -> Weight<'a> {
        Weight::of(self.words, self.shape.elements(), self.dtype)
    }
}

/// A tensor that is updated or written.
pub(crate) struct ViewMut<'a> {
    pub words: &'a mut [u32],
    pub shape: Shape,
    pub dtype: DType,
}

impl ViewMut<'_> {
    pub fn f32(&mut self) -> &mut [f32] {
        bytemuck::cast_slice_mut(self.words)
    }

    pub fn u32(&mut self) -> &mut [u32] {
        self.words
    }
}
