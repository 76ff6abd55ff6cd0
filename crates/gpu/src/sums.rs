//! Sums over the rows of a tile in scratch, for gradients of biases. Gradients of weights are products, those of norms are in
//! `layer_norm.rs`.

use crate::recorder::{Matrix, Place, Recorder};
use reformer_shaders::entries::column_sums as kernel;
use reformer_tensor::op::ROW_BLOCK;

/// target += Σ_rows tile, for a tile `[rows, columns]` that starts at a multiple of [`ROW_BLOCK`] rows of its run.
pub(crate) fn column_sums(recorder: &mut Recorder<'_>, tile: Matrix, rows: usize, columns: usize, target: Place) {
    let parameters = kernel::Parameters {
        rows: rows as u32,
        columns: columns as u32,
        block: ROW_BLOCK as u32,
        first: tile.first as u32,
        row: tile.row as u32,
        column: tile.column as u32,
    };
    recorder.dispatch_elements(&kernel::MAIN, parameters, &[tile.place, target], columns);
}
