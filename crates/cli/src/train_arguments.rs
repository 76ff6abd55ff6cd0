//! The options of `train`, which `plan` takes too. Every one is optional, so that what was said can be told from what a
//! preset says; the presets themselves are in `presets.rs`.

use crate::quantities::{minutes, positive, positive_number, rate, share, whole};
use clap::{Args, ValueEnum};
use reformer_model::LayerKind;
use reformer_trainer::Duration;
use std::path::PathBuf;

/// `reformer train`.
#[derive(Args, Debug, Default, Clone)]
pub struct TrainArguments {
    #[command(flatten)]
    pub data: TrainingData,
    #[command(flatten)]
    pub model: ModelArguments,
    #[command(flatten)]
    pub step: StepArguments,
    #[command(flatten)]
    pub machine: MachineArguments,
    #[command(flatten)]
    pub memory: MemoryArguments,
    #[command(flatten)]
    pub run: RunArguments,
}

/// What to train on.
#[derive(Args, Debug, Default, Clone)]
#[command(next_help_heading = "Data")]
pub struct TrainingData {
    /// A folder, .zip or .json of MultiWOZ 2.0 to 2.2 or of another schema-guided set; own dialogues as .jsonl or as a list in a
    /// .json, {"turns":[{"speaker","text"}]}, {"messages":[{"role","content"}]} or {"conversations":[{"from","value"}]}; a text file
    /// (learned as bytes); .gz of these;
    /// `-` for standard input; or `sample`
    /// [default: MultiWOZ where `data fetch` puts it, else sample]
    #[arg(long, value_name = "PATH")]
    pub data: Option<PathBuf>,
    /// Leave out dialogues that occur in dev or test too, with the same text or nearly the same (`data stats` names them)
    #[arg(long)]
    pub exclude_duplicates: bool,
    /// Deal own dialogues in one file out otherwise: each one's text decides with this whether it is for training (empty)
    #[arg(long, value_name = "TEXT")]
    pub split_salt: Option<String>,
    /// Of a hundred own dialogues in one file, how many are for test, and as many for dev; from 1 to 40 (5)
    #[arg(long, value_name = "PERCENT", value_parser = share)]
    pub test_share: Option<u8>,
    /// Learn a file's bytes as they are, whatever it is
    #[arg(long)]
    pub bytes: bool,
}

/// What model.
#[derive(Args, Debug, Default, Clone)]
#[command(next_help_heading = "Model (defaults are the preset's)")]
pub struct ModelArguments {
    /// Where all other defaults come from [default: chat]
    #[arg(long, value_name = "NAME")]
    pub preset: Option<PresetName>,
    /// Layers, each an attention half and a feed-forward half (tiny 2, chat 4, book 6)
    #[arg(long, value_name = "N", value_parser = positive)]
    pub layers: Option<usize>,
    /// Attention of the layers, cycled: local, lsh, full (local,lsh)
    #[arg(long, value_name = "KINDS", value_delimiter = ',')]
    pub pattern: Option<Vec<LayerKind>>,
    /// Width of each residual stream (tiny 64, chat 256, book 512)
    #[arg(long, value_name = "N", value_parser = positive)]
    pub width: Option<usize>,
    /// Attention heads; each has width ÷ heads numbers (tiny 2, chat 4, book 8)
    #[arg(long, value_name = "N", value_parser = positive)]
    pub heads: Option<usize>,
    /// Hidden width of the feed-forward layers (four times the width)
    #[arg(long, value_name = "N", value_parser = positive)]
    pub feed_forward: Option<usize>,
    /// Tokens in the vocabulary that is learned from dialogues (tiny 512, chat 4096; at least 260, which are those of text as bytes)
    #[arg(long, value_name = "N", value_parser = positive)]
    pub vocabulary: Option<usize>,
    /// Hash rounds of LSH attention (2)
    #[arg(long, value_name = "N", value_parser = positive)]
    pub rounds: Option<usize>,
    /// Tokens that a query sees: the last ones (local), or per round the last ones of its bucket (lsh) (64)
    #[arg(long, value_name = "N", value_parser = positive)]
    pub window: Option<usize>,
    /// Even factors of the number of LSH buckets; 1 for a single bucket (tiny 8, chat 4, book length ÷ window, factored)
    #[arg(long, value_name = "FACTORS", value_delimiter = ',', value_parser = positive)]
    pub buckets: Option<Vec<usize>>,
    /// The longest dialogue or text in tokens (tiny 512, chat 2048, book 1048576; at least --length)
    #[arg(long, value_name = "N", value_parser = positive)]
    pub max_positions: Option<usize>,
    /// Start from the parameters of another run, whose shapes must be the same
    #[arg(long, value_name = "RUN")]
    pub init_from: Option<PathBuf>,
}

/// What a step is.
#[derive(Args, Debug, Default, Clone)]
#[command(next_help_heading = "Step (defaults are the preset's)")]
pub struct StepArguments {
    /// Tokens of the longest piece; a batch has LENGTH times BATCH tokens (tiny 512, chat 2048, book 65536)
    #[arg(long, value_name = "N", value_parser = positive)]
    pub length: Option<usize>,
    /// Rows that are computed together (tiny 2, chat 2, book 1)
    #[arg(long, value_name = "N", value_parser = positive)]
    pub batch: Option<usize>,
    /// Batches whose gradients are summed for one step (1)
    #[arg(long, value_name = "N", value_parser = positive)]
    pub accumulate: Option<usize>,
    /// How many steps to train (tiny 1000); a run that is done goes on to more with --resume, along the schedule of a run of so many
    /// steps with its own warm-up: the learning rate, which had fallen, rises to where that schedule has it
    #[arg(long, value_name = "N", value_parser = positive, conflicts_with = "minutes")]
    pub steps: Option<usize>,
    /// About how long to train; after 20 steps the number of steps that fits is fixed (chat 10 on sample, else 60; book 60)
    #[arg(long, value_name = "M", value_parser = minutes)]
    pub minutes: Option<f64>,
    /// The highest learning rate: it rises at first, then falls along a cosine (tiny 0.01, chat 0.002, book 0.001)
    #[arg(long, value_name = "RATE", value_parser = positive_number)]
    pub learning_rate: Option<f32>,
    /// The share of embeddings and branch outputs that is dropped in training (0)
    #[arg(long, value_name = "SHARE", value_parser = rate)]
    pub dropout: Option<f32>,
    /// Where all random numbers come from (0)
    #[arg(long, value_name = "N", value_parser = whole::<u64>)]
    pub seed: Option<u64>,
    /// As what products read their weights; all else is f32 in any case (f32)
    #[arg(long, value_name = "TYPE")]
    pub precision: Option<PrecisionName>,
}

impl StepArguments {
    /// How long was asked for.
    pub fn duration(&self) -> Option<Duration> {
        self.steps.map(|steps| Duration::Steps(steps as u64)).or(self.minutes.map(Duration::Minutes))
    }
}

/// What to run on.
#[derive(Args, Debug, Default, Clone)]
#[command(next_help_heading = "Machine")]
pub struct MachineArguments {
    /// What computes [default: auto]
    #[arg(long, value_name = "NAME")]
    pub backend: Option<BackendName>,
    /// Which GPU: a part of its name or kind (`info --adapters` lists them)
    #[arg(long, value_name = "NAME")]
    pub adapter: Option<String>,
    /// Threads, at most one a core; results don't depend on it [default: one a core]
    #[arg(long, value_name = "N", value_parser = positive)]
    pub threads: Option<usize>,
}

/// How much memory.
#[derive(Args, Debug, Default, Clone)]
#[command(next_help_heading = "Machine")]
pub struct MemoryArguments {
    /// What a step may take: auto (half of the free memory), min (recompute everything), or a size like 500MB or 16GiB;
    /// results don't depend on it [default: auto]
    #[arg(long, value_name = "SIZE")]
    pub memory_limit: Option<crate::quantities::MemoryWish>,
}

/// Where it goes and what is said.
#[derive(Args, Debug, Default, Clone)]
#[command(next_help_heading = "Run")]
pub struct RunArguments {
    /// The run's folder [default: a new one under runs/]
    #[arg(long, value_name = "DIR")]
    pub run: Option<PathBuf>,
    /// Go on where the run's last checkpoint is; options that differ from the run's are refused, but for what can't change the
    /// parameters (--save-every, --evaluate-every, --threads, --memory-limit), and more --steps once it is done
    #[arg(long)]
    pub resume: bool,
    /// Put the run into a folder that holds other files too (never into one with checkpoints); `plan`: replace the file that
    /// --picture names
    #[arg(long)]
    pub force: bool,
    /// Steps between checkpoints
    #[arg(long, value_name = "N", value_parser = positive)]
    pub save_every: Option<usize>,
    /// Steps between evaluations on the validation split
    #[arg(long, value_name = "N", value_parser = positive)]
    pub evaluate_every: Option<usize>,
    /// Print an object a line: plan, step, evaluation, checkpoint, done
    #[arg(long)]
    pub json: bool,
    /// Print nothing but errors, warnings and the line `done`
    #[arg(long, conflicts_with = "json")]
    pub quiet: bool,
    /// Tell how long each operation takes
    #[arg(long)]
    pub profile: bool,
}

/// A preset.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum PresetName {
    /// A minute at most: for tests and first looks
    Tiny,
    /// The default: a chatbot over whole dialogues
    Chat,
    /// Bytes of a long text in one row
    Book,
}

/// As what weights of products are stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum PrecisionName {
    /// Single precision
    F32,
    /// bfloat16: half the memory of weights, three digits
    Bf16,
    /// Half precision: half the memory, four digits, nothing above 65504
    F16,
}

/// What computes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum BackendName {
    /// A hardware GPU where there is one, else the CPU
    Auto,
    /// The CPU, all cores
    Cpu,
    /// A GPU, or what the driver offers in its place
    Gpu,
    /// Slow and exact: float64, plain loops
    Oracle,
}
