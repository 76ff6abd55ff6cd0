//! `attention_gradient` on the CPU. The work is in `crate::attention`.

use crate::attention::{self, Problem, Upstream};
use crate::environment::{Environment, Fault, Kernels, Operands};
use reformer_tensor::op::AttentionGradient;

pub(super) fn run(op: &AttentionGradient, environment: &Environment, operands: &mut Operands<'_>) -> Result<(), Fault> {
    let [.., z, delta, d_context] = &operands.reads[..] else { unreachable!("z, delta and d_context are read last") };
    let upstream = Upstream { z: z.f32(), delta: delta.f32(), d_context: d_context.f32() };
    let gradients = operands.writes.iter_mut().map(|gradient| gradient.f32()).collect();
    Problem::with(op.pattern, op.heads, &operands.reads, |problem| match environment.kernels {
        Kernels::Fast => attention::backward(problem, environment, &upstream, gradients),
        Kernels::Naive => attention::naive_backward(problem, environment, &upstream, gradients),
    })
}
