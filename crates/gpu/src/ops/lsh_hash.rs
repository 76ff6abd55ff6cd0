//! `lsh_hash`: a product a head, round and window of rows makes the projections, then a launch a factor chooses among them. The simple
//! kernel does both.

use crate::kernels::Kernels;
use crate::recorder::{Matrix, ProductSize, Recorder, Window};
use reformer_shaders::entries::lsh_hash;
use reformer_tensor::BackendError;
use reformer_tensor::op::LshHash;

pub(super) fn record(op: &LshHash, recorder: &mut Recorder<'_>) -> Result<(), BackendError> {
    let (qk, rotations, buckets) = (recorder.read(0), recorder.read(1), recorder.write(0));
    let rows = qk.shape.dim(0);
    let (rotations, words) = (recorder.whole(rotations)?, recorder.whole(buckets)?);
    if op.factors.is_empty() {
        recorder.fill(words, 0, buckets.shape.elements(), 0);
        return Ok(());
    }
    if recorder.kernels != Kernels::Naive {
        return by_products(op, recorder);
    }
    for window in recorder.windows(rows, 1) {
        let (place, segment_row) = recorder.rows_of(qk, window);
        let (mut stride, mut first_column) = (1, 0);
        for &factor in &op.factors {
            let parameters = lsh_hash::Parameters {
                all_rows: rows as u32,
                segment_row: segment_row as u32,
                ..choice_parameters(op, window, 0, first_column, factor, stride)
            };
            let elements = op.heads.count * op.rounds * window.rows;
            recorder.dispatch_elements(&lsh_hash::MAIN, parameters, &[place, rotations, words], elements);
            stride *= factor;
            first_column += factor / 2;
        }
    }
    Ok(())
}

fn by_products(op: &LshHash, recorder: &mut Recorder<'_>) -> Result<(), BackendError> {
    let qk = recorder.read(0);
    let (rotations, buckets) = (recorder.whole(recorder.read(1))?, recorder.whole(recorder.write(0))?);
    let (rows, columns, width) = (qk.shape.dim(0), op.columns(), op.heads.width);
    for window in recorder.windows(rows, columns) {
        for list in 0..op.heads.count * op.rounds {
            let place = recorder.scratch("projections", columns * window.rows);
            // Neighbouring invocations choose for neighbouring rows: rows are the columns of the result.
            let projections = Matrix::new(place, 0, window.rows);
            let rotation = (op.heads.first * op.rounds + list) * width * columns;
            let rotation = Matrix::new(rotations, rotation, columns).transposed();
            let own = recorder.matrix_of(qk, window).from(0, list / op.rounds * width).transposed();
            let size = ProductSize { rows: columns, columns: window.rows, terms: width };
            recorder.product(size, rotation, own, projections, false);
            let (mut stride, mut first_column) = (1, 0);
            for &factor in &op.factors {
                let parameters = choice_parameters(op, window, list * rows, first_column, factor, stride);
                recorder.dispatch_elements(&lsh_hash::CHOOSE, parameters, &[place, buckets], window.rows);
                stride *= factor;
                first_column += factor / 2;
            }
        }
    }
    Ok(())
}

/// Parameters of `choose` for the list that starts at word `list_start` of the buckets; `main` takes two more.
fn choice_parameters(
    op: &LshHash,
    window: Window,
    list_start: usize,
    first_column: usize,
    factor: usize,
    stride: usize,
) -> lsh_hash::Parameters {
    lsh_hash::Parameters {
        all_rows: 0,
        first_row: (list_start + window.first) as u32,
        segment_row: 0,
        rows: window.rows as u32,
        heads: op.heads.count as u32,
        rounds: op.rounds as u32,
        head_width: op.heads.width as u32,
        first_head: op.heads.first as u32,
        columns: op.columns() as u32,
        first_column: first_column as u32,
        half: (factor / 2) as u32,
        stride: stride as u32,
    }
}
