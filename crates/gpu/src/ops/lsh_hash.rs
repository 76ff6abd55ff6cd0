//! `lsh_hash`: a launch a factor and window of rows.

use crate::recorder::Recorder;
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
    for window in recorder.windows(rows, 1) {
        let (place, segment_row) = recorder.rows_of(qk, window);
        let (mut stride, mut first_column) = (1, 0);
        for &factor in &op.factors {
            let parameters = lsh_hash::Parameters {
                all_rows: rows as u32,
                first_row: window.first as u32,
                segment_row: segment_row as u32,
                rows: window.rows as u32,
                heads: op.heads.count as u32,
                rounds: op.rounds as u32,
                head_width: op.heads.width as u32,
                first_head: op.heads.first as u32,
                columns: op.columns() as u32,
                first_column: first_column as u32,
                half: (factor / 2) as u32,
                stride: stride as u32,
            };
            let elements = op.heads.count * op.rounds * window.rows;
            recorder.dispatch_elements(&lsh_hash::MAIN, parameters, &[place, rotations, words], elements);
            stride *= factor;
            first_column += factor / 2;
        }
    }
    Ok(())
}
