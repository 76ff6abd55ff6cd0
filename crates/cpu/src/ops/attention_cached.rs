//! `attention_cached` on the CPU. The work is in `crate::attention`.

use crate::attention::{Cached, cached};
use crate::environment::{Environment, Fault, Operands};
use reformer_tensor::op::{AttentionCached, CachePattern};

pub(super) fn run(op: &AttentionCached, environment: &Environment, operands: &mut Operands<'_>) -> Result<(), Fault> {
    let reads = &operands.reads;
    let shared = matches!(op.pattern, CachePattern::Lsh { .. });
    let next = if shared { 2 } else { 3 };
    let [keys, values, index] = &mut operands.updates[..] else { unreachable!("a cache is keys, values and index") };
    let operands = Cached {
        query: reads[0].f32(),
        key: reads[if shared { 0 } else { 1 }].f32(),
        value: reads[next - 1].f32(),
        positions: reads[next].u32(),
        cache_rows: reads[next + 1].u32(),
        buckets: if shared { reads[next + 2].u32() } else { &[] },
        keys: keys.f32(),
        values: values.f32(),
        index: index.u32(),
        context: operands.writes[0].f32(),
    };
    cached(op, environment, operands)
}
