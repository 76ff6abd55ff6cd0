//! The `training` section of a run's config: everything beside model and data that decides its bits. Threads and memory are not in it,
//! since they decide none.

use crate::TrainError;
use reformer_autodiff::Optimiser;
use reformer_model::ModelConfig;
use reformer_session::{RunConfig, RunFolder, SessionError, StoredPath, read_section};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;

/// With `minutes`, so many steps are measured before the number of steps is fixed.
pub const MEASURED_STEPS: u64 = 20;
/// Measuring may start anew in each of the first [`MEASURED_STEPS`] steps (a resumed run), so the rate must not depend on the
/// number of steps for twice as many.
pub(crate) const LEAST_WARMUP_WITH_MINUTES: u64 = 2 * MEASURED_STEPS;
/// Tokens between evaluations, and between checkpoints, unless said otherwise: half a minute of the chat preset on two cores.
const TOKENS_BETWEEN: u64 = 1 << 19;
/// The longest warm-up unless said otherwise: AdamW's second moment has seen enough by then.
const MOST_WARMUP: u64 = 100;
/// The most steps between evaluations unless said otherwise.
const MOST_STEPS_BETWEEN: u64 = 100;
/// Steps are numbered with 32 bits where random keys derive from them.
const MOST_STEPS: u64 = u32::MAX as u64;
/// Rows are numbered with 32 bits, and counted in f32 where losses are weighted.
const MOST_TOKENS: usize = 1 << 30;

/// What a training run does, beside its model and its data.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingConfig {
    /// The longest piece of text in tokens, at least 2: longer examples are cut (and at the model's `max_positions`, if that is less).
    pub length: usize,
    /// `length` times this many tokens are computed together. Pieces fill them up one behind the other, each a segment of its own.
    pub batch: usize,
    /// Batches whose gradients are summed for one step.
    pub accumulate: usize,
    /// Steps of the whole run; none until a run of so many `minutes` has fixed it.
    pub steps: Option<u64>,
    /// About how long the run takes; none if the steps were given.
    pub minutes: Option<f64>,
    /// The highest learning rate.
    pub learning_rate: f32,
    /// Steps over which the rate rises to its highest.
    pub warmup: u64,
    /// The rate at the end of the run, as a share of the highest.
    pub final_rate_share: f32,
    /// Gradients are scaled down to this norm where they are longer; 0: never.
    pub clip: f32,
    /// AdamW's constants.
    pub optimiser: OptimiserConfig,
    /// Where all random numbers come from.
    pub seed: u64,
    /// Steps between evaluations on a part of the validation split.
    pub evaluate_every: u64,
    /// Steps between checkpoints.
    pub save_every: u64,
    /// What `evaluate_every` was when the run began, where that is another by now: the part of the split that is evaluated has the size
    /// that it had then, so that its losses can be compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_evaluate_every: Option<u64>,
    /// The run whose parameters this one started from.
    pub init_from: Option<StoredPath>,
}

/// AdamW's constants.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OptimiserConfig {
    /// Decay of the first moment.
    pub beta1: f32,
    /// Decay of the second moment.
    pub beta2: f32,
    /// Added to the root of the second moment.
    pub epsilon: f32,
    /// Weight decay of matrices.
    pub decay: f32,
}

impl From<OptimiserConfig> for Optimiser {
    fn from(config: OptimiserConfig) -> Self {
        let OptimiserConfig { beta1, beta2, epsilon, decay } = config;
        Self { beta1, beta2, epsilon, decay }
    }
}

impl Default for OptimiserConfig {
    /// [`Optimiser::default`].
    fn default() -> Self {
        let Optimiser { beta1, beta2, epsilon, decay } = Optimiser::default();
        Self { beta1, beta2, epsilon, decay }
    }
}

/// How long a run is.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Duration {
    /// So many steps.
    Steps(u64),
    /// About so many minutes: after [`MEASURED_STEPS`] steps the number that fits is fixed.
    Minutes(f64),
}

impl TrainingConfig {
    /// A config with the usual values: one batch a step; the rate rises over 100 steps (over a tenth of a run that is shorter than 1000, over 40
    /// where steps are so large that minutes hold few), then falls along a cosine; clipping at 1; evaluation and a checkpoint every 100
    /// steps or half a million tokens.
    pub fn new(length: usize, batch: usize, duration: Duration, learning_rate: f32, seed: u64) -> Self {
        let tokens = (length as u64).saturating_mul(batch as u64).max(1);
        let between = (TOKENS_BETWEEN / tokens).clamp(1, MOST_STEPS_BETWEEN);
        let (steps, minutes, warmup) = match duration {
            Duration::Steps(steps) => (Some(steps), None, (steps / 10).clamp(1, MOST_WARMUP)),
            Duration::Minutes(minutes) => (None, Some(minutes), between.clamp(LEAST_WARMUP_WITH_MINUTES, MOST_WARMUP)),
        };
        Self {
            length,
            batch,
            accumulate: 1,
            steps,
            minutes,
            learning_rate,
            warmup,
            final_rate_share: 0.1,
            clip: 1.0,
            optimiser: OptimiserConfig::default(),
            seed,
            evaluate_every: between,
            save_every: between,
            first_evaluate_every: None,
            init_from: None,
        }
    }

    /// Reads the section of a run's config.
    ///
    /// # Errors
    /// With file, field and value.
    pub fn of(run: &RunFolder, config: &RunConfig) -> Result<Self, TrainError> {
        let training: Self = read_section(&run.config_path(), "training", &config.training)?;
        let named = |error: TrainError| SessionError::Format { path: run.config_path(), message: error.to_string() };
        training.validate().map_err(named)?;
        Ok(training)
    }

    /// The section as JSON: what belongs into [`RunConfig::training`].
    pub fn to_value(&self) -> Value {
        plain(self)
    }

    /// Rows of one run of the training program: `length`·`batch`.
    pub fn rows(&self) -> usize {
        self.length * self.batch
    }

    /// Refuses impossible values by name.
    ///
    /// # Errors
    /// The first field that is impossible.
    pub fn validate(&self) -> Result<(), TrainError> {
        let refuse =
            |field: &'static str, value: String, advice: &'static str| Err(TrainError::Config { field, value, advice });
        if self.length < 2 {
            return refuse("length", self.length.to_string(), "a row needs at least 2 tokens");
        }
        for (field, value) in [("length", self.length), ("batch", self.batch), ("accumulate", self.accumulate)] {
            if value == 0 || value > MOST_TOKENS {
                return refuse(field, value.to_string(), "it must be at least 1 and at most 1073741824");
            }
        }
        let tokens = self.length.checked_mul(self.batch).and_then(|rows| rows.checked_mul(self.accumulate));
        if tokens.is_none_or(|tokens| tokens == 0 || tokens > MOST_TOKENS) {
            let value = format!("{} (with length {} and accumulate {})", self.batch, self.length, self.accumulate);
            return refuse("batch", value, "length times batch times accumulate must be from 1 to 1073741824 tokens");
        }
        let counts = [
            ("steps", self.steps.unwrap_or(1)),
            ("warmup", self.warmup),
            ("evaluate_every", self.evaluate_every),
            ("save_every", self.save_every),
            ("first_evaluate_every", self.first_evaluate_every.unwrap_or(1)),
        ];
        for (field, value) in counts {
            if value == 0 || value > MOST_STEPS {
                return refuse(field, value.to_string(), "it must be at least 1 and at most 4294967295");
            }
        }
        if let Some(minutes) = self.minutes
            && !(minutes.is_finite() && minutes > 0.0)
        {
            return refuse("minutes", minutes.to_string(), "it must be above 0");
        }
        match (self.steps, self.minutes) {
            (None, None) => return refuse("steps", "null".to_owned(), "give steps or minutes"),
            (_, Some(_)) if self.warmup < LEAST_WARMUP_WITH_MINUTES => {
                return refuse("warmup", self.warmup.to_string(), "with minutes it must be at least 40 steps");
            }
            _ => {}
        }
        let OptimiserConfig { beta1, beta2, epsilon, decay } = self.optimiser;
        let positive = f32::MIN_POSITIVE..=f32::MAX;
        let numbers = [
            ("learning_rate", self.learning_rate, positive.clone(), "it must be above 0"),
            ("final_rate_share", self.final_rate_share, 0.0..=1.0, "it must be from 0 to 1"),
            ("clip", self.clip, 0.0..=f32::MAX, "it must be 0 (no clipping) or above"),
            ("optimiser.beta1", beta1, 0.0..=1.0 - f32::EPSILON, "it must be at least 0 and below 1"),
            ("optimiser.beta2", beta2, 0.0..=1.0 - f32::EPSILON, "it must be at least 0 and below 1"),
            ("optimiser.epsilon", epsilon, positive, "it must be above 0"),
            ("optimiser.decay", decay, 0.0..=f32::MAX, "it must be at least 0"),
        ];
        for (field, value, allowed, advice) in numbers {
            if !allowed.contains(&value) {
                return refuse(field, value.to_string(), advice);
            }
        }
        Ok(())
    }
}

/// A field in which two configs differ.
#[derive(Clone, PartialEq, Debug)]
pub struct Difference {
    /// The field with its sections: `training.batch`, `model.layers`.
    pub field: String,
    /// What the run has.
    pub run: Value,
    /// What was asked for.
    pub wanted: Value,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is {} in the run, {} was asked for", self.field, self.run, self.wanted)
    }
}

/// Every field in which `wanted` differs from the config of a run, in name order. A run may go on on any machine.
pub fn differences(run: &RunConfig, wanted: &RunConfig) -> Vec<Difference> {
    let mut found = Vec::new();
    let anywhere = |config: &RunConfig| plain(&RunConfig { machines: Vec::new(), ..config.clone() });
    compare(String::new(), &anywhere(run), &anywhere(wanted), &mut found);
    found
}

/// Every field in which two models differ.
pub(crate) fn model_differences(run: &ModelConfig, wanted: &ModelConfig) -> Vec<Difference> {
    let mut found = Vec::new();
    compare("model".to_owned(), &plain(run), &plain(wanted), &mut found);
    found
}

fn compare(field: String, run: &Value, wanted: &Value, found: &mut Vec<Difference>) {
    match (run, wanted) {
        (Value::Object(a), Value::Object(b)) => {
            let mut names: Vec<&String> = a.keys().chain(b.keys()).collect();
            names.sort();
            names.dedup();
            for name in names {
                let field = if field.is_empty() { name.clone() } else { format!("{field}.{name}") };
                let of = |side: &serde_json::Map<String, Value>| side.get(name).cloned().unwrap_or(Value::Null);
                compare(field, &of(a), &of(b), found);
            }
        }
        _ if run != wanted => found.push(Difference { field, run: run.clone(), wanted: wanted.clone() }),
        _ => {}
    }
}

/// As JSON text says it: an f32 is its shortest decimal number, and not that of the double next to it.
fn plain<T: Serialize>(value: &T) -> Value {
    let text = serde_json::to_string(value).expect("a config has string keys and no failing serializer");
    serde_json::from_str(&text).expect("what serde_json wrote it reads")
}

/// Fixes the number of steps, in the run's folder too.
pub(crate) fn fix_steps(
    run: &RunFolder,
    config: &mut RunConfig,
    training: &mut TrainingConfig,
    steps: u64,
) -> Result<(), SessionError> {
    training.steps = Some(steps);
    config.training = training.to_value();
    run.write_config(config)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn config() -> TrainingConfig {
        TrainingConfig::new(512, 8, Duration::Steps(300), 2e-3, 7)
    }

    #[test]
    fn usual_configs_are_possible_and_survive_json() {
        for duration in [Duration::Steps(1), Duration::Steps(300), Duration::Minutes(0.5)] {
            let config = TrainingConfig::new(512, 8, duration, 2e-3, 7);
            config.validate().unwrap();
            assert_eq!(config.to_value()["learning_rate"], json!(0.002), "an f32 as people write it");
            assert_eq!(serde_json::from_value::<TrainingConfig>(config.to_value()).unwrap(), config);
        }
        let book = TrainingConfig::new(65_536, 1, Duration::Minutes(60.0), 1e-3, 0);
        assert_eq!((book.evaluate_every, book.save_every), (8, 8), "a long step is saved often");
    }

    #[test]
    fn impossible_values_are_refused_by_name() {
        let rows: [(fn(&mut TrainingConfig), &str); 9] = [
            (|c| c.length = 1, "`length` is 1: a row needs at least 2 tokens"),
            (|c| c.batch = 0, "`batch` is 0: it must be at least 1 and at most 1073741824"),
            (|c| c.length = 1 << 40, "`length` is 1099511627776: it must be at least 1 and at most 1073741824"),
            (
                |c| c.accumulate = 1 << 20,
                "`batch` is 8 (with length 512 and accumulate 1048576): length times batch times",
            ),
            (|c| c.steps = None, "give steps or minutes"),
            (|c| c.steps = Some(0), "`steps` is 0"),
            (|c| c.minutes = Some(f64::NAN), "`minutes` is NaN"),
            (|c| c.learning_rate = f32::NAN, "`learning_rate` is NaN: it must be above 0"),
            (|c| c.optimiser.beta2 = 1.0, "`optimiser.beta2` is 1"),
        ];
        for (change, message) in rows {
            let mut config = config();
            change(&mut config);
            let error = config.validate().expect_err(message).to_string();
            assert!(error.contains(message), "expected {message:?} in: {error}");
        }
        let short = TrainingConfig { minutes: Some(1.0), warmup: 39, ..config() };
        assert!(
            short.validate().unwrap_err().to_string().contains("`warmup` is 39"),
            "the rate would depend on the total"
        );
        let mut value = config().to_value();
        value["lenght"] = 3.into();
        let error = serde_json::from_value::<TrainingConfig>(value).unwrap_err().to_string();
        assert!(error.contains("unknown field `lenght`"), "{error}");
    }

    #[test]
    fn differences_are_named_with_both_values() {
        let run = |change: fn(&mut TrainingConfig, &mut ModelConfig)| {
            let (mut training, mut model) = (config(), ModelConfig::tiny());
            change(&mut training, &mut model);
            RunConfig::new(model, training.to_value(), json!({"source": "sample"}))
        };
        let same = run(|_, _| {});
        assert_eq!(differences(&same, &same), []);
        let other = run(|training, model| {
            training.batch = 16;
            training.optimiser.beta1 = 0.5;
            model.layers = 3;
        });
        let text: Vec<String> = differences(&same, &other).iter().map(ToString::to_string).collect();
        let expected = [
            "`model.layers` is 2 in the run, 3 was asked for",
            "`training.batch` is 8 in the run, 16 was asked for",
            "`training.optimiser.beta1` is 0.9 in the run, 0.5 was asked for",
        ];
        assert_eq!(text, expected);
    }
}
