//! `embed`: round(mask·(table`[token]` + position(p))). The gradient finds its rows of the tables here.

use crate::array::Array;
use crate::fault::{Fault, index};
use crate::{mask, stream};
use reformer_tensor::op::Embed;
use reformer_tensor::{Direction, PositionKind};

/// The row of one table that a token takes, and the column of the stream at which it starts.
pub(super) struct TableRow {
    pub table: usize,
    pub row: usize,
    pub column: usize,
}

pub(super) fn run(op: &Embed, reads: &[&Array], writes: &mut [Array]) -> Result<(), Fault> {
    let tables = &reads[3..];
    let width = tables[0].shape.dim(1);
    writes[0] = Array::zeros(writes[0].shape, writes[0].dtype);
    for token in 0..reads[0].integer().len() {
        let mut sum = vec![0.0; width];
        for part in rows(op.position, reads[0], reads[1], tables, token)? {
            let columns = tables[part.table].shape.dim(1);
            let values = &tables[part.table].real()[part.row * columns..(part.row + 1) * columns];
            for (sum, value) in sum[part.column..].iter_mut().zip(values) {
                *sum += value;
            }
        }
        mask::apply(op.dropout, reads[2].integer(), token, &mut sum);
        stream::add(&mut writes[0], token, &sum, Direction::Forward)?;
    }
    Ok(())
}

/// The rows that the sum for `token` is made of.
pub(super) fn rows(
    position: PositionKind,
    tokens: &Array,
    positions: &Array,
    tables: &[impl std::borrow::Borrow<Array>],
    token: usize,
) -> Result<Vec<TableRow>, Fault> {
    let table_rows = |table: usize| tables[table].borrow().shape.dim(0);
    let word = TableRow { table: 0, row: index("tokens", tokens.integer()[token], token, table_rows(0))?, column: 0 };
    let place = positions.integer()[token];
    Ok(match position {
        PositionKind::Learned => {
            let row = index("positions", place, token, table_rows(1))?;
            vec![word, TableRow { table: 1, row, column: 0 }]
        }
        PositionKind::Axial { outer, inner, outer_width } => {
            let place = index("positions", place, token, outer * inner)?;
            let first = TableRow { table: 1, row: place / inner, column: 0 };
            let second = TableRow { table: 2, row: place % inner, column: outer_width };
            vec![word, first, second]
        }
    })
}
