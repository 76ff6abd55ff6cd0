//! The presets as a table, and how options change them. Knows no file, no data and no machine.

use crate::train_arguments::{ModelArguments, PrecisionName, PresetName, StepArguments};
use anyhow::ensure;
use reformer_model::{ModelConfig, Precision};
use reformer_session::Tokenizer;
pub use reformer_trainer::Duration;
use reformer_trainer::TrainingConfig;

/// An LSH hash costs the sum of the factors, so factors stay small (attention.md: 65536 tokens 32·32, 1048576 tokens 32·32·16).
const LARGEST_FACTOR: usize = 32;

/// What a training run is before data and machine are known.
#[derive(Clone, PartialEq, Debug)]
pub struct Recipe {
    /// The model; its vocabulary is what the tokenizer is asked for.
    pub model: ModelConfig,
    /// Tokens of the longest piece.
    pub length: usize,
    /// Rows of a batch.
    pub batch: usize,
    /// Batches of a step.
    pub accumulate: usize,
    /// The highest learning rate.
    pub learning_rate: f32,
    /// Where all random numbers come from.
    pub seed: u64,
    /// How long, where it was said or the preset says it; else it depends on the data.
    pub duration: Option<Duration>,
}

impl Recipe {
    /// A preset as it is.
    pub fn of(preset: PresetName) -> Self {
        let recipe = |model, length, batch, learning_rate, duration| Self {
            model,
            length,
            batch,
            accumulate: 1,
            learning_rate,
            seed: 0,
            duration,
        };
        match preset {
            // Rows hold whole dialogues: with shorter ones the later positions would never be trained. The rate is the best of
            // 0.003 (0.785 bits per byte on the sample after 1000 steps), 0.006 (0.668) and 0.01 (0.641).
            PresetName::Tiny => recipe(ModelConfig::tiny(), 512, 2, 1e-2, Some(Duration::Steps(1000))),
            // 4096 tokens a step: enough for a quiet gradient, and a step a second on two cores. Rows are as long as the positions, so
            // that all of them are trained and no dialogue is cut. The rate: after 200 steps of MultiWOZ the validation split has
            // 1.115 bits per byte with 0.002, 1.198 with 0.004, 1.355 with 0.008; 0.001 learns no faster.
            PresetName::Chat => recipe(ModelConfig::chat(), 2048, 2, 2e-3, None),
            PresetName::Book => recipe(ModelConfig::book(), 65_536, 1, 1e-3, Some(Duration::Minutes(60.0))),
        }
    }

    /// The recipe of a run that was made.
    pub fn of_run(model: &ModelConfig, training: &TrainingConfig) -> Self {
        Self {
            model: model.clone(),
            length: training.length,
            batch: training.batch,
            accumulate: training.accumulate,
            learning_rate: training.learning_rate,
            seed: training.seed,
            duration: None,
        }
    }

    /// The preset that was named, or the default, with what was asked for.
    ///
    /// # Errors
    /// An impossible value, by name.
    pub fn asked(model: &ModelArguments, step: &StepArguments) -> anyhow::Result<Self> {
        Self::of(model.preset.unwrap_or(PresetName::Chat)).changed(model, step)
    }

    /// The same with what was asked for.
    ///
    /// # Errors
    /// An impossible value, by name.
    pub fn changed(mut self, model: &ModelArguments, step: &StepArguments) -> anyhow::Result<Self> {
        self.length = step.length.unwrap_or(self.length);
        self.batch = step.batch.unwrap_or(self.batch);
        self.accumulate = step.accumulate.unwrap_or(self.accumulate);
        self.learning_rate = step.learning_rate.unwrap_or(self.learning_rate);
        self.seed = step.seed.unwrap_or(self.seed);
        self.duration = step.duration().or(self.duration);
        // A plan is refused what a run would be.
        self.training(self.duration.unwrap_or(Duration::Steps(1))).validate()?;
        self.change_model(model, step)?;
        Ok(self)
    }

    /// The training section of the run's config.
    pub fn training(&self, duration: Duration) -> TrainingConfig {
        let mut training = TrainingConfig::new(self.length, self.batch, duration, self.learning_rate, self.seed);
        training.accumulate = self.accumulate;
        training
    }

    fn change_model(&mut self, wish: &ModelArguments, step: &StepArguments) -> anyhow::Result<()> {
        let model = &mut self.model;
        model.layers = wish.layers.unwrap_or(model.layers);
        if let Some(pattern) = &wish.pattern {
            model.pattern = pattern.clone();
        }
        if let Some(width) = wish.width {
            model.feed_forward = width.saturating_mul(model.feed_forward / model.width);
            model.width = width;
        }
        model.heads = wish.heads.unwrap_or(model.heads);
        if wish.width.is_some() || wish.heads.is_some() {
            ensure!(
                model.width.is_multiple_of(model.heads),
                "--width {} does not divide into --heads {}: choose a width that is a multiple of the number of heads",
                model.width,
                model.heads
            );
            model.head_width = model.width / model.heads;
        }
        model.feed_forward = wish.feed_forward.unwrap_or(model.feed_forward);
        if let Some(tokens) = wish.vocabulary {
            let least = Tokenizer::bytes().vocabulary();
            ensure!(
                tokens >= least,
                "--vocabulary {tokens}: the special tokens and the single bytes are {least}: choose at least as many"
            );
            model.vocabulary = tokens;
        }
        model.rounds = wish.rounds.unwrap_or(model.rounds);
        model.window = wish.window.unwrap_or(model.window);
        model.dropout = step.dropout.unwrap_or(model.dropout);
        model.precision = step.precision.map_or(model.precision, Precision::from);
        if let Some(positions) = wish.max_positions {
            ensure!(
                positions >= self.length,
                "--max-positions {positions} is less than --length {}: a row may hold one text as long as itself; choose at least {}",
                self.length,
                self.length
            );
            model.max_positions = positions;
        } else if step.length.is_some() || wish.preset.is_some() {
            model.max_positions = model.max_positions.max(self.length);
        }
        match &wish.buckets {
            Some(factors) => model.buckets = factors.iter().copied().filter(|&factor| factor > 1).collect(),
            // A book is one segment as long as the row; dialogues are short whatever the row's length.
            None if wish.preset == Some(PresetName::Book) => model.buckets = bucket_factors(self.length / model.window),
            None => {}
        }
        model.validate()?;
        Ok(())
    }
}

impl From<PrecisionName> for Precision {
    fn from(name: PrecisionName) -> Self {
        match name {
            PrecisionName::F32 => Precision::F32,
            PrecisionName::Bf16 => Precision::Bf16,
            PrecisionName::F16 => Precision::F16,
        }
    }
}

/// Even factors, each at most [`LARGEST_FACTOR`], whose product is the power of two at or below `buckets`; none for one bucket.
fn bucket_factors(buckets: usize) -> Vec<usize> {
    let mut left = if buckets < 2 { 1 } else { 1usize << buckets.ilog2() };
    let mut factors = Vec::new();
    while left > 1 {
        let factor = left.min(LARGEST_FACTOR);
        factors.push(factor);
        left /= factor;
    }
    factors
}

#[cfg(test)]
mod tests {
    use super::*;
    use reformer_model::LayerKind;

    fn recipe(model: ModelArguments, step: StepArguments) -> anyhow::Result<Recipe> {
        Recipe::asked(&model, &step)
    }

    #[test]
    fn presets_are_possible() {
        for preset in [PresetName::Tiny, PresetName::Chat, PresetName::Book] {
            let model = ModelArguments { preset: Some(preset), ..Default::default() };
            let made = recipe(model, StepArguments::default()).expect("a preset is possible");
            assert!(made.model.max_positions >= made.length, "{preset:?}: a row may be one segment");
        }
    }

    #[test]
    fn options_change_what_they_name_and_what_follows() {
        let model = ModelArguments {
            width: Some(96),
            heads: Some(3),
            pattern: Some(vec![LayerKind::Full]),
            buckets: Some(vec![1]),
            ..Default::default()
        };
        let step = StepArguments { length: Some(4096), steps: Some(7), dropout: Some(0.5), ..Default::default() };
        let made = recipe(model, step).expect("possible");
        assert_eq!((made.model.head_width, made.model.feed_forward), (32, 384));
        assert_eq!(made.model.buckets, Vec::<usize>::new());
        assert_eq!((made.model.max_positions, made.length, made.batch), (4096, 4096, 2));
        assert_eq!(made.duration, Some(Duration::Steps(7)));
        assert_eq!(made.model.dropout, 0.5);
    }

    #[test]
    fn impossible_wishes_are_named() {
        let odd = ModelArguments { heads: Some(3), ..Default::default() };
        let message = recipe(odd, StepArguments::default()).expect_err("256 in 3").to_string();
        assert!(message.contains("--width 256 does not divide into --heads 3"), "{message}");
        let huge = StepArguments { length: Some(usize::MAX), ..Default::default() };
        let message = recipe(ModelArguments::default(), huge).expect_err("too long").to_string();
        assert!(message.contains("`length` is 18446744073709551615: it must be"), "{message}");
        let few = ModelArguments { max_positions: Some(100), ..Default::default() };
        let short = StepArguments { length: Some(512), ..Default::default() };
        let message = recipe(few.clone(), short).expect_err("a row is longer").to_string();
        assert!(message.contains("--max-positions 100 is less than --length 512"), "{message}");
        let message = recipe(few, StepArguments::default()).expect_err("the preset's row is longer").to_string();
        assert!(message.contains("--max-positions 100 is less than --length 2048"), "{message}");
        let tokens = ModelArguments { vocabulary: Some(259), ..Default::default() };
        let message = recipe(tokens, StepArguments::default()).expect_err("not even bytes").to_string();
        assert!(message.contains("--vocabulary 259: ") && message.contains("260"), "{message}");
        let buckets = ModelArguments { buckets: Some(vec![4, 3]), ..Default::default() };
        let message = recipe(buckets, StepArguments::default()).expect_err("odd factor").to_string();
        assert!(message.contains("`buckets` is [4, 3]"), "{message}");
    }

    #[test]
    fn a_book_has_buckets_by_its_length() {
        assert_eq!(bucket_factors(1 << 14), ModelConfig::book().buckets, "the published choice at a million tokens");
        for (buckets, factors) in [(0, vec![]), (1, vec![]), (3, vec![2]), (64, vec![32, 2]), (1024, vec![32, 32])] {
            assert_eq!(bucket_factors(buckets), factors, "{buckets}");
        }
    }
}
