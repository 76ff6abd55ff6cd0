//! Cutting examples into pieces and packing pieces into batches with little padding. What a packed batch looks like to the model is in
//! `batch.rs`.

use crate::Example;
use reformer_tensor::Key;
use std::collections::VecDeque;

/// So many of the next pieces are looked at for one that fills a batch up.
const LOOKAHEAD: usize = 256;
/// A cut at the end of a turn must leave at least 1/this of what a piece could hold; else the piece is filled and the turn is cut.
const LEAST_PART: usize = 2;

/// Consecutive rows of an example that are one segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Piece {
    /// The example's place in its split.
    pub example: usize,
    /// The first row.
    pub start: usize,
    /// How many rows.
    pub rows: usize,
}

/// Pieces packed into batches of `size` tokens. A batch has no inner borders: the rows of `length` tokens that a config speaks of are
/// only its size and the longest piece.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Packing {
    /// The pieces of each batch, at most `size` rows in all.
    pub batches: Vec<Vec<Piece>>,
    /// Tokens of a batch.
    pub size: usize,
}

/// Cuts the examples into pieces of at most `limit` rows, at ends of turns where there are some late enough. Together the pieces of an
/// example are its rows, each once; a piece in which nothing is scored is left out.
pub(crate) fn cut(examples: &[Example], limit: usize) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for (number, example) in examples.iter().enumerate() {
        let (mut start, end) = (0, example.rows());
        while start < end {
            let stop = if end - start <= limit { end } else { late_turn(example, start, limit) };
            // The row before `stop` predicts the token at `stop`.
            if example.scored[start + 1..=stop].contains(&true) {
                pieces.push(Piece { example: number, start, rows: stop - start });
            }
            start = stop;
        }
    }
    pieces
}

/// The last beginning of a turn within `limit` rows, or as many rows as there may be.
fn late_turn(example: &Example, start: usize, limit: usize) -> usize {
    let earliest = start + limit.div_ceil(LEAST_PART);
    // A turn begins with a token that isn't scored, behind one that is.
    let begins = |at: &usize| !example.scored[*at] && example.scored[*at - 1];
    (earliest.max(start + 1)..=start + limit).rev().find(begins).unwrap_or(start + limit)
}

impl Packing {
    /// Fills batches with the pieces (none longer than `size`) in their order; where the next one doesn't fit, with the longest of the
    /// next [`LOOKAHEAD`] that does.
    pub(crate) fn in_order(pieces: &[Piece], size: usize) -> Self {
        let (first, later) = pieces.split_at(LOOKAHEAD.min(pieces.len()));
        let mut waiting: VecDeque<Piece> = first.iter().copied().collect();
        let mut later = later.iter().copied();
        let mut batches = Vec::new();
        while !waiting.is_empty() {
            let mut left = size;
            let mut batch = Vec::new();
            while let Some(chosen) = next_that_fits(&waiting, left) {
                let Some(piece) = waiting.remove(chosen) else { break };
                waiting.extend(later.next());
                left -= piece.rows;
                batch.push(piece);
            }
            batches.push(batch);
        }
        Self { batches, size }
    }

    /// The batches of an epoch: a function of pieces, size and key alone.
    pub(crate) fn shuffled(mut pieces: Vec<Piece>, size: usize, key: Key) -> Self {
        shuffle(&mut pieces, key);
        Self::in_order(&pieces, size)
    }

    /// The share of all tokens that is padding.
    pub fn padding_share(&self) -> f64 {
        let used: usize = self.batches.iter().flatten().map(|piece| piece.rows).sum();
        let all = self.batches.len() * self.size;
        if all == 0 { 0.0 } else { 1.0 - used as f64 / all as f64 }
    }
}

/// The first piece if it fits, else the longest that does (of equal ones the first).
fn next_that_fits(waiting: &VecDeque<Piece>, left: usize) -> Option<usize> {
    match waiting.front() {
        Some(first) if first.rows <= left => Some(0),
        _ => {
            let fitting = waiting.iter().enumerate().filter(|(_, piece)| piece.rows <= left);
            fitting.min_by_key(|(at, piece)| (std::cmp::Reverse(piece.rows), *at)).map(|(at, _)| at)
        }
    }
}

/// Fisher and Yates's shuffle (Knuth, algorithm P).
pub(crate) fn shuffle<T>(items: &mut [T], key: Key) {
    for last in (1..items.len()).rev() {
        // Below last + 1, since `uniform` is below 1 and last + 1 is far below 2^53.
        let chosen = (key.uniform(last as u64) * (last + 1) as f64) as usize;
        items.swap(last, chosen);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Dialogues whose turns have the lengths that `turns` gives.
    fn dialogue(turns: &[usize]) -> Example {
        let mut scored = Vec::new();
        for &turn in turns {
            scored.push(false);
            scored.resize(scored.len() + turn, true);
        }
        scored.push(false);
        Example { tokens: vec![1; scored.len()], scored, bytes: 0 }
    }

    /// Lengths like those of dialogues: 8 to 20 turns of 5 to 35 tokens.
    fn dialogues(count: usize) -> Vec<Example> {
        let key = Key::from_seed(3);
        let make = |number: usize| {
            let key = key.fold_in(number as u32);
            let turns = 8 + (key.uniform(0) * 13.0) as usize;
            dialogue(&(0..turns).map(|turn| 5 + (key.uniform(1 + turn as u64) * 31.0) as usize).collect::<Vec<_>>())
        };
        (0..count).map(make).collect()
    }

    #[test]
    fn long_examples_are_cut_where_turns_begin() {
        // Rows 0 to 30 and no more: the last token and the last scored one are targets alone.
        let example = dialogue(&[9, 9, 9]);
        assert_eq!(example.rows(), 29);
        let lengths =
            |limit: usize| cut(std::slice::from_ref(&example), limit).iter().map(|p| p.rows).collect::<Vec<_>>();
        assert_eq!(lengths(29), [29]);
        assert_eq!(lengths(28), [20, 9], "at the last turn");
        assert_eq!(lengths(19), [10, 19]);
        assert_eq!(lengths(18), [10, 10, 9]);
        assert_eq!(lengths(8), [8, 8, 4, 8, 1], "no turn begins in the second half: through the turn");
        let silent = Example { tokens: vec![0; 9], scored: vec![false; 9], bytes: 0 };
        assert_eq!(cut(&[silent], 4), []);
    }

    #[test]
    fn every_row_of_every_example_is_packed_once() {
        let examples = dialogues(300);
        for (length, size) in [(64, 64), (100, 1000), (512, 4096)] {
            let packing = Packing::shuffled(cut(&examples, length), size, Key::from_seed(1));
            let mut seen: Vec<Vec<usize>> = examples.iter().map(|example| vec![0; example.rows()]).collect();
            for batch in &packing.batches {
                let rows: usize = batch.iter().map(|piece| piece.rows).sum();
                assert!(rows <= size, "a batch of {size} has {rows} rows: {batch:?}");
                for piece in batch {
                    assert!(piece.rows <= length, "{piece:?} is longer than {length}");
                    seen[piece.example][piece.start..piece.start + piece.rows].iter_mut().for_each(|count| *count += 1);
                }
            }
            let wrong = seen.iter().flatten().filter(|&&count| count != 1).count();
            assert_eq!(wrong, 0, "{wrong} rows are not packed exactly once in batches of {size}");
        }
    }

    #[test]
    fn padding_is_low() {
        // Some 580,000 tokens. The last batch of an epoch is as full as it happens to be.
        let examples = dialogues(2000);
        for (length, size) in [(512, 4096), (2048, 4096), (512, 8192), (128, 1024)] {
            let packing = Packing::shuffled(cut(&examples, length), size, Key::from_seed(1));
            let share = packing.padding_share();
            assert!(share < 0.02, "pieces of {length} in batches of {size}: {share} of all tokens is padding");
            // Long and short pieces are spread over the epoch: no part of it has pieces of another mean length.
            let mean = |batches: &[Vec<Piece>]| {
                let pieces = || batches.iter().flatten();
                pieces().map(|piece| piece.rows).sum::<usize>() as f64 / pieces().count() as f64
            };
            let all = mean(&packing.batches);
            for part in packing.batches.chunks(packing.batches.len().div_ceil(4)) {
                let ratio = mean(part) / all;
                assert!((0.9..1.1).contains(&ratio), "a quarter of the epoch has pieces {ratio} times as long as all");
            }
        }
    }

    #[test]
    fn the_order_is_a_function_of_the_key() {
        let pieces = cut(&dialogues(50), 256);
        let packed = |seed| Packing::shuffled(pieces.clone(), 1024, Key::from_seed(seed));
        assert_eq!(packed(5), packed(5));
        assert_ne!(packed(5), packed(6));
    }

    #[test]
    fn a_shuffle_reaches_every_order_alike() {
        let mut counts = std::collections::BTreeMap::new();
        let draws = 6000;
        for seed in 0..draws {
            let mut items = [0, 1, 2];
            shuffle(&mut items, Key::from_seed(seed));
            *counts.entry(items).or_insert(0u32) += 1;
        }
        // Six orders, 1000 expected; five standard deviations of a binomial count, √(6000·1/6·5/6) = 29.
        assert_eq!(counts.len(), 6);
        for (order, count) in counts {
            assert!(count.abs_diff(1000) < 5 * 29, "{order:?} came {count} times of {draws}");
        }
    }
}
