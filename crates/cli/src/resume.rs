//! Options beside a run that was begun: those that were left out are the run's, those that can't change what was trained so far are
//! taken, the others are refused by name.

use crate::handling::{BYTES, EXCLUDE, PERCENT, SALT};
use crate::material::Material;
use crate::presets::Recipe;
use crate::train_arguments::TrainArguments;
use crate::typed::typed;
use anyhow::Context;
use reformer_session::{RunConfig, RunFolder, StoredPath};
use reformer_trainer::{Duration, Start, TrainingConfig, resumed, steps_when_done};
use std::path::Path;

/// The config that a run goes on with: its own, with what may be another. Data may have moved, where a checkpoint tells it from other
/// data.
///
/// # Errors
/// Every field that may not be another and is, with both values.
pub fn config(
    arguments: &TrainArguments,
    run: &RunFolder,
    config: &RunConfig,
    asked: Option<&Material>,
    start: &Start,
) -> anyhow::Result<RunConfig> {
    let (saved, done) = match start {
        Start::Fresh => (false, None),
        Start::Resume(checkpoint) => (true, steps_when_done(run, checkpoint)?),
    };
    let training = TrainingConfig::of(run, config)?;
    let base = match arguments.model.preset {
        // A preset stands for all its values, but for how long: the run says that better.
        Some(preset) => Recipe { duration: None, ..Recipe::of(preset) },
        None => Recipe::of_run(&config.model, &training),
    };
    let recipe = base.changed(&arguments.model, &arguments.step)?;
    let mut wanted = config.clone();
    wanted.model = recipe.model;
    if arguments.model.vocabulary.is_none() {
        // Data has a say in it: text is learned as bytes whatever the preset's vocabulary is.
        wanted.model.vocabulary = config.model.vocabulary;
    }
    let mut wish = TrainingConfig {
        length: recipe.length,
        batch: recipe.batch,
        accumulate: recipe.accumulate,
        learning_rate: recipe.learning_rate,
        seed: recipe.seed,
        ..training.clone()
    };
    match arguments.step.duration() {
        Some(Duration::Steps(steps)) => (wish.steps, wish.minutes) = (Some(steps), None),
        // How many steps that is, the run has found out, or will.
        Some(Duration::Minutes(minutes)) if training.minutes.is_some() => wish.minutes = Some(minutes),
        Some(Duration::Minutes(minutes)) => (wish.steps, wish.minutes) = (None, Some(minutes)),
        None => {}
    }
    wish.save_every = arguments.run.save_every.map_or(wish.save_every, |steps| steps as u64);
    wish.evaluate_every = arguments.run.evaluate_every.map_or(wish.evaluate_every, |steps| steps as u64);
    if let Some(other) = &arguments.model.init_from {
        wish.init_from = Some(whole_path(other)?);
    }
    wanted.training = wish.to_value();
    if let Some(material) = asked {
        wanted.data = material.section(Material::excludes_duplicates(&config.data));
        if saved && material.layout() == config.data["layout"] {
            wanted.data["path"] = config.data["path"].clone();
        }
    }
    // What is left out is the run's.
    if arguments.data.exclude_duplicates {
        wanted.data[EXCLUDE] = true.into();
    }
    if let Some(salt) = &arguments.data.split_salt {
        wanted.data[SALT] = salt.as_str().into();
    }
    if let Some(share) = arguments.data.test_share {
        wanted.data[PERCENT] = share.into();
    }
    if arguments.data.bytes {
        wanted.data[BYTES] = true.into();
    }
    Ok(resumed(run, config, &wanted, done)?)
}

/// A path that means the same from every folder.
///
/// # Errors
/// If nothing is there.
pub fn whole_path(path: &Path) -> anyhow::Result<StoredPath> {
    let whole = dunce::canonicalize(path).with_context(|| format!("--init-from {}: cannot find it", typed(path)))?;
    Ok(whole.into())
}
