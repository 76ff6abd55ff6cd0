//! Launches of matrix products: batches, and sums over terms that are cut where one launch would walk too many. Which kernel runs and
//! its geometry are in `product.rs`.

use crate::kernels::Kernels;
use crate::loops::Loops;
use crate::product::ProductVariant;
use crate::recorder::{Batch, Matrix, ProductSize, Recorder, stored};
use reformer_shaders::entries::product::Parameters;
use reformer_tensor::DType;
use reformer_tensor::op::PRODUCT_BLOCK;

/// `accumulate` of shaders/shared/product.wgsl: write C, add onto it, or go on with a sum that an earlier launch has begun there.
const WRITE: u32 = 0;
const ONTO: u32 = 1;
const ON: u32 = 2;

impl Recorder<'_> {
    /// c = a·b, or c += a·b; terms in blocks of [`PRODUCT_BLOCK`] in ascending order.
    pub fn product(&mut self, size: ProductSize, a: Matrix, b: Matrix, c: Matrix, accumulate: bool) {
        self.products(size, Batch { count: 1, ..Batch::default() }, PRODUCT_BLOCK, a, b, c, accumulate);
    }

    /// The same for every product of a batch; terms in blocks of `block`.
    pub fn products(
        &mut self,
        size: ProductSize,
        batch: Batch,
        block: usize,
        a: Matrix,
        b: Matrix,
        c: Matrix,
        accumulate: bool,
    ) {
        debug_assert_eq!(c.column, 1, "results are row-major");
        debug_assert_eq!((a.dtype, c.dtype), (DType::F32, DType::F32), "weights are right operands");
        let variant = if self.kernels == Kernels::Naive { ProductVariant::Simple } else { self.product };
        let (entry, mut constants, groups) = variant.launch(size, batch.count);
        if b.dtype.is_half() {
            constants.push(("STORED", stored(b.dtype)));
        }
        let parameters = |terms: usize, block: usize| Parameters {
            rows: size.rows as u32,
            columns: size.columns as u32,
            terms: terms as u32,
            block: block as u32,
            a_first: a.first as u32,
            a_row: a.row as u32,
            a_term: a.column as u32,
            b_first: b.first as u32,
            b_term: b.row as u32,
            b_column: b.column as u32,
            c_first: c.first as u32,
            c_row: c.row as u32,
            accumulate: if accumulate { ONTO } else { WRITE },
            a_batch: batch.a as u32,
            b_batch: batch.b as u32,
            c_batch: batch.c as u32,
        };
        let iterations = |terms: usize| parameters(terms, block.min(terms)).iterations(entry, &constants);
        // A long block that is added onto nothing goes on from its own sum; whole blocks are added onto what is there.
        let is_one = block >= size.terms && !accumulate;
        let (most, after) = match terms_within(self.iterations(), iterations, if is_one { STEP } else { block }) {
            terms if terms < block && is_one => (terms, ON),
            terms => (terms.next_multiple_of(block.max(1)), ONTO),
        };
        for first in (0..size.terms.max(1)).step_by(most) {
            let terms = most.min(size.terms - first);
            let mut own = parameters(terms, block.min(most));
            own.a_first += (first * a.column) as u32;
            own.b_first += (first * b.row) as u32;
            if first > 0 {
                own.accumulate = after;
            }
            self.dispatch_with(entry, &constants, own, &[a.place, b.place, c.place], groups);
        }
    }
}

/// Terms are cut at multiples of this, which every variant takes whole.
const STEP: usize = 64;

/// The most terms that a launch walks within `limit`, in multiples of `unit` and at least one of them. `iterations` grows with the
/// number of terms.
fn terms_within(limit: u64, iterations: impl Fn(usize) -> u64, unit: usize) -> usize {
    let (fixed, unit) = (iterations(0), unit.max(1));
    let units = limit.saturating_sub(fixed) / (iterations(unit) - fixed).max(1);
    unit * (units as usize).max(1)
}
