//! `embed_gradient`: per table, a segment's rows are sorted by the entry that they select, then added in that order.

use crate::layout::Array;
use crate::radix_sort::{Keys, sort};
use crate::recorder::{Place, Recorder};
use reformer_shaders::entries::embed_gradient as kernel;
use reformer_tensor::op::EmbedGradient;
use reformer_tensor::{BackendError, PositionKind};

/// A table's gradient and how rows select from it (shaders/shared/selection.wgsl).
struct Table {
    gradient: Array,
    /// Tokens or positions.
    selectors: Place,
    divide: usize,
    modulo: usize,
    /// Where its columns begin in the stream.
    first_column: usize,
}

/// Consecutive rows in one segment.
#[derive(Clone, Copy)]
struct Rows {
    segment: usize,
    first: usize,
    count: usize,
}

pub(super) fn record(op: &EmbedGradient, recorder: &mut Recorder<'_>) -> Result<(), BackendError> {
    let (tokens, positions) = (recorder.whole(recorder.read(0))?, recorder.whole(recorder.read(1))?);
    let dx = [recorder.read(3), recorder.read(4)];
    let table = |index: usize, selectors, divide, first_column| {
        let gradient: Array = recorder.update(index);
        Table { gradient, selectors, divide, modulo: gradient.shape.dim(0), first_column }
    };
    let mut tables = vec![table(0, tokens, 1, 0)];
    match op.position {
        PositionKind::Learned => tables.push(table(1, positions, 1, 0)),
        PositionKind::Axial { inner, outer_width, .. } => {
            tables.push(table(1, positions, inner, 0));
            tables.push(table(2, positions, 1, outer_width));
        }
    }
    let rows = dx[0].shape.dim(0);
    for (segment, first) in (0..rows).step_by(dx[0].segment_rows).enumerate() {
        let rows = Rows { segment, first, count: dx[0].segment_rows.min(rows - first) };
        for table in &tables {
            let sorted = sorted_rows(recorder, table, rows);
            add(op, recorder, table, rows, dx, sorted)?;
        }
    }
    Ok(())
}

/// The segment's rows by entry, ascending within an entry; in scratch.
fn sorted_rows(recorder: &mut Recorder<'_>, table: &Table, rows: Rows) -> Place {
    let Table { selectors: words, divide, modulo, .. } = *table;
    let order = recorder.scratch("row order", rows.count);
    let keys = Keys { words, first: rows.first, stride: 0, divide, modulo, values: modulo };
    sort(recorder, 1, rows.count, &[keys], order);
    order
}

/// Adds the rows onto the table's gradient in sorted order.
fn add(
    op: &EmbedGradient,
    recorder: &mut Recorder<'_>,
    table: &Table,
    rows: Rows,
    dx: [Array; 2],
    sorted: Place,
) -> Result<(), BackendError> {
    let columns = table.gradient.shape.dim(1);
    let parameters = kernel::Parameters {
        first: rows.first as u32,
        rows: rows.count as u32,
        first_place: 0,
        places: 0,
        width: dx[0].shape.dim(1) as u32,
        divide: table.divide as u32,
        modulo: table.modulo as u32,
        first_column: table.first_column as u32,
        columns: columns as u32,
        site: op.dropout.site,
        threshold: op.dropout.threshold(),
        scale: op.dropout.scale(),
    };
    let key = recorder.whole(recorder.read(2))?;
    let [dx1, dx2] = dx.map(|dx| Place::Value(dx.id, rows.segment));
    let buffers = [sorted, table.selectors, key, dx1, dx2, recorder.whole(table.gradient)?];
    // All rows may select one entry, and one invocation then walks through them.
    let most = recorder.iterations() as usize;
    for first_place in (0..rows.count).step_by(most) {
        let places = most.min(rows.count - first_place);
        let parameters = kernel::Parameters { first_place: first_place as u32, places: places as u32, ..parameters };
        recorder.dispatch_elements(&kernel::MAIN, parameters, &buffers, places * columns);
    }
    Ok(())
}
