//! `embed` on the CPU: a gather of rows.

use crate::dropout::Mask;
use crate::environment::{Environment, Fault, Operands};
use crate::scratch;
use crate::simd::{self, Arithmetic, Kernel};
use crate::stream::Unit;
use crate::tiles::{Need, cut, tile_rows, try_each};
use reformer_tensor::op::Embed;
use reformer_tensor::{PositionKind, Shape};

/// A row and its mask.
pub(super) fn need(table: Shape) -> Need {
    Need::new(&[], &[table.dim(1), table.dim(1)])
}

pub(super) fn run(op: &Embed, environment: &Environment, operands: &mut Operands<'_>) -> Result<(), Fault> {
    let reads = &operands.reads;
    let (tokens, positions) = (reads[0].u32(), reads[1].u32());
    let width = reads[3].shape.dim(1);
    check(op.position, &reads[3..].iter().map(|view| view.shape.dim(0)).collect::<Vec<_>>(), tokens, positions)?;
    let tables: Vec<&[f32]> = reads[3..].iter().map(|view| view.f32()).collect();
    let mask = Mask::new(op.dropout, reads[2].u32());
    let unit = Unit::of(op.stream);
    let rows = tile_rows(tokens.len(), environment);
    try_each(cut(operands.writes[0].u32(), width, rows).collect(), |(first, out)| {
        scratch::with([width, width], |[row, factors]| {
            let kernel = Rows { op, tokens, positions, tables: &tables, mask, unit, first, width, out, row, factors };
            simd::run(environment.level, kernel)
        })
    })
}

/// Tokens and positions that point outside their tables are faults.
pub(super) fn check(
    position: PositionKind,
    table_rows: &[usize],
    tokens: &[u32],
    positions: &[u32],
) -> Result<(), Fault> {
    let places = match position {
        PositionKind::Learned => table_rows[1],
        PositionKind::Axial { outer, inner, .. } => outer * inner,
    };
    for (operand, values, limit) in [("tokens", tokens, table_rows[0]), ("positions", positions, places)] {
        if let Some(at) = values.iter().position(|&value| value as usize >= limit) {
            return Err(Fault::Index { operand, value: values[at], at, largest: limit as u32 - 1 });
        }
    }
    Ok(())
}

struct Rows<'a> {
    op: &'a Embed,
    tokens: &'a [u32],
    positions: &'a [u32],
    tables: &'a [&'a [f32]],
    mask: Mask,
    unit: Unit,
    first: usize,
    width: usize,
    out: &'a mut [u32],
    row: &'a mut [f32],
    factors: &'a mut [f32],
}

impl Kernel for Rows<'_> {
    type Output = Result<(), Fault>;

    #[inline(always)]
    fn run<A: Arithmetic>(self) -> Result<(), Fault> {
        let width = self.width;
        for (offset, out) in self.out.chunks_exact_mut(width).enumerate() {
            let index = self.first + offset;
            let (token, position) = (self.tokens[index] as usize, self.positions[index] as usize);
            self.row.copy_from_slice(&self.tables[0][token * width..(token + 1) * width]);
            match self.op.position {
                PositionKind::Learned => add(self.row, &self.tables[1][position * width..(position + 1) * width]),
                PositionKind::Axial { inner, outer_width, .. } => {
                    let (outer, inner_width) = (position / inner, width - outer_width);
                    let inner = position % inner;
                    add(&mut self.row[..outer_width], &self.tables[1][outer * outer_width..(outer + 1) * outer_width]);
                    add(&mut self.row[outer_width..], &self.tables[2][inner * inner_width..(inner + 1) * inner_width]);
                }
            }
            self.mask.apply(index, self.factors, self.row);
            self.unit.store(out, self.row)?;
        }
        Ok(())
    }
}

#[inline(always)]
fn add(sum: &mut [f32], row: &[f32]) {
    for (sum, &value) in sum.iter_mut().zip(row) {
        *sum += value;
    }
}
