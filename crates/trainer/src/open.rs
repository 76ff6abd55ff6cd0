//! Opening a run: its first values, or those of its newest checkpoint. Training is in `train.rs`.

use crate::config::model_differences;
use crate::corpus::fingerprint;
use crate::evaluate::{Part, check_vocabulary};
use crate::metrics::Metrics;
use crate::picture;
use crate::step::RunKeys;
use crate::train::{Saved, Validation};
use crate::{
    Batches, Corpus, Example, Extension, Schedule, Setup, Start, StepPlan, TrainError, Trainer, TrainerState,
    TrainingConfig, resumed,
};
use reformer_autodiff::{FIRST_MOMENT_PREFIX, SECOND_MOMENT_PREFIX};
use reformer_model::{ModelConfig, initial_parameter};
use reformer_session::{Belonging, Checkpoint, RunConfig, RunFolder, SavedState, TensorSpec, Weights, parameter_specs};
use reformer_tensor::Store;
use std::path::Path;

/// One part in so many of the tokens between two evaluations is evaluated: a forward pass is at most a third of a step, so this costs at
/// most a twenty-fourth of the time.
const EVALUATED_PART: u64 = 8;

impl<'a> Trainer<'a> {
    /// Opens the run. A fresh one gets its first values, and its config is written to its folder; one that goes on reads its newest checkpoint,
    /// its metrics are cut back to that, and its config notes the machine if that is another.
    ///
    /// # Errors
    /// An impossible config, or for a run that goes on another one than it began with; data with nothing to learn from, or
    /// that has changed; a step that doesn't fit into memory; whatever is wrong with the folder.
    pub fn new(setup: Setup<'a>, start: Start) -> Result<Self, TrainError> {
        let Setup { backend, run, lock, mut config, corpus, memory, clock, stop } = setup;
        config.model.validate().map_err(TrainError::Model)?;
        let mut training = TrainingConfig::of(&run, &config)?;
        let Corpus { train, dev, .. } = corpus;
        check_vocabulary("train", &train, config.model.vocabulary)?;
        check_vocabulary("dev", &dev, config.model.vocabulary)?;
        let plan = StepPlan::new(&config.model, &training, backend, memory)?;
        let data = fingerprint(&train);
        let keys = RunKeys::new(training.seed);
        let parameters = parameter_specs(&config.model);
        let moments = moment_specs(&parameters);

        let tokenizer = if run.tokenizer_path().exists() { Some(run.read_tokenizer()?) } else { None };
        let belonging = Belonging::new(&config.model, tokenizer.as_ref())?;
        let (mut is_vouched_for, mut is_changed, mut extension) = (true, false, None);
        let mut store = backend.store();
        let (step, mut state, saved) = match &start {
            Start::Fresh => {
                initialise(store.as_mut(), &config.model, &training, keys)?;
                (0, TrainerState { data, ..TrainerState::default() }, None)
            }
            Start::Resume(checkpoint) => {
                let begun: RunConfig = run.read_config()?;
                is_vouched_for = checkpoint.belongs_to(&run, &Belonging::new(&begun.model, tokenizer.as_ref())?)?;
                config = resumed(&run, &begun, &config, steps_when_done(&run, checkpoint)?)?;
                training = TrainingConfig::of(&run, &config)?;
                is_changed = config != begun;
                let read = |store: &mut dyn Store| {
                    let state: SavedState<TrainerState> = checkpoint.state()?;
                    state.trainer.check(state.step, &training).map_err(|lie| checkpoint.damaged_state(&lie))?;
                    if state.trainer.data == data {
                        checkpoint.read_parameters(&parameters, store)?;
                        checkpoint.read_optimizer(&moments, store)?;
                    }
                    Ok(state)
                };
                let state = read(store.as_mut()).map_err(|error| run.checkpoints().advise(error, checkpoint))?;
                if state.trainer.data != data {
                    return Err(TrainError::OtherData { run: run.path().to_owned(), step: state.step });
                }
                (state.step, state.trainer, Some(saved(checkpoint, state.parameters_sha256)))
            }
        };
        if state.finished {
            extension = Extension::of(&training, step);
            state.finished = extension.is_none();
        }
        // Gradient sums and fresh moments begin as zeros; between steps the sums always are.
        plan.training.declare_states(store.as_mut())?;
        plan.apply.declare_states(store.as_mut())?;

        let scored: u64 = train.iter().map(Example::scored_tokens).sum();
        let bytes: u64 = train.iter().map(|example| example.bytes).sum();
        let max_positions = config.model.max_positions;
        let position = state.position;
        let batches = Batches::new(train, training.length, training.batch, max_positions, keys.order(), position)
            .ok_or_else(|| TrainError::NoText { split: "train".to_owned() })?;
        if let Start::Resume(checkpoint) = &start
            && position.batches > batches.epoch().batches.len()
        {
            let (taken, all) = (position.batches, batches.epoch().batches.len());
            let lie = format!("`trainer.position` is batch {taken} of an epoch of {all}");
            return Err(run.checkpoints().advise(checkpoint.damaged_state(&lie), checkpoint).into());
        }
        picture::check_place(&run.picture_path())?;
        let metrics = Metrics::open(&run.metrics_path(), step, state.evaluation_due)?;
        // Where a finished run is only told of again, nothing is computed.
        let is_new = !state.finished && config.note_machine(&backend.machine());
        if is_new || is_changed || start == Start::Fresh {
            run.write_config(&config)?;
        }
        Ok(Self {
            backend,
            _lock: lock,
            validation: validation(dev, &training, max_positions),
            bytes_per_token: bytes as f64 / scored as f64,
            plan,
            programs: None,
            store,
            parameters,
            moments,
            schedule: Schedule::new(&training),
            keys,
            metrics,
            clock,
            step,
            seconds_before: state.seconds,
            state,
            saved,
            measured: Vec::new(),
            evaluation_seconds: None,
            checkpoint_seconds: None,
            profile: None,
            run,
            config,
            training,
            batches,
            belonging,
            is_vouched_for,
            extension,
            stop,
        })
    }
}

/// The steps after which the run was done, if its newest checkpoint says that it was.
///
/// # Errors
/// If its state can't be read: with the last good checkpoint.
pub fn steps_when_done(run: &RunFolder, checkpoint: &Checkpoint) -> Result<Option<u64>, TrainError> {
    let state = checkpoint.state::<TrainerState>().map_err(|error| run.checkpoints().advise(error, checkpoint))?;
    Ok(state.trainer.finished.then_some(state.step))
}

fn saved(checkpoint: &Checkpoint, parameters_sha256: String) -> Saved {
    Saved { step: checkpoint.step(), path: checkpoint.path().to_owned(), parameters_sha256 }
}

/// The optimiser's states that are saved. Gradient sums are zero between steps, so they are not.
fn moment_specs(parameters: &[TensorSpec]) -> Vec<TensorSpec> {
    let of = |prefix: &'static str| {
        parameters.iter().map(move |spec| TensorSpec { name: format!("{prefix}{}", spec.name), shape: spec.shape })
    };
    of(FIRST_MOMENT_PREFIX).chain(of(SECOND_MOMENT_PREFIX)).collect()
}

fn validation(examples: Vec<Example>, training: &TrainingConfig, max_positions: usize) -> Option<Validation> {
    let rows = training.rows();
    let per_step = rows as u64 * training.accumulate as u64;
    let between = training.first_evaluate_every.unwrap_or(training.evaluate_every);
    let tokens = (between.saturating_mul(per_step) / EVALUATED_PART).max(rows as u64);
    let (part, rest) = Part::sample(&examples, rows.min(max_positions), tokens);
    part.has_text().then_some(Validation { examples, part, rest })
}

fn initialise(
    store: &mut dyn Store,
    model: &ModelConfig,
    training: &TrainingConfig,
    keys: RunKeys,
) -> Result<(), TrainError> {
    if let Some(other) = &training.init_from {
        return copy_parameters(store, model, other);
    }
    for spec in model.parameters() {
        let first = initial_parameter(&spec, keys.initialisation());
        store.declare(&spec.name, spec.shape, reformer_tensor::DType::F32)?;
        store.write(&spec.name, &first)?;
    }
    Ok(())
}

/// Reads the newest parameters of another run, whose parameters must have the same names and shapes.
fn copy_parameters(store: &mut dyn Store, model: &ModelConfig, other: &Path) -> Result<(), TrainError> {
    let run = RunFolder::open(other)?;
    let config: RunConfig = run.read_config()?;
    let specs = parameter_specs(model);
    if parameter_specs(&config.model) != specs {
        let differences = model_differences(&config.model, model);
        return Err(TrainError::OtherModel { run: other.to_owned(), differences });
    }
    let weights = Weights::newest(&run, &specs)?;
    let tokenizer = if run.tokenizer_path().exists() { Some(run.read_tokenizer()?) } else { None };
    weights.belong_to(&run, &Belonging::new(&config.model, tokenizer.as_ref())?)?;
    Ok(weights.read(&run, &specs, store)?)
}
