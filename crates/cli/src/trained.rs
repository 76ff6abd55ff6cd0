//! Which run is meant, the one that was named or the newest, and its model. What is done with it is in the modules of the commands.

use crate::arguments::RunChoice;
use crate::handling::{BYTES, TEXT};
use crate::output::note;
use crate::quantities::Bytes;
use crate::run_names::{not_a_run, there};
use crate::typed::{program, typed};
use crate::{interrupt, machine};
use anyhow::bail;
use reformer_model::ModelConfig;
use reformer_session::{Changes, Generator, LoadedModel, RunConfig, RunFolder, SessionError};
use reformer_tensor::Backend;
use std::path::Path;

/// The folder that holds numbered runs, below the current one.
pub const RUNS: &str = "runs";

/// The run that was named, or the newest.
///
/// # Errors
/// If there is none, with what to do.
pub fn choose(choice: &RunChoice) -> anyhow::Result<RunFolder> {
    match &choice.run {
        Some(path) => match RunFolder::open(path) {
            Err(SessionError::NoRun { .. }) => bail!("--run {}", not_a_run(path)),
            opened => Ok(opened?),
        },
        None => match RunFolder::newest(Path::new(RUNS)) {
            Err(SessionError::NoRuns { .. }) => bail!("no run is in {RUNS}/ to take. {}", there(None)),
            found => Ok(found?),
        },
    }
}

/// The newest checkpoint of a run, ready for use; says which where nobody named it.
///
/// # Errors
/// If there is none, or it can't be read.
pub fn load(
    choice: &RunChoice,
    run: &RunFolder,
    backend: &dyn Backend,
    changes: &Changes,
) -> anyhow::Result<LoadedModel> {
    let trained = run.read_config()?.model;
    fits(run, &trained, machine::free_bytes())?;
    let mut model = LoadedModel::open(run, backend, changes)?;
    model.stop = interrupt::wished;
    if !model.is_vouched_for {
        warn_unvouched(run, model.step);
    }
    if let Some(rounds) = changes.rounds.filter(|&rounds| rounds != trained.rounds) {
        let usual = trained.rounds;
        note(format_args!("with {rounds} hash rounds instead of the {usual} that the run was trained with"));
    }
    if choice.run.is_none() {
        note(format_args!("run {}, step {}", run.path().display(), model.step));
    }
    Ok(model)
}

/// The same to generate text with: the caches are planned, too.
///
/// # Errors
/// As [`load`]; if the limits of this process don't hold it.
pub fn load_to_talk(
    choice: &RunChoice,
    run: &RunFolder,
    backend: &dyn Backend,
    changes: &Changes,
    samples: usize,
) -> anyhow::Result<LoadedModel> {
    let model = run.read_config()?.model;
    // Several samples begin at one prompt, of which the caches are kept.
    let held = if samples > 1 { Generator::held_bytes(&model, 1) } else { 0 };
    let bytes = Generator::bytes(backend, &model, 1)?.saturating_add(held);
    machine::check_bound("the model with its caches", bytes, machine::BESIDE_READING, "Take a smaller model")?;
    load(choice, run, backend, changes)
}

/// Says that a checkpoint of an older version can't be held against the files beside it.
pub fn warn_unvouched(run: &RunFolder, step: u64) {
    note(format_args!(
        "warning: step-{step} of {} was saved by an older version, which did not note its tokenizer and model: whether tokenizer.json and \
         config.json are still those it was trained with can't be checked",
        run.path().display()
    ));
}

/// Refuses a run whose parameters alone are more than memory holds, before anything of them is read.
fn fits(run: &RunFolder, model: &ModelConfig, free: u64) -> anyhow::Result<()> {
    let count = model.parameter_count();
    let bytes = count.saturating_mul(size_of::<f32>() as u64);
    if bytes > free {
        bail!(
            "{}: `model` has {count} parameters, which take {}, and {} of memory are free: use a machine with more",
            run.config_path().display(),
            Bytes(bytes),
            Bytes(free)
        );
    }
    Ok(())
}

/// What to do with a trained model: the command, as one types it.
pub fn what_to_try(config: &RunConfig, run: &Path) -> String {
    let (program, run) = (program(), typed(run));
    if is_plain_text(config) {
        return format!("let it go on with a text: {program} generate --run {run} --prompt TEXT");
    }
    format!("talk to it: {program} chat --run {run}")
}

/// Whether the run was trained on text without speakers.
pub fn is_plain_text(config: &RunConfig) -> bool {
    config.data.get("layout").is_some_and(|layout| [TEXT, BYTES].iter().any(|text| layout == text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_that_memory_does_not_hold_is_refused_before_it_is_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let run = RunFolder::create(folder.path()).expect("a run");
        let model = ModelConfig::tiny();
        let bytes = 4 * model.parameter_count();
        assert!(fits(&run, &model, bytes).is_ok());
        let error = fits(&run, &model, bytes - 1).expect_err("a byte too few").to_string();
        assert!(error.contains("config.json: `model` has") && error.contains("of memory are free"), "{error}");
    }
}
