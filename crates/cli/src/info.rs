//! `reformer info`: what a run is, and what there is to run on. It needs no lock: a run may be looked at while it trains.

use crate::arguments::InfoArguments;
use crate::plan::describe_model;
use crate::quantities::Seconds;
use crate::typed::{program, typed};
use crate::{graphics, machine, output, trained};
use reformer_cpu::{Environment, Level};
use reformer_oracle::Oracle;
use reformer_session::{
    Belonging, Checkpoint, RunConfig, RunFolder, SavedState, SessionError, StoredPath, Tokenizer, Weights,
    parameter_specs,
};
use reformer_tensor::Backend;
use reformer_trainer::{EvaluationEvent, Event, LastMetrics, TrainerState};
use serde::Deserialize;
use serde_json::{Value, json};

/// Runs the command.
///
/// # Errors
/// If the run can't be read.
pub fn run(arguments: &InfoArguments) -> anyhow::Result<()> {
    if arguments.adapters {
        return adapters(arguments.json);
    }
    let run = trained::choose(&arguments.run)?;
    let (config, tokenizer) = (run.read_config()?, run.read_tokenizer()?);
    let checkpoints = checkpoints(&run)?;
    let metrics = LastMetrics::of(&run)?;
    let newest = checkpoints.last().and_then(|saved| saved.state.as_ref().ok());
    let finished = newest.is_some_and(|state| is_finished(state, &config));
    let usable = Usable::find(&run, &config, &tokenizer)?;
    if arguments.json {
        return output::line(json!({
            "run": StoredPath::from(run.path()),
            "step": checkpoints.last().map_or(usable.exported_step.unwrap_or(0), |saved| saved.checkpoint.step()),
            "steps": config.training["steps"],
            "finished": finished,
            "exported": run.is_exported(),
            "can_talk": usable.talk.is_ok(),
            "can_resume": usable.resume.is_ok(),
            "obstacles": usable.obstacles(),
            "parameters": config.model.parameter_count(),
            "parameters_sha256": newest.map(|state| &state.parameters_sha256),
            "tokenizer": { "kind": tokenizer.kind(), "vocabulary": tokenizer.vocabulary() },
            "last_step": metrics.step.map(Event::Step),
            "last_evaluation": metrics.evaluation.map(Event::Evaluation),
            "unreadable_metrics": metrics.unreadable,
            "checkpoints": checkpoints.iter().map(|Saved { checkpoint, state }| json!({
                "step": checkpoint.step(),
                "evaluation_loss": state.as_ref().ok().and_then(|state| state.evaluation_loss),
                "path": StoredPath::from(checkpoint.path()),
                "damage": state.as_ref().err().map(SessionError::to_string),
            })).collect::<Vec<_>>(),
            "config": config,
        }));
    }
    output::text_now(text(&run, &config, &tokenizer, &checkpoints, &metrics) + &usable.text())
}

/// Whether the run has all the steps that its config asks for: it may ask for more since.
fn is_finished(state: &SavedState<TrainerState>, config: &RunConfig) -> bool {
    state.trainer.finished && config.training["steps"] == state.step
}

/// What can be done with the run as it lies there, or why not.
struct Usable {
    /// To generate, chat, evaluate and export.
    talk: Result<(), String>,
    /// To train on.
    resume: Result<(), String>,
    exported_step: Option<u64>,
}

impl Usable {
    fn find(run: &RunFolder, config: &RunConfig, tokenizer: &Tokenizer) -> anyhow::Result<Self> {
        let parameters = parameter_specs(&config.model);
        let found = Belonging::new(&config.model, Some(tokenizer))?;
        let said = |error: SessionError| error.to_string();
        let weights = Weights::newest(run, &parameters)
            .and_then(|weights| weights.belong_to(run, &found).map(|_| weights))
            .map_err(said);
        let resume = match &weights {
            Ok(Weights::Exported(_)) => {
                Err("these are exported weights, without the optimizer's state; `train --init-from` starts from them"
                    .to_owned())
            }
            // Its parameters are known to be whole by now.
            Ok(Weights::Checkpoint(newest)) => {
                newest.verify_optimizer().map_err(|error| said(run.checkpoints().advise(error, newest)))
            }
            Err(why) => Err(why.clone()),
        };
        let exported_step = weights.as_ref().ok().filter(|_| run.is_exported()).map(Weights::step);
        Ok(Self { talk: weights.map(drop), resume, exported_step })
    }

    /// Why something can't be done, each reason once.
    fn obstacles(&self) -> Vec<&String> {
        let mut all: Vec<&String> =
            [&self.talk, &self.resume].into_iter().filter_map(|can| can.as_ref().err()).collect();
        all.dedup();
        all
    }

    fn text(&self) -> String {
        match (&self.talk, &self.resume) {
            (Ok(()), Ok(())) => "usable      to talk to, to evaluate, to train on\n".to_owned(),
            (Ok(()), Err(why)) => format!("usable      to talk to and to evaluate, but not to train on: {why}\n"),
            (Err(why), _) => format!("usable      for nothing as it is: {why}\n"),
        }
    }
}

/// A checkpoint and what it says of itself. One that is damaged is told of among the others: this is where one looks what can be saved.
struct Saved {
    checkpoint: Checkpoint,
    state: Result<SavedState<TrainerState>, SessionError>,
}

fn checkpoints(run: &RunFolder) -> anyhow::Result<Vec<Saved>> {
    let all = run.checkpoints().all()?.into_iter();
    Ok(all.map(|checkpoint| Saved { state: checkpoint.state(), checkpoint }).collect())
}

fn text(
    run: &RunFolder,
    config: &RunConfig,
    tokenizer: &Tokenizer,
    checkpoints: &[Saved],
    metrics: &LastMetrics,
) -> String {
    let training = &config.training;
    let word = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    // What the file says may be no path.
    let data = StoredPath::deserialize(&config.data["path"])
        .map_or_else(|_| word(&config.data["path"]), |path| path.to_string());
    let mut text = format!("run         {}\n", run.path().display());
    text += &format!("data        {data} ({})\n", word(&config.data["layout"]));
    text += &format!("tokenizer   {}, {} tokens\n", tokenizer.kind(), tokenizer.vocabulary());
    text += &format!("model       {}\n", describe_model(&config.model));
    text += &format!(
        "step        {} × {} rows of {} tokens, learning rate {}, seed {}\n",
        training["accumulate"], training["batch"], training["length"], training["learning_rate"], training["seed"]
    );
    for machine in &config.machines {
        text += &format!("machine     {machine}\n");
    }
    let of = match &training["steps"] {
        Value::Null => format!("for {} minutes", training["minutes"]),
        steps => format!("of {steps} steps"),
    };
    text += &match checkpoints.last() {
        None if run.is_exported() => "trained     exported: weights alone\n".to_owned(),
        None => format!("trained     not saved yet, {of}\n"),
        Some(Saved { checkpoint, state: Ok(state) }) => {
            let trainer = &state.trainer;
            let go_on = || format!("; `{} train --resume --run {}` goes on", program(), typed(run.path()));
            let end = if is_finished(state, config) { ", done".to_owned() } else { go_on() };
            let (step, time) = (checkpoint.step(), Seconds(trainer.seconds));
            format!("trained     {step} {of} in {time}, {} tokens{end}\n", trainer.tokens)
        }
        Some(Saved { checkpoint, .. }) => {
            format!("trained     {} {of}, but the newest checkpoint is damaged\n", checkpoint.step())
        }
    };
    if let Some(event) = &metrics.step {
        text += &format!("last loss   {:.4} at step {}\n", event.loss, event.step);
    }
    if let Some(EvaluationEvent { step, perplexity, bits_per_byte, .. }) = &metrics.evaluation {
        text += &format!("validation  {bits_per_byte:.4} bits per byte, perplexity {perplexity:.3} at step {step}\n");
    }
    if let Some(first) = metrics.first_unreadable {
        let (count, path) = (metrics.unreadable, run.metrics_path());
        let lines = if count == 1 { "line" } else { "lines" };
        text +=
            &format!("metrics     {count} {lines} of {} can't be read, the first is line {first}\n", path.display());
    }
    for Saved { checkpoint, state } in checkpoints {
        let remark = match state {
            Ok(SavedState { evaluation_loss: Some(loss), .. }) => format!(", validation loss {loss:.4}"),
            Ok(_) => String::new(),
            Err(error) => format!(" ({error})"),
        };
        text += &format!("checkpoint  {}{remark}\n", checkpoint.path().display());
    }
    text
}

/// One line for each backend, and for each adapter of the GPU's: name, what it runs on, and a remark.
fn adapters(json: bool) -> anyhow::Result<()> {
    let levels: Vec<&str> = Level::available().into_iter().map(Level::name).collect();
    let mut list = vec![
        ("cpu", Some(Environment::detect(0).to_string()), format!("SIMD levels here: {}", levels.join(", "))),
        ("oracle", Some(Oracle::new().adapter()), "slow and exact, for comparison".to_owned()),
    ];
    let gpus = if machine::drivers_fit() { graphics::list() } else { Vec::new() };
    if gpus.is_empty() {
        list.push(("gpu", None, graphics::why_none()));
    }
    list.extend(gpus.into_iter().map(|gpu| ("gpu", Some(gpu.adapter), gpu.remark)));
    let automatic = machine::automatic();
    if json {
        let objects: Vec<Value> = list
            .iter()
            .map(|(backend, adapter, remark)| json!({ "backend": backend, "adapter": adapter, "remark": remark }))
            .collect();
        return output::line(json!({ "adapters": objects, "auto": automatic }));
    }
    let mut text = String::new();
    for (backend, adapter, remark) in &list {
        text += &match adapter {
            Some(adapter) => format!("{backend:8}{adapter} ({remark})\n"),
            None => format!("{backend:8}{remark}\n"),
        };
    }
    output::text_now(text + &format!("`--backend auto` takes {automatic}.\n"))
}
