//! Which run is meant: the one that was named, or the newest. Loads nothing itself.

use crate::arguments::RunChoice;
use crate::output::note;
use anyhow::Context;
use reformer_session::{LoadedModel, RunConfig, RunFolder};
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
        Some(path) => Ok(RunFolder::open(path)?),
        None => RunFolder::newest(Path::new(RUNS))
            .context("no run to take: `cargo xtask train` makes one, --run DIR names one"),
    }
}

/// The run's newest checkpoint, ready for use; says which where nobody named it.
///
/// # Errors
/// If there is none, or it can't be read.
pub fn load(choice: &RunChoice, backend: &dyn Backend) -> anyhow::Result<LoadedModel> {
    let run = choose(choice)?;
    let model = LoadedModel::open(&run, backend)?;
    if choice.run.is_none() {
        note(format_args!("run {}, step {}", run.path().display(), model.step));
    }
    Ok(model)
}

/// Whether the run was trained on text without speakers.
pub fn is_plain_text(config: &RunConfig) -> bool {
    config.data.get("layout").is_some_and(|layout| layout == "text")
}
