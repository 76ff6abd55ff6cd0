//! Packed pieces as the inputs of a program, and the endless sequence of training batches. Cutting and packing are in `packing.rs`.

use crate::Example;
use crate::packing::{Packing, Piece, cut};
use reformer_tensor::{HostTensor, Inputs, Key, shape};
use serde::{Deserialize, Serialize};

/// What padding holds.
const PADDING_TOKEN: u32 = 0;

/// The rows of one run, one a token.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Batch {
    /// The tokens.
    pub tokens: Vec<u32>,
    /// Each token's place in its segment.
    pub positions: Vec<u32>,
    /// The row where each token's segment starts.
    pub segments: Vec<u32>,
    /// The token that follows each token in its example.
    pub targets: Vec<u32>,
    /// Whether predicting the target counts. Never in padding.
    pub scored: Vec<bool>,
    /// Rows that are not padding.
    pub used_rows: usize,
}

impl Batch {
    /// Lays out `size` rows: every piece is a segment of its own, and so is the padding behind them, which is cut into segments of at most
    /// `max_positions`.
    pub(crate) fn lay_out(examples: &[Example], pieces: &[Piece], size: usize, max_positions: usize) -> Self {
        let mut batch = Self::default();
        for piece in pieces {
            batch.append(&examples[piece.example], piece);
        }
        while batch.tokens.len() < size {
            batch.pad((size - batch.tokens.len()).min(max_positions));
        }
        batch
    }

    fn append(&mut self, example: &Example, piece: &Piece) {
        let (start, end) = (piece.start, piece.start + piece.rows);
        self.begin_segment(piece.rows);
        self.tokens.extend_from_slice(&example.tokens[start..end]);
        self.targets.extend_from_slice(&example.tokens[start + 1..=end]);
        self.scored.extend_from_slice(&example.scored[start + 1..=end]);
        self.used_rows += piece.rows;
    }

    fn pad(&mut self, rows: usize) {
        self.begin_segment(rows);
        let length = self.tokens.len() + rows;
        self.tokens.resize(length, PADDING_TOKEN);
        self.targets.resize(length, PADDING_TOKEN);
        self.scored.resize(length, false);
    }

    fn begin_segment(&mut self, rows: usize) {
        let first = self.tokens.len() as u32;
        self.segments.resize(self.segments.len() + rows, first);
        self.positions.extend(0..rows as u32);
    }

    /// How many rows are scored.
    pub fn scored_rows(&self) -> usize {
        self.scored.iter().filter(|&&scored| scored).count()
    }

    /// The inputs of [`reformer_model::record::training`] and [`reformer_model::record::evaluation`] but the random ones: each scored row has
    /// `weight`, the others 0.
    pub fn into_inputs(self, weight: f32) -> Inputs {
        let rows = shape![self.tokens.len()];
        let weights = self.scored.iter().map(|&scored| if scored { weight } else { 0.0 }).collect();
        let integers = [
            ("tokens", self.tokens),
            ("positions", self.positions),
            ("segments", self.segments),
            ("targets", self.targets),
        ];
        let mut inputs: Inputs =
            integers.into_iter().map(|(name, data)| (name.to_owned(), HostTensor::u32(rows, data))).collect();
        inputs.insert("weights".to_owned(), HostTensor::f32(rows, weights));
        inputs
    }
}

/// Where a run is in its data.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Position {
    /// The pass over the data, from 0.
    pub epoch: u32,
    /// Batches of this epoch that were taken.
    pub batches: usize,
}

/// The training batches, one after another, epoch after epoch: a function of examples, shape and seed. From any [`Position`] on they
/// are what they would have been.
#[derive(Clone, Debug)]
pub struct Batches {
    examples: Vec<Example>,
    pieces: Vec<Piece>,
    size: usize,
    max_positions: usize,
    key: Key,
    position: Position,
    packing: Packing,
}

impl Batches {
    /// Batches of `length`·`batch` tokens in pieces of at most `length`, from `position` on; none if nothing in `examples` is scored. `key`
    /// is for the order alone.
    pub fn new(
        examples: Vec<Example>,
        length: usize,
        batch: usize,
        max_positions: usize,
        key: Key,
        position: Position,
    ) -> Option<Self> {
        let pieces = cut(&examples, length.min(max_positions));
        if pieces.is_empty() {
            return None;
        }
        let packing = Packing::default();
        let mut batches = Self { examples, pieces, size: length * batch, max_positions, key, position, packing };
        batches.pack();
        Some(batches)
    }

    fn pack(&mut self) {
        let key = self.key.fold_in(self.position.epoch);
        self.packing = Packing::shuffled(self.pieces.clone(), self.size, key);
    }

    /// Where the next batch begins.
    pub fn position(&self) -> Position {
        self.position
    }

    /// The batches of the epoch that [`Batches::position`] is in.
    pub fn epoch(&self) -> &Packing {
        &self.packing
    }

    /// The next batch.
    pub fn next_batch(&mut self) -> Batch {
        // No epoch is empty, since there is a piece.
        if self.position.batches >= self.packing.batches.len() {
            self.position = Position { epoch: self.position.epoch + 1, batches: 0 };
            self.pack();
        }
        let pieces = &self.packing.batches[self.position.batches];
        self.position.batches += 1;
        Batch::lay_out(&self.examples, pieces, self.size, self.max_positions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Examples whose tokens are all different, with a frame that isn't scored every eighth token.
    fn examples(lengths: &[usize]) -> Vec<Example> {
        let mut next = 0;
        let make = |&length: &usize| {
            let tokens = (next..next + length as u32).collect();
            next += length as u32;
            Example { tokens, scored: (0..length).map(|at| at % 8 != 0).collect(), bytes: 0 }
        };
        lengths.iter().map(make).collect()
    }

    fn batches(lengths: &[usize], position: Position) -> Batches {
        Batches::new(examples(lengths), 32, 3, 20, Key::from_seed(4), position).unwrap()
    }

    const LENGTHS: [usize; 12] = [5, 30, 17, 64, 9, 9, 22, 3, 41, 12, 28, 2];

    #[test]
    fn an_epoch_holds_every_token_once_with_its_own_neighbours() {
        let mut batches = batches(&LENGTHS, Position::default());
        let epoch = batches.epoch().batches.len();
        assert!(epoch > 2, "{epoch} batches are too few to test with");
        let examples = examples(&LENGTHS);
        let (mut tokens, mut scored) = (Vec::new(), Vec::new());
        for _ in 0..epoch {
            let batch = batches.next_batch();
            assert_eq!(batch.tokens.len(), 96);
            for row in 0..96 {
                let (first, position) = (batch.segments[row] as usize, batch.positions[row] as usize);
                assert!(first + position == row, "row {row}: position {position} in the segment of row {first}");
                assert!(position < 20, "row {row} has position {position} of 20");
                if row >= batch.used_rows {
                    assert!(first >= batch.used_rows, "row {row} is padding in the segment of row {first}");
                    assert!(!batch.scored[row], "padding in row {row} is scored");
                    continue;
                }
                let of = |example: &&Example| example.tokens.contains(&batch.tokens[row]);
                let example = examples.iter().find(of).expect("every token is of an example");
                // Tokens of an example are consecutive numbers.
                let at = (batch.tokens[row] - example.tokens[0]) as usize;
                assert_eq!(batch.targets[row], example.tokens[at + 1], "row {row}: the next token of its example");
                assert_eq!(batch.scored[row], example.scored[at + 1], "row {row}");
                if position > 0 {
                    assert_eq!(batch.tokens[row], batch.tokens[row - 1] + 1, "row {row}: its segment is one piece");
                }
                tokens.push(batch.tokens[row]);
                if batch.scored[row] {
                    scored.push(batch.targets[row]);
                }
            }
        }
        let mut expected: Vec<u32> = examples.iter().flat_map(|e| e.tokens[..e.rows()].to_vec()).collect();
        tokens.sort_unstable();
        expected.sort_unstable();
        assert_eq!(tokens, expected, "tokens of one epoch");
        let of = |e: &Example| -> Vec<u32> {
            e.tokens.iter().zip(&e.scored).skip(1).filter(|(_, scored)| **scored).map(|(&token, _)| token).collect()
        };
        let mut expected: Vec<u32> = examples.iter().flat_map(of).collect();
        scored.sort_unstable();
        expected.sort_unstable();
        assert_eq!(scored, expected, "scored targets of one epoch");
    }

    #[test]
    fn from_any_position_on_the_batches_are_the_same() {
        let mut whole = batches(&LENGTHS, Position::default());
        let mut positions = Vec::new();
        let mut expected = Vec::new();
        for _ in 0..20 {
            positions.push(whole.position());
            expected.push(whole.next_batch());
        }
        assert!(positions[19].epoch >= 2, "the test must pass the ends of epochs: {:?}", positions[19]);
        for (number, &position) in positions.iter().enumerate() {
            let mut resumed = batches(&LENGTHS, position);
            for batch in &expected[number..] {
                assert_eq!(&resumed.next_batch(), batch, "resumed before batch {number}, at {position:?}");
            }
        }
        let mut orders: Vec<Vec<u32>> = expected.into_iter().map(|batch| batch.tokens).collect();
        orders.sort();
        orders.dedup();
        assert_eq!(orders.len(), 20, "epochs have the same order");
    }

    #[test]
    fn inputs_weigh_scored_rows_alone() {
        let batch = batches(&LENGTHS, Position::default()).next_batch();
        let scored = batch.scored.clone();
        assert_eq!(batch.scored_rows(), scored.iter().filter(|&&row| row).count());
        let inputs = batch.into_inputs(0.25);
        let names: Vec<&str> = inputs.keys().map(String::as_str).collect();
        assert_eq!(names, ["positions", "segments", "targets", "tokens", "weights"]);
        let weights: Vec<f32> = scored.iter().map(|&row| if row { 0.25 } else { 0.0 }).collect();
        assert_eq!(inputs["weights"].as_f32(), Some(weights.as_slice()));
    }

    #[test]
    fn nothing_scored_is_no_data() {
        let silent = Example { tokens: vec![0; 9], scored: vec![false; 9], bytes: 0 };
        assert!(Batches::new(vec![silent], 32, 3, 20, Key::from_seed(4), Position::default()).is_none());
    }
}
