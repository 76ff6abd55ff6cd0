//! `intervals`: low = max(first slot of the group, slot − window + 1).

use crate::array::Array;
use crate::fault::{Fault, index};
use reformer_tensor::op::Intervals;

pub(super) fn run(op: &Intervals, reads: &[&Array], writes: &mut [Array]) -> Result<(), Fault> {
    let [buckets, segments, order, slot] = reads else { unreachable!("the op has four reads") };
    let (buckets, segments) = (buckets.integer(), segments.integer());
    let rows = segments.len();
    for first in (0..buckets.len()).step_by(rows.max(1)) {
        let group = |slot: usize| {
            let token = index("order", order.integer()[first + slot], first + slot, rows)?;
            Ok((segments[token], buckets[first + token]))
        };
        for token in 0..rows {
            let slot = index("slot", slot.integer()[first + token], first + token, rows)?;
            let mut low = slot;
            while low > 0 && slot - low + 1 < op.window && group(low - 1)? == group(slot)? {
                low -= 1;
            }
            writes[0].integer_mut()[first + token] = low as u32;
        }
    }
    Ok(())
}
