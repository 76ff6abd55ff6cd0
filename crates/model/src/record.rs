//! Whole programs: training (accumulate and apply), evaluation, decoding. Each is a list that any backend can run.
//!
//! Inputs of all: `tokens`, `positions` `[rows]` u32 (positions restart in each segment), `key` `[2]` u32, and `layer.NNN.rotations`
//! of each LSH layer (see [`crate::random_inputs`]).
//!
//! Where a config says that weights are stored in halves, programs that train or evaluate have them as states of f32 and read casts of
//! them; [`full_logits`] and [`decoding`] have the casts as states (see [`crate::ParameterSpec::stored`]). Both compute the same.

use crate::layers::{Attending, Weights, cast_weights, common, head, trunk};
use crate::{MemoryChoice, ModelConfig};
use reformer_autodiff::{Optimiser, Recompute, adamw, gradients};
use reformer_tensor::{DType, Program, Tensor, shape};

struct Forward {
    program: Program,
    losses: Tensor,
}

fn forward(config: &ModelConfig, rows: usize, head_group: usize, rate: f32, stream: DType) -> Forward {
    let mut program = Program::new();
    let common = common(&mut program, rows, Weights::Trained);
    cast_weights(&mut program, config);
    let segments = program.input("segments", shape![rows], DType::U32);
    let targets = program.input("targets", shape![rows], DType::U32);
    let weights = program.input("weights", shape![rows], DType::F32);
    let (y1, y2) = trunk(&mut program, config, common, Attending::Whole { segments, head_group }, rate, stream);
    let head = head(&mut program, config, common.weights);
    let losses = program.head_loss(y1, y2, &head, targets, weights);
    Forward { program, losses }
}

/// One batch of training: adds the gradient of Σ losses onto the states `gradient.*`, and hands back `losses` `[rows]`.
///
/// Further inputs: `segments` `[rows]` u32 (the row where a token's segment starts), `targets` `[rows]` u32, `weights` `[rows]` f32
/// (0: the row is not scored; else 1 over the number of scored rows of the step).
pub fn training(config: &ModelConfig, rows: usize, choice: MemoryChoice) -> Program {
    training_with(config, rows, choice, config.stream())
}

/// [`training`] with streams of another type: plain f32 shows what fixed point buys.
pub fn training_with(config: &ModelConfig, rows: usize, choice: MemoryChoice, stream: DType) -> Program {
    let Forward { mut program, losses } = forward(config, rows, choice.head_group, config.dropout, stream);
    // Two halves a layer, in order; the last layers are stored, since their streams are the first that the backward pass needs.
    let first_stored = 2 * (config.layers - choice.stored_layers.min(config.layers));
    let losses = gradients(&mut program, losses, &|half| {
        if half < first_stored { Recompute::Rebuild } else { Recompute::Stored }
    });
    program.output("losses", losses);
    program
}

/// The step after one or more [`training`] runs: clips by the global norm, takes a step of AdamW, zeroes the gradient sums.
/// Input `schedule` `[4]` f32 (see [`reformer_tensor::op::AdamW`]); output `gradient_norm` `[1]`.
pub fn apply(config: &ModelConfig, optimiser: &Optimiser) -> Program {
    let mut program = Program::new();
    program.set_scope("optimiser");
    let parameters: Vec<Tensor> =
        config.parameters().iter().map(|spec| program.state(&spec.name, spec.shape, DType::F32)).collect();
    let norm = adamw(&mut program, &parameters, optimiser);
    program.output("gradient_norm", norm);
    program
}

/// Losses of a batch, dropout off: inputs as [`training`], output `losses` `[rows]`.
pub fn evaluation(config: &ModelConfig, rows: usize, head_group: usize) -> Program {
    evaluation_with(config, rows, head_group, config.stream())
}

/// [`evaluation`] with streams of another type.
pub fn evaluation_with(config: &ModelConfig, rows: usize, head_group: usize, stream: DType) -> Program {
    let Forward { mut program, losses } = forward(config, rows, head_group, 0.0, stream);
    program.output("losses", losses);
    program
}

/// Logits of `chosen` rows in one full forward pass: inputs as [`evaluation`] without targets and weights, and `chosen` `[chosen]` u32.
pub fn full_logits(config: &ModelConfig, rows: usize, chosen: usize, head_group: usize) -> Program {
    let mut program = Program::new();
    let common = common(&mut program, rows, Weights::Stored);
    let segments = program.input("segments", shape![rows], DType::U32);
    finish_logits(program, config, common, Attending::Whole { segments, head_group }, chosen)
}

/// Appends `rows` tokens to the caches of `batch` conversations; output `logits` `[chosen, vocabulary]` of the rows `chosen`.
/// Further inputs: `cache_rows` `[rows]` u32 (the conversation of each token, or [`reformer_tensor::op::NO_ROW`]), `chosen` `[chosen]` u32.
pub fn decoding(config: &ModelConfig, rows: usize, batch: usize, chosen: usize) -> Program {
    let mut program = Program::new();
    let common = common(&mut program, rows, Weights::Stored);
    let cache_rows = program.input("cache_rows", shape![rows], DType::U32);
    finish_logits(program, config, common, Attending::Cached { cache_rows, batch }, chosen)
}

fn finish_logits(
    mut program: Program,
    config: &ModelConfig,
    common: crate::layers::Common,
    attending: Attending,
    chosen: usize,
) -> Program {
    let (y1, y2) = trunk(&mut program, config, common, attending, 0.0, config.stream());
    let head = head(&mut program, config, common.weights);
    let chosen = program.input("chosen", shape![chosen], DType::U32);
    let logits = program.logits(y1, y2, chosen, &head);
    program.output("logits", logits);
    program
}
