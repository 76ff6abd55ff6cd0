//! `reformer plan`: what a training step takes, as a table, as JSON or as a picture. Planning itself is `trainer`'s.

use crate::arguments::PlanArguments;
use crate::machine;
use crate::named_file::{Named, drawn, is_drawn};
use crate::output::{self, note};
use crate::picture;
use crate::presets::{Duration, Recipe};
use crate::quantities::{Bytes, Count, MemoryWish};
use crate::typed::typed;
use anyhow::anyhow;
use reformer_model::{MemoryChoice, MemoryLimit, ModelConfig};
use reformer_tensor::{Backend, IMPOSSIBLE_BYTES, LiveValue, PlanError};
use reformer_trainer::{Event, StepPlan, TrainError};
use serde_json::{Map, Value, json};

/// Values alive at the peak that the table lists; JSON has all.
const LISTED_VALUES: usize = 12;
/// What its picture is marked with.
const PICTURE: &str = "plan";
/// A plan is the same however long the run is; a config must say something.
const ANY_DURATION: Duration = Duration::Steps(1);

/// Runs the command.
///
/// # Errors
/// An impossible option, or what can't fit.
pub fn run(arguments: &PlanArguments) -> anyhow::Result<()> {
    let train = &arguments.train;
    let recipe = Recipe::asked(&train.model, &train.step)?;
    let backend = machine::planning_backend(&train.machine)?;
    let wish = train.memory.memory_limit.unwrap_or_default();
    let limit = machine::memory_limit(wish);
    let training = recipe.training(recipe.duration.unwrap_or(ANY_DURATION));
    let step = StepPlan::new(&recipe.model, &training, backend.as_ref(), limit)
        .map_err(|error| memory_in_words(error, wish))?;
    if let Some(path) = &arguments.picture {
        let title = format!("One training step, {} tokens: {}", recipe.length * recipe.batch, Bytes(step.peak_bytes()));
        let svg = picture::memory_over_step(&step.training, step.moment_bytes(), &title);
        let named = Named { option: "--picture", path, force: train.run.force, how_to_force: "--force" };
        named.write(drawn(&svg, PICTURE).as_bytes(), |there| is_drawn(there, PICTURE))?;
        note(format_args!("memory over the step: {}", typed(path)));
    }
    if train.run.json {
        output::line(event(&step, backend.as_ref())?)
    } else if train.run.quiet {
        output::line(Bytes(step.peak_bytes()))
    } else {
        output::text_now(table(&recipe, &step, backend.as_ref(), limit))
    }
}

/// A plan that doesn't fit, in sizes that people read; `wish` is the limit that was asked for.
pub fn memory_in_words(error: TrainError, wish: MemoryWish) -> anyhow::Error {
    match error {
        TrainError::Plan(PlanError::Memory { needed, .. }) if needed >= IMPOSSIBLE_BYTES => anyhow!(
            "--backend gpu: a step has a tensor that can't be cut into what the device binds at once, or a launch that can't be cut into \
             what drivers let run: lower --window or --rounds where they are large, else --vocabulary or --width"
        ),
        TrainError::Plan(PlanError::Memory { needed, limit }) => anyhow!(
            "--memory-limit: a step takes at least {}, and may take {}{}: lower --length, --batch, --layers or --width, or allow more",
            Bytes(needed),
            Bytes(limit),
            machine::describe_limit(wish)
        ),
        other => other.into(),
    }
}

/// What the peak consists of; the sum is the plan's peak.
fn parts(step: &StepPlan) -> Vec<(&'static str, u64)> {
    let plan = &step.training;
    // A parameter has a gradient sum of its own size.
    let gradients = plan.state_bytes / 2;
    let slots: u64 = plan.slots.iter().map(|slot| slot.bytes).sum();
    let alive: u64 = plan.alive_at_peak().iter().map(|value| value.bytes).sum();
    vec![
        ("parameters", plan.state_bytes - gradients),
        ("gradients", gradients),
        ("moments", step.moment_bytes()),
        ("inputs", plan.input_bytes),
        ("scratch", plan.scratch_bytes),
        ("alive", alive),
        ("unused", slots.saturating_sub(alive)),
    ]
}

/// The `plan` event of `train`, with what the peak consists of.
fn event(step: &StepPlan, backend: &dyn Backend) -> anyhow::Result<Value> {
    let mut event = serde_json::to_value(Event::Plan(step.event(backend)))?;
    let alive = step.training.alive_at_peak().into_iter();
    let ops = alive.map(|LiveValue { name, scope, bytes }| json!({ "name": name, "scope": scope, "bytes": bytes }));
    event["peak_ops"] = Value::Array(ops.collect());
    let parts = parts(step).into_iter().map(|(name, bytes)| (name.to_owned(), bytes.into()));
    event["peak_parts"] = Value::Object(parts.collect::<Map<_, _>>());
    Ok(event)
}

/// `4 of 4 layers stored, 2 of 8 heads at a time`.
pub fn describe_choice(choice: MemoryChoice, model: &ModelConfig) -> String {
    let MemoryChoice { head_group, stored_layers } = choice;
    let heads = if head_group >= model.heads {
        "all heads".to_owned()
    } else {
        format!("{head_group} of {} heads", model.heads)
    };
    format!("{stored_layers} of {} layers stored, {heads} at a time", model.layers)
}

/// Op and scope that run at the peak: `attention_gradient in layer 3, attention, backward`.
fn peak_name(plan: &reformer_tensor::Plan) -> String {
    match plan.schedule.get(plan.peak_step()) {
        Some(&at) => {
            let instruction = &plan.program.instructions[at];
            format!("{} in {}", instruction.op.name(), plan.program.scopes[instruction.scope])
        }
        None => "nothing".to_owned(),
    }
}

fn table(recipe: &Recipe, step: &StepPlan, backend: &dyn Backend, limit: MemoryLimit) -> String {
    let limit = match limit {
        MemoryLimit::Bytes(bytes) => format!("it may take {}", Bytes(bytes)),
        MemoryLimit::Minimum => "as little as possible".to_owned(),
    };
    let rows = if recipe.batch == 1 { "row" } else { "rows" };
    let times = if recipe.accumulate == 1 { String::new() } else { format!("{} times ", recipe.accumulate) };
    let mut text = format!(
        "plan: one training step on {}\n  tokens    {times}{} {rows} of {}\n  model     {}\n",
        backend.machine(),
        recipe.batch,
        recipe.length,
        describe_model(&recipe.model),
    );
    let (ops, slots) = (step.training.schedule.len(), step.training.slots.len());
    text += &format!("  program   {ops} ops in {slots} slots, {}FLOP a step\n", Count(step.flops as f64));
    text += &format!("  memory    {} ({limit})\n", describe_choice(step.choice, &recipe.model));
    text += &format!(
        "  peak      {} at op {} ({})\n",
        Bytes(step.peak_bytes()),
        step.training.peak_step() + 1,
        peak_name(&step.training)
    );
    let parts: Vec<String> = parts(step).iter().map(|&(name, bytes)| format!("{name} {}", Bytes(bytes))).collect();
    text += &format!("  of which  {}\n  alive at the peak:\n", parts.join(", "));
    let alive = step.training.alive_at_peak();
    for value in alive.iter().take(LISTED_VALUES) {
        text += &format!("  {:>12}  {} ({})\n", Bytes(value.bytes).to_string(), value.name, value.scope);
    }
    if alive.len() > LISTED_VALUES {
        let rest = &alive[LISTED_VALUES..];
        let bytes = rest.iter().map(|value| value.bytes).sum();
        text += &format!("  {:>12}  {} more\n", Bytes(bytes).to_string(), rest.len());
    }
    text + "Nothing has run. The same options with `train` start it.\n"
}

/// `4 layers (local, lsh), width 256, 4 heads, feed-forward 1024, vocabulary 4096: 6.30 M parameters`.
pub fn describe_model(model: &ModelConfig) -> String {
    let kinds: Vec<String> = model.pattern.iter().map(|kind| format!("{kind:?}").to_lowercase()).collect();
    format!(
        "{} layers ({}), width {}, {} heads, feed-forward {}, vocabulary {}: {} parameters",
        model.layers,
        kinds.join(", "),
        model.width,
        model.heads,
        model.feed_forward,
        model.vocabulary,
        Count(model.parameter_count() as f64)
    )
}
