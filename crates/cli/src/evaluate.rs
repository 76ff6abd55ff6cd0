//! `reformer evaluate`: a run measured on a split. The measuring is `trainer`'s.

use crate::arguments::EvaluateArguments;
use crate::handling::Handling;
use crate::material::Material;
use crate::output::{self, note};
use crate::{machine, trained};
use reformer_multiwoz::Split;
use reformer_session::LoadedModel;
use reformer_trainer::{TrainingConfig, evaluate};
use serde_json::json;

/// At least so many tokens run at a time, so that no dialogue of a run with short rows is cut.
const LEAST_ROWS: usize = 4096;

/// Runs the command.
///
/// # Errors
/// If run or data can't be read.
pub fn run(arguments: &EvaluateArguments) -> anyhow::Result<()> {
    let backend = machine::backend(&arguments.machine)?;
    let LoadedModel { config, tokenizer, mut store, step } = trained::load(&arguments.run, backend.as_ref())?;
    let material = match &arguments.data {
        Some(name) => Material::open(name, &Handling::of_section(&config.data)?)?,
        None => Material::of_section(&config.data)?,
    };
    let split = arguments.split;
    let found = material.examples(split, arguments.exclude_duplicates)?;
    let (examples, left_out) = (found.encode(&tokenizer)?, found.left_out);
    // A long text is measured in pieces of the length that it was trained in.
    let run = trained::choose(&arguments.run)?;
    let rows = TrainingConfig::of(&run, &config)?.rows().max(LEAST_ROWS);
    let (path, layout) = (material.path().display(), material.layout());
    let whose = if found.is_dealt { ", split by this program" } else { "" };
    note(format_args!("step {step} on the {split} split of {path} ({layout}{whose})"));
    if let Some(count) = left_out {
        let elsewhere = if split == Split::Train { "dev or test" } else { "train" };
        note(format_args!("without {count} dialogues that occur in {elsewhere} too"));
    }
    let result = evaluate(backend.as_ref(), store.as_mut(), &config.model, &examples, rows)?;
    if arguments.json {
        return output::line(json!({
            "tokens": result.tokens,
            "bytes": result.bytes,
            "loss": result.loss,
            "perplexity": result.perplexity,
            "bits_per_byte": result.bits_per_byte,
        }));
    }
    output::line(format_args!(
        "{:.4} bits per byte: loss {:.4}, perplexity {:.3}, {} tokens for {} bytes",
        result.bits_per_byte, result.loss, result.perplexity, result.tokens, result.bytes
    ))
}
