//! `reformer train`: from options to a run, fresh or resumed, and how it is told. The loop itself is `trainer`'s.

use crate::handling::Handling;
use crate::interrupt::{self, Work};
use crate::material::{self, Material};
use crate::output::{ReaderGone, note};
use crate::plan::{describe_choice, describe_model, memory_in_words};
use crate::presets::Recipe;
use crate::progress::{Progress, Telling};
use crate::quantities::{Bytes, Count, Seconds};
use crate::run_names::not_a_run;
use crate::texts::Texts;
use crate::train_arguments::TrainArguments;
use crate::typed::{program, typed};
use crate::{claim, machine, resume, seen, trained};
use anyhow::{Context, bail, ensure};
use claim::Claim;
use reformer_session::{RunConfig, RunFolder, SessionError, Tokenizer};
use reformer_trainer::{
    Control, Corpus, Duration, Event, Extension, Outcome, Setup, Start, StepPlan, TrainError, Trainer, TrainingConfig,
};
use serde_json::Value;
use std::path::Path;
use std::time::Instant;

/// How long the default preset trains: the sample repeats itself, real dialogues don't.
const SAMPLE_MINUTES: f64 = 10.0;
const DATA_MINUTES: f64 = 60.0;

/// What is trained on what.
struct Job {
    config: RunConfig,
    tokenizer: Tokenizer,
    texts: Texts,
    material: Material,
}

/// Runs the command.
///
/// # Errors
/// What the user, the data, the machine or the folder make impossible. Nothing is written before options and data are known
/// to be good.
pub fn run(arguments: &TrainArguments) -> anyhow::Result<()> {
    let began = Instant::now();
    // Options and folder first: to open a device may take seconds, and to say what it does there.
    if !arguments.run.resume && arguments.model.init_from.is_none() {
        Recipe::asked(&arguments.model, &arguments.step)?;
    }
    let place = claim::look(arguments)?;
    let backend = machine::backend(&arguments.machine)?;
    let progress = Progress::new(Telling::choose(arguments.run.json, arguments.run.quiet));
    let claim = place.map(|run| claim::take(run, arguments)).transpose()?;
    let known = claim.as_ref().filter(|claim| arguments.run.resume && claim.run.is_started());
    let job = match known {
        Some(claim) => job_of_run(arguments, claim)?,
        None => fresh_job(arguments, &progress)?,
    };
    let wish = arguments.memory.memory_limit.unwrap_or_default();
    let limit = machine::memory_limit(wish);
    // Planned before the folder is made: what can't fit leaves nothing behind.
    let training: TrainingConfig =
        serde_json::from_value(job.config.training.clone()).context("the training section of the config")?;
    let plan = StepPlan::new(&job.config.model, &training, backend.as_ref(), limit)
        .map_err(|error| memory_in_words(error, wish))?;
    machine::check_bound(
        "a step",
        plan.peak_bytes(),
        machine::BESIDE_TRAINING,
        "Try --memory-limit min, a smaller --batch, --length or model",
    )?;
    let claim = match claim {
        Some(claim) => claim,
        None => claim::new(arguments)?,
    };
    let Claim { run, lock, start, is_new } = claim;
    let path = run.path().to_owned();
    if is_new {
        let run = run.clone();
        interrupt::undo_with(move || run.remove_if_untrained());
    }
    introduce(&progress, &job, &plan, &path, &backend.machine())?;
    if start == Start::Fresh {
        run.write_tokenizer(&job.tokenizer)?;
    }
    // A run of an earlier version has no such file: it gets one when it goes on, since its data is read then.
    let remembers = start != Start::Fresh && run.trained_on_path().exists();
    let trained_on = (!remembers).then(|| seen::remembered(&job.texts, training.init_from.as_deref()));
    let corpus = job.texts.encode(&job.tokenizer)?;
    let setup = Setup::new(backend.as_ref(), run.clone(), lock, job.config, corpus, limit).started(began);
    let setup = Setup { stop: &interrupt::wished, ..setup };
    let mut trainer = Trainer::new(setup, start).map_err(|error| match (&error, &arguments.data.data) {
        (TrainError::OtherData { .. }, Some(name)) => {
            anyhow::Error::new(error).context(format!("--data {} is other data than the run's", typed(name)))
        }
        _ => memory_in_words(error, wish),
    })?;
    // Only now it is known that the data is the run's.
    if let Some(trained_on) = trained_on {
        run.write_trained_on(&trained_on)?;
    }
    if arguments.run.profile {
        trainer.measure();
    }
    tell_of_changes(&trainer, &RunFolder::open(&path)?);
    follow(&mut trainer, progress, &path)
}

/// What is worth knowing of a run that goes on.
fn tell_of_changes(trainer: &Trainer, run: &RunFolder) {
    if !trainer.is_vouched_for() {
        trained::warn_unvouched(run, trainer.step());
    }
    if let Some(Extension { had, steps, last_rate, next_rate }) = trainer.extension() {
        note(format_args!(
            "the run was done after {had} steps and goes on to {steps}, along the schedule of a run of {steps} steps: the last step took the \
             learning rate {last_rate:.3e}, the next takes {next_rate:.3e}"
        ));
    }
}

/// Trains and tells, until the run is done or somebody wants it to stop.
fn follow(trainer: &mut Trainer, mut progress: Progress, path: &Path) -> anyhow::Result<()> {
    let first_step = trainer.step();
    let mut told = Ok(());
    let mut last_step = Instant::now();
    interrupt::during(Work::Training);
    let outcome = trainer.run(&mut |event: &Event| {
        match event {
            Event::Step(step) => {
                interrupt::keep();
                interrupt::step_took(last_step.elapsed());
                interrupt::during(if step.is_followed_by_evaluation { Work::Evaluating } else { Work::Training });
            }
            Event::Plan(_) | Event::Evaluation(_) | Event::Done(_) => interrupt::during(Work::Training),
            // What comes next is what it was before.
            Event::Checkpoint(_) => interrupt::keep(),
        }
        last_step = Instant::now();
        if told.is_ok() {
            told = progress.tell(event);
        }
        if told.is_err() || interrupt::wished() { Control::Stop } else { Control::Continue }
    });
    interrupt::during(Work::Preparing);
    progress.end();
    if let Some(profile) = trainer.profile() {
        progress.say(&profile.to_string())?;
    }
    let (program, run) = (program(), typed(path));
    match outcome? {
        Outcome::Done(done) if done.steps == first_step => {
            let more = 2 * done.steps;
            note(format_args!(
                "the run was done already; it goes on with more steps: {program} train --resume --run {run} --steps {more}"
            ));
        }
        Outcome::Done(_) => progress.say(&trained::what_to_try(trainer.config(), path))?,
        Outcome::Stopped { step, checkpoint: Some(_) } => {
            note(format_args!("stopped and saved at step {step}; go on with: {program} train --resume --run {run}"));
        }
        Outcome::Stopped { .. } => {
            interrupt::undo();
            note("stopped before the first step: nothing was saved");
        }
    }
    match told {
        // `train | head`: the run is saved, and how to go on was said.
        Err(error) if error.is::<ReaderGone>() => Ok(()),
        told => told,
    }
}

/// A run that was begun: its own config, unless an option says otherwise, which is refused by name.
fn job_of_run(arguments: &TrainArguments, Claim { run, start, .. }: &Claim) -> anyhow::Result<Job> {
    let config = run.read_config()?;
    let tokenizer = run.read_tokenizer()?;
    let handling = Handling::as_learned(&config.data)?;
    let asked = arguments.data.data.as_deref().map(|name| Material::open(name, &handling)).transpose()?;
    let config = resume::config(arguments, run, &config, asked.as_ref(), start)?;
    let material = match asked {
        Some(material) => material,
        None => Material::of_section(&config.data)?,
    };
    let exclude = Material::excludes_duplicates(&config.data);
    Ok(Job { config, tokenizer, texts: material.read(exclude)?, material })
}

/// A run that begins: config and tokenizer are made from options and data.
fn fresh_job(arguments: &TrainArguments, progress: &Progress) -> anyhow::Result<Job> {
    let source = arguments.model.init_from.as_deref().map(initial).transpose()?;
    let mut recipe = match &source {
        // Its model is the default: with any other shape there is nothing to start from.
        Some((_, config, _)) if arguments.model.preset.is_none() => {
            let chat = Recipe::asked(&Default::default(), &Default::default())?;
            Recipe { model: config.model.clone(), ..chat }.changed(&arguments.model, &arguments.step)?
        }
        _ => Recipe::asked(&arguments.model, &arguments.step)?,
    };
    let material = match &arguments.data.data {
        Some(name) => Material::open(name, &Handling::of_options(&arguments.data))?,
        None => Material::at_hand(),
    };
    material.refuse_unused(&arguments.data)?;
    if arguments.data.data.is_none() && material.is_sample() {
        let places: Vec<String> = material::places().iter().map(|place| place.display().to_string()).collect();
        // Without a home there is no place to look in.
        let nowhere = if places.is_empty() { String::new() } else { format!(" in {}", places.join(" or ")) };
        progress
            .say(&format!("there is no MultiWOZ{nowhere}: the embedded sample will do (--data PATH takes your own)"))?;
    }
    if !material.is_sample() {
        claim::keep_apart(arguments, material.path())?;
    }
    let texts = material.read(arguments.data.exclude_duplicates)?;
    if let Texts::Bytes(text) = &texts {
        let (all, train) = (text.len(), Corpus::train_bytes(text.len()));
        ensure!(
            train >= recipe.length,
            "{} has {all} bytes, of which {train} are trained on; a row has {} tokens: take a longer text or a shorter --length",
            material.path().display(),
            recipe.length
        );
    }
    let tokenizer = match source {
        Some((_, _, tokenizer)) => tokenizer,
        None => make_tokenizer(arguments, &texts, &mut recipe)?,
    };
    let minutes = if material.is_sample() { SAMPLE_MINUTES } else { DATA_MINUTES };
    let mut training = recipe.training(recipe.duration.unwrap_or(Duration::Minutes(minutes)));
    training.save_every = arguments.run.save_every.map_or(training.save_every, |steps| steps as u64);
    training.evaluate_every = arguments.run.evaluate_every.map_or(training.evaluate_every, |steps| steps as u64);
    training.init_from = arguments.model.init_from.as_deref().map(resume::whole_path).transpose()?;
    let config = RunConfig::new(recipe.model, training.to_value(), material.section(arguments.data.exclude_duplicates));
    Ok(Job { config, tokenizer, texts, material })
}

/// A run to start from: its folder, config and tokenizer.
fn initial(path: &Path) -> anyhow::Result<(RunFolder, RunConfig, Tokenizer)> {
    if let Err(SessionError::NoRun { .. }) = RunFolder::open(path) {
        bail!("--init-from {}", not_a_run(path));
    }
    let read = || -> Result<_, SessionError> {
        let run = RunFolder::open(path)?;
        let (config, tokenizer) = (run.read_config()?, run.read_tokenizer()?);
        Ok((run, config, tokenizer))
    };
    read().context("--init-from names a run that can't be read")
}

/// Bytes for a text, and where the model has room for no more; else byte pairs from the training split.
fn make_tokenizer(arguments: &TrainArguments, texts: &Texts, recipe: &mut Recipe) -> anyhow::Result<Tokenizer> {
    let bytes = Tokenizer::bytes();
    match texts {
        Texts::Bytes(_) => {
            if let Some(vocabulary) = arguments.model.vocabulary
                && vocabulary != bytes.vocabulary()
            {
                bail!(
                    "--vocabulary {vocabulary}: a text file is learned as bytes, which are {} tokens; leave it out",
                    bytes.vocabulary()
                );
            }
            recipe.model.vocabulary = bytes.vocabulary();
            Ok(bytes)
        }
        Texts::Dialogues { .. } if recipe.model.vocabulary == bytes.vocabulary() => Ok(bytes),
        Texts::Dialogues { train, .. } => {
            let texts = train.iter().flatten().map(|(_, text)| text.as_str());
            let threads = machine::available(arguments.machine.threads);
            Ok(Tokenizer::train_byte_pair(texts, recipe.model.vocabulary, threads)?)
        }
    }
}

/// What is about to happen, for people.
fn introduce(progress: &Progress, job: &Job, plan: &StepPlan, run: &Path, backend: &str) -> anyhow::Result<()> {
    let training = &job.config.training;
    let number = |field: &str| training[field].as_u64().unwrap_or(0);
    let long = match (&training["steps"], &training["minutes"]) {
        (Value::Null, minutes) => {
            format!("about {}", Seconds(60.0 * minutes.as_f64().unwrap_or(0.0)))
        }
        (steps, _) => format!("{steps} steps"),
    };
    let tokens = number("length") * number("batch") * number("accumulate");
    progress.say(&format!(
        "data    {} ({}): {}",
        job.material.path().display(),
        job.material.layout(),
        job.texts.describe()
    ))?;
    progress.say(&format!("model   {}", describe_model(&job.config.model)))?;
    progress.say(&format!(
        "step    {tokens} tokens, {}FLOP, {} at the peak ({}) on {backend}",
        Count(plan.flops as f64),
        Bytes(plan.peak_bytes()),
        describe_choice(plan.choice, &job.config.model)
    ))?;
    let free = machine::free_bytes();
    if plan.peak_bytes() > free {
        note(format_args!(
            "the system has {} free, less than the step takes: it may end the run; --memory-limit min takes least",
            Bytes(free)
        ));
    }
    progress.say(&format!("run     {}, for {long}; Ctrl-C saves and stops", typed(run)))
}
