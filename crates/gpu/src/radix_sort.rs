//! A stable sort of tokens by keys, for the ops that need one: passes of `shaders/radix_sort.wgsl`. Scratch is a copy of the order
//! and counts of half a word a token, whatever the number of values.

use crate::recorder::{Place, Recorder};
use reformer_shaders::entries::radix_sort::{self, Parameters};

/// Bits and values of a digit; the same numbers as in the shader.
const DIGIT_BITS: u32 = 5;
const DIGITS: usize = 1 << DIGIT_BITS;
/// Tokens of a block at least: twice as many as digits, so that counts are half a word a token.
const BLOCK: usize = 2 * DIGITS;
/// Blocks of a list at most: one workgroup scans a list's counts.
const BLOCKS: usize = 4096;

/// What tokens are sorted by: `word / divide % modulo` of the word of a token.
#[derive(Clone, Copy)]
pub(crate) struct Keys {
    pub words: Place,
    /// The word of the first list's first token, and from one list to the next; 0 where lists share their keys.
    pub first: usize,
    pub stride: usize,
    pub divide: usize,
    pub modulo: usize,
    /// Keys are below this.
    pub values: usize,
}

impl Keys {
    /// Words that are keys as they are, all of them below the modulo.
    pub fn plain(words: Place, stride: usize, values: usize) -> Self {
        Self { words, first: 0, stride, divide: 1, modulo: u32::MAX as usize, values }
    }
}

/// Writes into `order`, `[lists, rows]`, the tokens of each list sorted by `keys`, of which the first are the least significant.
pub(crate) fn sort(recorder: &mut Recorder<'_>, lists: usize, rows: usize, keys: &[Keys], order: Place) {
    let block = BLOCK.max(rows.div_ceil(BLOCKS));
    let blocks = rows.div_ceil(block);
    let counts = recorder.scratch("sort counts", lists * DIGITS * blocks);
    let other = recorder.scratch("sort order", lists * rows);
    let passes = passes(keys.iter().map(|keys| keys.values));
    for (index, &(key, shift)) in passes.iter().enumerate() {
        let left = passes.len() - 1 - index;
        // The last pass ends in `order`.
        let (source, sorted) = if left.is_multiple_of(2) { (other, order) } else { (order, other) };
        let Keys { words, first, stride, divide, modulo, .. } = keys[key];
        let parameters = Parameters {
            first_key: first as u32,
            key_stride: stride as u32,
            divide: divide as u32,
            modulo: modulo as u32,
            shift,
            is_first: u32::from(index == 0),
            ..of_lists(lists, rows, block, blocks)
        };
        recorder.dispatch_elements(&radix_sort::COUNT, parameters, &[counts, words, source], lists * blocks);
        recorder.dispatch(&radix_sort::SCAN, parameters, &[counts], [lists as u32, 1, 1]);
        recorder.dispatch_elements(&radix_sort::PLACE, parameters, &[counts, words, source, sorted], lists * blocks);
    }
}

/// Writes into `slot` where in `order`, both `[lists, rows]`, each token is.
pub(crate) fn invert(recorder: &mut Recorder<'_>, lists: usize, rows: usize, order: Place, slot: Place) {
    recorder.dispatch_elements(&radix_sort::INVERT, of_lists(lists, rows, 0, 0), &[order, slot], lists * rows);
}

fn of_lists(lists: usize, rows: usize, block: usize, blocks: usize) -> Parameters {
    let [lists, rows, block, blocks] = [lists, rows, block, blocks].map(|number| number as u32);
    Parameters { lists, rows, block, blocks, first_key: 0, key_stride: 0, divide: 1, modulo: 1, shift: 0, is_first: 0 }
}

/// (which keys, lowest bit) of each pass: at least one, which writes the order.
fn passes(values: impl Iterator<Item = usize>) -> Vec<(usize, u32)> {
    let digits =
        |values: usize| (0..usize::BITS - values.saturating_sub(1).leading_zeros()).step_by(DIGIT_BITS as usize);
    let passes = values.enumerate().flat_map(|(key, values)| digits(values).map(move |shift| (key, shift)));
    let passes: Vec<_> = passes.collect();
    if passes.is_empty() { vec![(0, 0)] } else { passes }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bit_is_in_a_pass() {
        let passes = |values: &[usize]| passes(values.iter().copied());
        assert_eq!(passes(&[1, 1]), [(0, 0)]);
        assert_eq!(passes(&[2, 1]), [(0, 0)]);
        assert_eq!(passes(&[32, 33]), [(0, 0), (1, 0), (1, 5)]);
        assert_eq!(passes(&[16_384, 1 << 20]).len(), 3 + 4, "14 bits of buckets, 20 of rows");
    }
}
