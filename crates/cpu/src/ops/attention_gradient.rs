//! `attention_gradient` on the CPU: rounds one after another; within a round chunks in two colours, so that chunks that run together
//! have no key in common and every sum has one order.

use super::attention::{heads, tasks};
use crate::attention::CHUNK;
use crate::attention::backward::BackwardChunk;
use crate::attention::gather::Head;
use crate::attention::shared::SharedRows;
use crate::environment::{Environment, Fault, Operands};
use crate::simd;
use rayon::prelude::*;
use reformer_tensor::Pattern;
use reformer_tensor::op::AttentionGradient;

pub(super) fn run(op: &AttentionGradient, environment: &Environment, operands: &mut Operands<'_>) -> Result<(), Fault> {
    let heads = heads(op.pattern, op.heads, &operands.reads);
    let rows = operands.reads[0].shape.dim(0);
    let [.., z, delta, d_context] = &operands.reads[..] else { return Ok(()) };
    let (z, delta, d_context) = (z.f32(), delta.f32(), d_context.f32());
    for result in &mut operands.writes {
        result.words.par_chunks_mut(CHUNK * op.heads.width).for_each(|chunk| chunk.fill(0));
    }
    let shared: Vec<SharedRows<'_>> =
        operands.writes.iter_mut().map(|result| SharedRows::new(result.f32(), op.heads.columns())).collect();
    let [d_query, d_key, d_value] = match &shared[..] {
        [d_query_key, d_value] => [d_query_key, d_query_key, d_value],
        [d_query, d_key, d_value] => [d_query, d_key, d_value],
        _ => return Ok(()),
    };
    let run = |round: usize, head: usize, slots: std::ops::Range<usize>| {
        let own = head * rows..(head + 1) * rows;
        let (z, delta) = (&z[own.clone()], &delta[own]);
        let chunk = BackwardChunk { head: heads[head], round, slots, z, delta, d_context, d_query, d_key, d_value };
        simd::run(environment.level, chunk);
    };
    // A chunk's keys reach into the chunk before it, and no further: even chunks are apart from each other, and so are odd ones.
    let near = match op.pattern {
        Pattern::Lsh { window, .. } | Pattern::Local { window } => window <= CHUNK,
        Pattern::Full => false,
    };
    for round in 0..heads.first().map_or(0, Head::rounds) {
        if near {
            for colour in 0..2 {
                let own = |(_, slots): &(usize, std::ops::Range<usize>)| slots.start / CHUNK % 2 == colour;
                let tasks: Vec<_> = tasks(heads.len(), rows).into_iter().filter(own).collect();
                tasks.into_par_iter().for_each(|(head, slots)| run(round, head, slots));
            }
        } else {
            (0..heads.len()).into_par_iter().for_each(|head| {
                for start in (0..rows).step_by(CHUNK) {
                    run(round, head, start..rows.min(start + CHUNK));
                }
            });
        }
    }
    Ok(())
}
