//! `logits` on the CPU: the head of `head_loss`, for chosen rows.

mod naive;

use super::head_loss::{Head, TILE};
use crate::environment::{Environment, Fault, Kernels, Operands};
use crate::scratch;
use crate::stream::Unit;
use crate::tiles::{Need, cut, try_each};
use reformer_tensor::Shape;
use reformer_tensor::op::Logits;

pub(super) fn need(y: Shape, chosen: Shape) -> Need {
    Need::new(&[], &[TILE.min(chosen.dim(0)) * 2 * y.dim(1)])
}

pub(super) fn run(_op: &Logits, environment: &Environment, operands: &mut Operands<'_>) -> Result<(), Fault> {
    let [y1, y2, chosen, gamma, beta, weight, bias] = &operands.reads[..] else { return Ok(()) };
    let head = Head {
        y: [y1.u32(), y2.u32()],
        unit: Unit::of(y1.dtype),
        gamma: gamma.f32(),
        beta: beta.f32(),
        weight: weight.weight(),
        bias: bias.f32(),
        width: y1.shape.dim(1),
        vocabulary: weight.shape.dim(1),
    };
    let rows: Vec<usize> = chosen.u32().iter().map(|&row| row as usize).collect();
    if let Some(at) = rows.iter().position(|&row| row >= y1.shape.dim(0)) {
        let (value, largest) = (rows[at] as u32, y1.shape.dim(0) as u32 - 1);
        return Err(Fault::Index { operand: "chosen", value, at, largest });
    }
    if environment.kernels == Kernels::Naive {
        naive::run(&rows, operands);
        return Ok(());
    }
    let out = operands.writes[0].f32();
    try_each(rows.chunks(TILE).zip(cut(out, head.vocabulary, TILE)).collect(), |(rows, (_, logits))| {
        scratch::with([rows.len() * 2 * head.width], |[normed]| {
            head.logits(environment.level, rows, normed, logits, None)
        });
        Ok(())
    })
}
