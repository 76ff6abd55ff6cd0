//! Rows that several tasks write side by side: each (row, head) belongs to one task at a time. The only unsafe code of attention.

use std::marker::PhantomData;

/// A tensor `[rows, stride]` of which tasks take disjoint row pieces.
///
/// Sorted order scatters a task's rows over the whole tensor, so that no safe split of the slice exists; the alternative,
/// per-task results and a second pass that copies them, costs as much memory traffic as the attention itself.
pub(crate) struct SharedRows<'a> {
    data: *mut f32,
    length: usize,
    stride: usize,
    borrow: PhantomData<&'a mut [f32]>,
}

// SAFETY: a `SharedRows` hands out pieces only through `piece`, whose caller promises that no two live pieces overlap.
#[allow(unsafe_code)]
unsafe impl Send for SharedRows<'_> {}
// SAFETY: as above.
#[allow(unsafe_code)]
unsafe impl Sync for SharedRows<'_> {}

impl<'a> SharedRows<'a> {
    /// Shares `data`, rows of `stride` numbers.
    pub fn new(data: &'a mut [f32], stride: usize) -> Self {
        Self { data: data.as_mut_ptr(), length: data.len(), stride, borrow: PhantomData }
    }

    /// `count` numbers of `row`, starting at `column`.
    ///
    /// # Safety
    /// While the piece lives nothing else reads or writes these numbers. In attention: within a round a token stands in one slot,
    /// a slot belongs to one task, and heads have disjoint columns; rounds follow one another.
    #[allow(unsafe_code, clippy::mut_from_ref)]
    #[inline(always)]
    pub unsafe fn piece(&self, row: usize, column: usize, count: usize) -> &mut [f32] {
        let start = row * self.stride + column;
        assert!(start + count <= self.length, "row {row}, columns {column}..{} lie outside the tensor", column + count);
        // SAFETY: in bounds by the assertion; not aliased by the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.data.add(start), count) }
    }
}
