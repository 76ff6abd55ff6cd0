//! Loss, perplexity and bits per byte of a split: every scored token once. Which part of a split is evaluated when is the trainer's
//! affair.

use crate::batch::Batch;
use crate::packing::{Packing, Piece, cut, shuffle};
use crate::{Example, TrainError};
use reformer_model::{ModelConfig, evaluation_inputs, record};
use reformer_tensor::{Backend, Checks, DType, Inputs, Key, Plan, PlanOptions, Prepared, RunError, StopWish, Store};
use serde::{Deserialize, Serialize};
use std::f64::consts::LN_2;

/// The seed of the part of a split that is evaluated while training: the same part in every run.
const PART_SEED: u64 = 0xDE7;

/// How well a model predicts a split.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Evaluation {
    /// Tokens that were scored.
    pub tokens: u64,
    /// Bytes of the text that they stand for.
    pub bytes: u64,
    /// Mean loss of a scored token, in nats.
    pub loss: f64,
    /// exp(loss).
    pub perplexity: f64,
    /// Nats of all scored tokens ÷ ln 2 ÷ bytes.
    pub bits_per_byte: f64,
}

/// Evaluates all of `examples`; the parameters are in `store`. `rows` tokens are run at a time (fewer where there are fewer), and an
/// example with more rows than that, or than the model has positions, is cut at ends of turns.
///
/// # Errors
/// [`TrainError::NoText`] if nothing is scored, [`TrainError::NothingToMeasure`] if no byte of text is behind it,
/// [`TrainError::Unmeasurable`] for a loss that is no number, [`TrainError::Vocabulary`] for another model's tokens,
/// [`TrainError::Stopped`] if `stop` says so; what the backend reports.
pub fn evaluate(
    backend: &dyn Backend,
    store: &mut dyn Store,
    model: &ModelConfig,
    examples: &[Example],
    rows: usize,
    stop: &StopWish<'_>,
) -> Result<Evaluation, TrainError> {
    check_vocabulary("evaluated", examples, model.vocabulary)?;
    let all: usize = examples.iter().map(Example::rows).sum();
    let rows = rows.min(all).max(1);
    let part = Part::all(examples, rows.min(model.max_positions));
    if part.pieces.is_empty() {
        return Err(TrainError::NoText { split: "evaluated".to_owned() });
    }
    let mut evaluator = Evaluator::new(backend, store, model, rows, model.heads)?;
    evaluator.run(store, examples, &part, stop)?.evaluation("evaluated")
}

/// What [`evaluate`] takes at most: the model's states and everything that its plan needs.
///
/// # Errors
/// A mistake of the recording.
pub fn evaluation_bytes(
    backend: &dyn Backend,
    model: &ModelConfig,
    examples: &[Example],
    rows: usize,
) -> Result<u64, TrainError> {
    let all: usize = examples.iter().map(Example::rows).sum();
    Ok(plan(backend, model, rows.min(all).max(1), model.heads)?.peak_bytes())
}

/// Refuses tokens that the model doesn't have.
pub(crate) fn check_vocabulary(split: &str, examples: &[Example], vocabulary: usize) -> Result<(), TrainError> {
    match examples.iter().flat_map(|example| example.tokens.iter().copied()).max() {
        Some(token) if token as usize >= vocabulary => {
            Err(TrainError::Vocabulary { split: split.to_owned(), token, vocabulary })
        }
        _ => Ok(()),
    }
}

/// A part of a split, in pieces.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Part {
    pieces: Vec<Piece>,
    bytes: u64,
}

impl Part {
    fn all(examples: &[Example], limit: usize) -> Self {
        Self { pieces: cut(examples, limit), bytes: examples.iter().map(|example| example.bytes).sum() }
    }

    /// A fixed random choice of examples with about `tokens` rows in all (but one example at least), and the rest.
    pub(crate) fn sample(examples: &[Example], limit: usize, tokens: u64) -> (Self, Self) {
        let mut order: Vec<usize> = (0..examples.len()).filter(|&number| examples[number].rows() > 0).collect();
        shuffle(&mut order, Key::from_seed(PART_SEED));
        let (mut taken, mut bytes) = (0, 0);
        let mut chosen = vec![false; examples.len()];
        for number in order {
            let rows = examples[number].rows() as u64;
            // Without a byte of text there are no bits per byte.
            if taken > 0 && bytes > 0 && taken + rows > tokens {
                break;
            }
            taken += rows;
            bytes += examples[number].bytes;
            chosen[number] = true;
        }
        let part = |wanted: bool| {
            let mut part = Self::all(examples, limit);
            part.pieces.retain(|piece| chosen[piece.example] == wanted);
            let of_part = examples.iter().zip(&chosen).filter(|(_, chosen)| **chosen == wanted);
            part.bytes = of_part.map(|(example, _)| example.bytes).sum();
            part
        };
        (part(true), part(false))
    }

    /// Whether there is text to measure.
    pub(crate) fn has_text(&self) -> bool {
        self.rows() > 0 && self.bytes > 0
    }

    /// Tokens that it runs.
    pub(crate) fn rows(&self) -> usize {
        self.pieces.iter().map(|piece| piece.rows).sum()
    }
}

/// What an evaluation adds up.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(crate) struct Sums {
    nats: f64,
    tokens: u64,
    bytes: u64,
}

impl std::ops::Add for Sums {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { nats: self.nats + other.nats, tokens: self.tokens + other.tokens, bytes: self.bytes + other.bytes }
    }
}

impl Sums {
    /// The figures; refused where one of them would be no number, which no reader of them expects (and JSON can't say).
    pub(crate) fn evaluation(self, split: &str) -> Result<Evaluation, TrainError> {
        if self.tokens == 0 || self.bytes == 0 {
            return Err(TrainError::NothingToMeasure { split: split.to_owned() });
        }
        let loss = self.nats / self.tokens as f64;
        let (perplexity, bits_per_byte) = (loss.exp(), self.nats / LN_2 / self.bytes as f64);
        if !perplexity.is_finite() {
            return Err(TrainError::Unmeasurable { split: split.to_owned(), loss });
        }
        Ok(Evaluation { tokens: self.tokens, bytes: self.bytes, loss, perplexity, bits_per_byte })
    }
}

/// The evaluation program, ready to run.
pub(crate) struct Evaluator {
    prepared: Box<dyn Prepared>,
    random: Inputs,
    rows: usize,
    max_positions: usize,
}

impl Evaluator {
    pub(crate) fn new(
        backend: &dyn Backend,
        store: &mut dyn Store,
        model: &ModelConfig,
        rows: usize,
        head_group: usize,
    ) -> Result<Self, TrainError> {
        let plan = plan(backend, model, rows, head_group)?;
        plan.declare_states(store)?;
        Ok(Self {
            prepared: backend.prepare(plan, Checks::Off)?,
            random: evaluation_inputs(model),
            rows,
            max_positions: model.max_positions,
        })
    }

    /// Sums over all scored tokens of the part.
    pub(crate) fn run(
        &mut self,
        store: &mut dyn Store,
        examples: &[Example],
        part: &Part,
        stop: &StopWish<'_>,
    ) -> Result<Sums, TrainError> {
        let mut sums = Sums { bytes: part.bytes, ..Sums::default() };
        let mut done = 0;
        for pieces in &Packing::in_order(&part.pieces, self.rows).batches {
            let batch = Batch::lay_out(examples, pieces, self.rows, self.max_positions);
            sums.tokens += batch.scored_rows() as u64;
            let mut inputs = batch.into_inputs(1.0);
            inputs.extend(self.random.clone());
            let outputs = self.prepared.run_until(store, &inputs, stop).map_err(|error| match error {
                RunError::Stopped => TrainError::Stopped { done, all: part.rows() as u64 },
                error => error.into(),
            })?;
            sums.nats += sum_of_losses(&outputs);
            done += pieces.iter().map(|piece| piece.rows as u64).sum::<u64>();
        }
        Ok(sums)
    }
}

/// The plan of `rows` tokens of evaluation.
pub(crate) fn plan(
    backend: &dyn Backend,
    model: &ModelConfig,
    rows: usize,
    head_group: usize,
) -> Result<Plan, TrainError> {
    let program = record::evaluation(model, rows, head_group);
    let scratch_bytes = backend.scratch_bytes(&program);
    Ok(Plan::new(&program, &PlanOptions { scratch_bytes, ..PlanOptions::default() })?)
}

/// The sum of the output `losses`, in f64 and in row order.
pub(crate) fn sum_of_losses(outputs: &reformer_tensor::Outputs) -> f64 {
    // Both programs record this output.
    outputs.get("losses").map_or(f64::NAN, |losses| losses.to_f64(DType::F32).iter().sum())
}
