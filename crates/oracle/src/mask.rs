//! Dropout: a row's factors, 0 or 1/(1 − rate), from the key and the counter alone.

use reformer_tensor::{Dropout, Key};

/// Multiplies row `row` of a branch by its mask. `key` holds the run's two words.
pub(crate) fn apply(dropout: Dropout, key: &[u32], row: usize, branch: &mut [f64]) {
    if dropout.rate == 0.0 {
        return;
    }
    let rate = f64::from(dropout.rate);
    let key = Key([key[0], key[1]]).fold_in(dropout.site);
    for (column, value) in branch.iter_mut().enumerate() {
        let word = key.bits([row as u32, (column / 2) as u32])[column % 2];
        let kept = f64::from(word) >= rate * 2f64.powi(32);
        *value = if kept { *value / (1.0 - rate) } else { 0.0 };
    }
}
