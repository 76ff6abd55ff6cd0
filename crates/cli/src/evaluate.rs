//! `reformer evaluate`: a run measured on a split. The measuring is `trainer`'s.

use crate::arguments::EvaluateArguments;
use crate::material::Material;
use crate::output::{self, note};
use crate::{interrupt, machine, trained};
use reformer_multiwoz::Split;
use reformer_session::LoadedModel;
use reformer_trainer::{TrainingConfig, evaluate, evaluation_bytes};
use serde_json::json;

/// At least so many tokens run at a time, so that no dialogue of a run with short rows is cut.
const LEAST_ROWS: usize = 4096;

/// Runs the command.
///
/// # Errors
/// If run or data can't be read.
pub fn run(arguments: &EvaluateArguments) -> anyhow::Result<()> {
    let backend = machine::backend(&arguments.machine)?;
    let changes = arguments.changes.changes();
    let LoadedModel { config, tokenizer, mut store, step, .. } =
        trained::load(&arguments.run, backend.as_ref(), &changes)?;
    let material = match &arguments.data {
        Some(name) => Material::open(name)?,
        None => Material::of_section(&config.data)?,
    };
    let split = arguments.split;
    let (examples, left_out) = material.examples(split, &tokenizer, arguments.exclude_duplicates)?;
    // A long text is measured in pieces of the length that it was trained in.
    let run = trained::choose(&arguments.run)?;
    let rows = TrainingConfig::of(&run, &config)?.rows().max(LEAST_ROWS);
    note(format_args!("step {step} on the {split} split of {} ({})", material.path().display(), material.layout()));
    if let Some(count) = left_out {
        let elsewhere = if split == Split::Train { "dev or test" } else { "train" };
        note(format_args!("without {count} dialogues that occur in {elsewhere} too"));
    }
    let bytes = evaluation_bytes(backend.as_ref(), &config.model, &examples, rows)?;
    machine::check_bound("the evaluation", bytes, machine::BESIDE_READING, "Take a machine with more")?;
    interrupt::during(interrupt::Work::Answering);
    let result = evaluate(backend.as_ref(), store.as_mut(), &config.model, &examples, rows, &interrupt::wished)?;
    if arguments.json {
        let mut object = json!({
            "tokens": result.tokens,
            "bytes": result.bytes,
            "loss": result.loss,
            "perplexity": result.perplexity,
            "bits_per_byte": result.bits_per_byte,
        });
        // What a deliberate change gave must not be taken for what the run gives.
        if let Some(rounds) = changes.rounds {
            object["rounds"] = rounds.into();
        }
        return output::line(object);
    }
    output::line(format_args!(
        "{:.4} bits per byte: loss {:.4}, perplexity {:.3}, {} tokens for {} bytes",
        result.bits_per_byte, result.loss, result.perplexity, result.tokens, result.bytes
    ))
}
