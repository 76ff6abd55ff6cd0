//! `reformer info`: what a run is, and what there is to run on. It needs no lock: a run may be looked at while it trains.

use crate::arguments::InfoArguments;
use crate::plan::describe_model;
use crate::quantities::Seconds;
use crate::{graphics, machine, output, trained};
use reformer_cpu::{Cpu, Level};
use reformer_oracle::Oracle;
use reformer_session::{RunConfig, RunFolder, Tokenizer};
use reformer_tensor::Backend;
use reformer_trainer::TrainerState;
use serde_json::{Value, json};
use std::fs;

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
    let (step, evaluation) = last_metrics(&run);
    if arguments.json {
        return output::line(json!({
            "run": run.path(),
            "step": checkpoints.last().map_or(0, |checkpoint| checkpoint.step),
            "steps": config.training["steps"],
            "finished": checkpoints.last().is_some_and(|checkpoint| checkpoint.state.finished),
            "parameters": config.model.parameter_count(),
            "parameters_sha256": checkpoints.last().map(|checkpoint| &checkpoint.parameters_sha256),
            "tokenizer": { "kind": tokenizer.kind(), "vocabulary": tokenizer.vocabulary() },
            "last_step": step,
            "last_evaluation": evaluation,
            "checkpoints": checkpoints.iter().map(|checkpoint| json!({
                "step": checkpoint.step,
                "evaluation_loss": checkpoint.evaluation_loss,
                "path": checkpoint.path,
            })).collect::<Vec<_>>(),
            "config": config,
        }));
    }
    output::text_now(text(&run, &config, &tokenizer, &checkpoints, &step, &evaluation))
}

/// What a checkpoint says of itself.
struct Saved {
    step: u64,
    path: String,
    evaluation_loss: Option<f64>,
    parameters_sha256: String,
    state: TrainerState,
}

fn checkpoints(run: &RunFolder) -> anyhow::Result<Vec<Saved>> {
    let mut found = Vec::new();
    for checkpoint in run.checkpoints().all()? {
        let state = checkpoint.state::<TrainerState>()?;
        found.push(Saved {
            step: state.step,
            path: checkpoint.path().display().to_string(),
            evaluation_loss: state.evaluation_loss,
            parameters_sha256: state.parameters_sha256,
            state: state.trainer,
        });
    }
    Ok(found)
}

/// The last step and the last evaluation in `metrics.jsonl`; null where there is none. A last line that is being written is
/// passed over.
fn last_metrics(run: &RunFolder) -> (Value, Value) {
    let text = fs::read_to_string(run.metrics_path()).unwrap_or_default();
    let last = |event: &str| {
        let mut lines = text.lines().rev().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.find(|line| line["event"] == event).unwrap_or(Value::Null)
    };
    (last("step"), last("evaluation"))
}

fn text(
    run: &RunFolder,
    config: &RunConfig,
    tokenizer: &Tokenizer,
    checkpoints: &[Saved],
    step: &Value,
    evaluation: &Value,
) -> String {
    let training = &config.training;
    let word = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut text = format!("run         {}\n", run.path().display());
    text += &format!("data        {} ({})\n", word(&config.data["path"]), word(&config.data["layout"]));
    text += &format!("tokenizer   {}, {} tokens\n", tokenizer.kind(), tokenizer.vocabulary());
    text += &format!("model       {}\n", describe_model(&config.model));
    text += &format!(
        "step        {} × {} rows of {} tokens, learning rate {}, seed {}\n",
        training["accumulate"], training["batch"], training["length"], training["learning_rate"], training["seed"]
    );
    let of = match &training["steps"] {
        Value::Null => format!("for {} minutes", training["minutes"]),
        steps => format!("of {steps} steps"),
    };
    text += &match checkpoints.last() {
        None => format!("trained     not saved yet, {of}\n"),
        Some(Saved { step, state, .. }) => {
            let end = if state.finished { ", done" } else { "; `train --resume` goes on" };
            format!("trained     {step} {of} in {}, {} tokens{end}\n", Seconds(state.seconds), state.tokens)
        }
    };
    if let (Some(number), Some(loss)) = (step["step"].as_u64(), step["loss"].as_f64()) {
        text += &format!("last loss   {loss:.4} at step {number}\n");
    }
    if let (Some(number), Some(bits)) = (evaluation["step"].as_u64(), evaluation["bits_per_byte"].as_f64()) {
        let perplexity = evaluation["perplexity"].as_f64().unwrap_or(f64::NAN);
        text += &format!("validation  {bits:.4} bits per byte, perplexity {perplexity:.3} at step {number}\n");
    }
    for saved in checkpoints {
        let loss = saved.evaluation_loss.map(|loss| format!(", validation loss {loss:.4}")).unwrap_or_default();
        text += &format!("checkpoint  {}{loss}\n", saved.path);
    }
    text
}

/// One line for each backend, and for each adapter of the GPU's: name, what it runs on, and a remark.
fn adapters(json: bool) -> anyhow::Result<()> {
    let levels: Vec<&str> = Level::available().into_iter().map(Level::name).collect();
    let mut list = vec![
        ("cpu", Some(Cpu::new(0).adapter()), format!("SIMD levels here: {}", levels.join(", "))),
        ("oracle", Some(Oracle::new().adapter()), "slow and exact, for comparison".to_owned()),
    ];
    let gpus = graphics::list();
    if gpus.is_empty() {
        list.push(("gpu", None, graphics::NONE.to_owned()));
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
