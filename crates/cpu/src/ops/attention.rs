//! `attention` on the CPU. The work is in `crate::attention`.

use crate::attention::{self, Problem};
use crate::environment::{Environment, Fault, Kernels, Operands};
use reformer_tensor::op::Attention;

pub(super) fn run(op: &Attention, environment: &Environment, operands: &mut Operands<'_>) -> Result<(), Fault> {
    let [context, z] = &mut operands.writes[..] else { unreachable!("attention writes context and z") };
    Problem::with(op.pattern, op.heads, &operands.reads, |problem| match environment.kernels {
        Kernels::Fast => attention::forward(problem, environment, context.f32(), z.f32()),
        Kernels::Naive => attention::naive_forward(problem, environment, context.f32(), z.f32()),
    })
}
