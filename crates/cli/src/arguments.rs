//! The command line: commands and their options, with their help. What `train` and `plan` share is in `train_arguments.rs`;
//! what options mean is in the modules of the commands.

use crate::paths;
use crate::quantities::{positive, probability, temperature, whole};
use crate::train_arguments::{MachineArguments, TrainArguments};
use clap::builder::NonEmptyStringValueParser;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use reformer_multiwoz::Split;
use reformer_session::{Changes, SamplingOptions};
use std::path::PathBuf;

/// Trains a Reformer from scratch and talks to it.
///
/// `reformer train` without options trains a chatbot on whatever dialogues are at hand; `reformer chat` then talks to it.
#[derive(Parser, Debug)]
#[command(
    name = "reformer",
    version,
    max_term_width = 110,
    after_help = "Exit codes: 0 done or stopped and saved, 1 failed (with one line `error: …`, its causes under it), 2 wrong usage, 130 stopped \
                  with nothing to save."
)]
pub struct CommandLine {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

impl CommandLine {
    /// Reads what was typed.
    ///
    /// # Errors
    /// Help, the version, and what makes no sense.
    pub fn read() -> Result<Self, clap::Error> {
        let matches = paths::lenient(Self::command()).try_get_matches()?;
        Self::from_arg_matches(&matches)
    }
}

/// The commands.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Train a model; without options, a chatbot
    ///
    /// Without options: preset chat on MultiWOZ where `data fetch` puts it (or in the folder that REFORMER_DATA names), for
    /// 60 minutes; else on the embedded sample corpus, for 10 minutes. The run's folder holds config, tokenizer, metrics, a picture of the loss and checkpoints.
    /// Ctrl-C saves and stops; `--resume --run DIR` goes on and ends with the same bits as if it had never stopped.
    Train(Box<TrainArguments>),
    /// Talk to a trained model
    ///
    /// Type a line, read the reply; the whole conversation is the context. Lines that begin with a slash are for the
    /// program: /new starts over, /undo takes the last turn back, /save FILE writes the conversation down, /help, /quit.
    /// Through a pipe: one line in, one reply line out.
    Chat(ChatArguments),
    /// Answer or continue a prompt
    ///
    /// A model of dialogues takes the prompt for what the user says, and gives the reply of one turn. A model of text goes on
    /// with the prompt, which is printed before it (not with --json). Ctrl-C ends it with what is written so far.
    Generate(GenerateArguments),
    /// Measure a trained model on held-out text: loss, perplexity, bits per byte
    Evaluate(EvaluateArguments),
    /// Tell what a training step takes, before anything runs
    ///
    /// Parameters, peak memory with what is alive at the peak, FLOPs. Takes the options of `train`, needs no data and
    /// starts nothing; the vocabulary is the preset's unless --vocabulary says otherwise.
    Plan(Box<PlanArguments>),
    /// Tell what a run is, or what there is to run on
    Info(InfoArguments),
    /// Write a run's weights alone, with its config and tokenizer, as a folder
    ///
    /// One model.safetensors, whose header names the step and the hashes of parameters, tokenizer and model, beside config.json,
    /// tokenizer.json and trained-on.txt. `generate`, `chat`, `evaluate`, `info` and `train --init-from` take such a folder in the place of a run.
    Export(ExportArguments),
    /// Look at data: count, check, convert, write the sample out
    Data(DataArguments),
}

/// Which run.
#[derive(Args, Debug)]
pub struct RunChoice {
    /// The run's folder, of which the newest checkpoint is taken [default: the newest run under runs/]
    #[arg(long, value_name = "DIR")]
    pub run: Option<PathBuf>,
}

/// How to choose the next token.
#[derive(Args, Debug)]
#[command(next_help_heading = "Sampling")]
pub struct SamplingArguments {
    /// The most tokens of a reply
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = positive)]
    pub max_tokens: usize,
    /// 0: always the likeliest token; 1: as the model says; the higher the bolder
    #[arg(long, value_name = "T", default_value_t = SamplingOptions::default().temperature, value_parser = temperature)]
    pub temperature: f64,
    /// Only the K likeliest tokens; 0: all
    #[arg(long, value_name = "K", default_value_t = SamplingOptions::default().top_k, value_parser = whole::<usize>)]
    pub top_k: usize,
    /// Only the likeliest tokens that together have this probability; 1: all
    #[arg(long, value_name = "P", default_value_t = SamplingOptions::default().top_p, value_parser = probability)]
    pub top_p: f64,
    /// The same seed gives the same text
    #[arg(long, value_name = "N", default_value_t = SamplingOptions::default().seed, value_parser = whole::<u64>)]
    pub seed: u64,
    /// End where this text would come, and leave it out; may be given several times
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true, value_parser = NonEmptyStringValueParser::new())]
    pub stop: Vec<String>,
}

impl SamplingArguments {
    /// For a sampler.
    pub fn options(&self) -> SamplingOptions {
        SamplingOptions { temperature: self.temperature, top_k: self.top_k, top_p: self.top_p, seed: self.seed }
    }
}

/// What of a trained model is to be another on purpose.
#[derive(Args, Debug)]
#[command(next_help_heading = "Model")]
pub struct ChangeArguments {
    /// Hash rounds of LSH attention [default: those that the run was trained with]
    #[arg(long, value_name = "N", value_parser = positive)]
    pub rounds: Option<usize>,
}

impl ChangeArguments {
    /// For a model that is loaded.
    pub fn changes(&self) -> Changes {
        Changes { rounds: self.rounds }
    }
}

/// `reformer chat`.
#[derive(Args, Debug)]
pub struct ChatArguments {
    #[command(flatten)]
    pub run: RunChoice,
    #[command(flatten)]
    pub sampling: SamplingArguments,
    #[command(flatten)]
    pub changes: ChangeArguments,
    #[command(flatten)]
    pub machine: MachineArguments,
}

/// `reformer generate`.
#[derive(Args, Debug)]
pub struct GenerateArguments {
    #[command(flatten)]
    pub run: RunChoice,
    /// What the user says; for a model of text, the text to continue; `-`: standard input
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true, required_unless_present = "prompt_file")]
    pub prompt: Option<String>,
    /// The same from a file, or from standard input (`-`); at most as long as the model has positions
    #[arg(long, value_name = "FILE", conflicts_with = "prompt")]
    pub prompt_file: Option<PathBuf>,
    /// How many continuations; the first is drawn with --seed, each further one with the next higher seed
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = positive)]
    pub samples: usize,
    /// Print JSON objects, a line each: {"sample","piece"} as the text comes, and at the end of each sample {"sample","seed",
    /// "text","tokens","tokens_per_second","prefill_seconds","stop"}; stop is end (of the turn), max_tokens, max_positions,
    /// interrupted, or text, and then stop_text names which
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub sampling: SamplingArguments,
    #[command(flatten)]
    pub changes: ChangeArguments,
    #[command(flatten)]
    pub machine: MachineArguments,
}

/// `reformer evaluate`.
#[derive(Args, Debug)]
pub struct EvaluateArguments {
    #[command(flatten)]
    pub run: RunChoice,
    /// What to measure on: as `train --data` [default: what the run was trained on]
    #[arg(long, value_name = "PATH")]
    pub data: Option<PathBuf>,
    /// Which part of it: train, dev or test
    #[arg(long, value_name = "SPLIT", default_value = "test")]
    pub split: Split,
    /// Leave out dialogues that occur in train too, with the same text or nearly the same (of train: in dev or test)
    #[arg(long)]
    pub exclude_duplicates: bool,
    /// Measure also what the run was trained on; of own data, whose splits nobody has published, it is left out otherwise
    #[arg(long)]
    pub include_trained: bool,
    /// Print a JSON object: tokens, bytes, loss, perplexity, bits_per_byte; dialogues that are measured, how many of the split were
    /// also_in_training, how many were left_out (of a text the last two are bytes; null where the run does not know)
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub changes: ChangeArguments,
    #[command(flatten)]
    pub machine: MachineArguments,
}

/// `reformer plan`.
#[derive(Args, Debug)]
pub struct PlanArguments {
    #[command(flatten)]
    pub train: TrainArguments,
    /// Draw memory over the training step
    #[arg(long, value_name = "FILE.svg", help_heading = "Picture")]
    pub picture: Option<PathBuf>,
}

/// `reformer info`.
#[derive(Args, Debug)]
pub struct InfoArguments {
    #[command(flatten)]
    pub run: RunChoice,
    /// List what there is to run on instead
    #[arg(long, conflicts_with = "run")]
    pub adapters: bool,
    /// Print a JSON object
    #[arg(long)]
    pub json: bool,
}

/// `reformer export`.
#[derive(Args, Debug)]
pub struct ExportArguments {
    /// The run's folder, as --run
    #[arg(value_name = "RUN", conflicts_with = "run")]
    pub positional: Option<PathBuf>,
    #[command(flatten)]
    pub run: RunChoice,
    /// The folder to write
    #[arg(long, value_name = "FOLDER")]
    pub to: PathBuf,
    /// Replace weights that were exported there before
    #[arg(long)]
    pub force: bool,
    /// Print a JSON object: to, step, parameters_sha256, tokenizer_sha256, model_sha256
    #[arg(long)]
    pub json: bool,
}

/// `reformer data`.
#[derive(Args, Debug)]
pub struct DataArguments {
    #[command(subcommand)]
    pub command: DataCommand,
}

/// What to do with data.
#[derive(Subcommand, Debug)]
pub enum DataCommand {
    /// Download MultiWOZ 2.2 and its database
    ///
    /// Each file is checked against its git blob id. What broke off goes on where it ended; what is there and right is not
    /// fetched again. The files appear in their folder when all of them have come. Proxies are what HTTPS_PROXY, HTTP_PROXY,
    /// ALL_PROXY and NO_PROXY say.
    Fetch {
        /// The folder to fill [default: where `train` looks first: multiwoz-2.2 in the folder that REFORMER_DATA names, or in
        /// the platform's folder for data]
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
        /// Another address with the files of the repository budzianowski/multiwoz [default: what REFORMER_MIRROR names, or
        /// the repository itself]
        #[arg(long, value_name = "URL")]
        mirror: Option<String>,
    },
    /// Count what is there, and name dialogues that occur in two splits
    ///
    /// Dialogues, turns, bytes and domains of each split, how long dialogues are, and which have in another split one of the
    /// same text, or of nearly the same: of their runs of three words, at least 0.8 are in both.
    Stats {
        /// What to count: as `train --data`
        #[arg(long, value_name = "PATH", default_value = "sample")]
        data: PathBuf,
        /// Print a JSON object: layout, splits, duplicates_across_splits, near_duplicates_across_splits, duplicates
        #[arg(long)]
        json: bool,
        /// Draw how long dialogues are
        #[arg(long, value_name = "FILE.svg")]
        picture: Option<PathBuf>,
        /// Let the picture replace a file that isn't a picture of `data stats`
        #[arg(long, requires = "picture")]
        force: bool,
    },
    /// Name every flaw; exit code 1 if a file can't be read, or holds dialogues and is not
    Check {
        /// What to check: as `train --data`
        #[arg(long, value_name = "PATH", default_value = "sample")]
        data: PathBuf,
    },
    /// Write dialogues in another layout
    ///
    /// What the layout can't hold is said. The result appears when all of it is written.
    Convert {
        /// What to convert: as `train --data`
        #[arg(long, value_name = "PATH")]
        data: PathBuf,
        /// The layout to write
        #[arg(long, value_name = "LAYOUT")]
        to: TargetName,
        /// The folder to write; for turns and messages a single file too, if it ends in .jsonl
        #[arg(long, value_name = "PATH")]
        out: PathBuf,
        /// Replace a file, or a folder of nothing but what this writes
        #[arg(long)]
        force: bool,
    },
    /// Write the embedded sample corpus as files of the MultiWOZ 2.2 layout
    Sample {
        /// The folder to write, which must not exist or be empty
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// Replace the folder, if nothing is in it but data that `data sample` or `data convert` has written
        #[arg(long)]
        force: bool,
    },
}

/// A layout that dialogues are written in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum TargetName {
    /// As MultiWOZ 2.2: train/, dev/ and test/ with dialogues_001.json and on; holds everything
    SchemaGuided,
    /// As MultiWOZ 2.1: data.json, valListFile.json, testListFile.json
    DataJson,
    /// {"turns":[{"speaker","text"}]} a line: train.jsonl, dev.jsonl, test.jsonl
    Turns,
    /// {"messages":[{"role","content"}]} a line: train.jsonl, dev.jsonl, test.jsonl; holds no annotation
    Messages,
}
