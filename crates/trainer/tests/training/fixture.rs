//! A tiny model, made-up dialogues, and a run in a folder of its own.

use reformer_cpu::Cpu;
use reformer_model::{MemoryLimit, ModelConfig};
use reformer_session::{RunConfig, RunFolder, Speaker, Tokenizer};
use reformer_tensor::{Backend, Key};
use reformer_trainer::{
    Control, Corpus, DoneEvent, Duration, Event, Outcome, Setup, Start, TrainError, Trainer, TrainingConfig,
};
use std::path::{Path, PathBuf};

pub type Dialogue = Vec<(Speaker, String)>;

/// Small, but with everything that a run can have: both kinds of attention, dropout, several batches a step.
pub fn model() -> ModelConfig {
    ModelConfig {
        vocabulary: Tokenizer::bytes().vocabulary(),
        width: 32,
        heads: 2,
        head_width: 16,
        feed_forward: 64,
        window: 16,
        buckets: vec![4],
        max_positions: 128,
        dropout: 0.1,
        ..ModelConfig::tiny()
    }
}

pub fn training(steps: u64) -> TrainingConfig {
    TrainingConfig {
        accumulate: 2,
        evaluate_every: 4,
        save_every: 3,
        warmup: 3,
        ..TrainingConfig::new(64, 4, Duration::Steps(steps), 3e-3, 11)
    }
}

/// Dialogues of 2 to 5 turns of words that follow each other by chance.
pub fn dialogues(seed: u64, count: usize) -> Vec<Dialogue> {
    const WORDS: [&str; 8] = ["hotel", "train", "cheap", "north", "monday", "please", "book", "table"];
    let make = |number: usize| {
        let key = Key::from_seed(seed).fold_in(number as u32);
        let draw = |at: u64, below: usize| (key.uniform(at) * below as f64) as usize;
        let turn = |turn: usize| {
            let word = |at: usize| WORDS[draw(100 * (1 + turn as u64) + at as u64, WORDS.len())];
            let text = (0..1 + draw(1 + turn as u64, 4)).map(word).collect::<Vec<_>>().join(" ");
            (if turn.is_multiple_of(2) { Speaker::User } else { Speaker::System }, text)
        };
        (0..2 + draw(0, 4)).map(turn).collect()
    };
    (0..count).map(make).collect()
}

pub fn corpus() -> Corpus {
    Corpus::from_dialogues(&Tokenizer::bytes(), &dialogues(1, 60), &dialogues(2, 40), &[]).unwrap()
}

pub fn config(training: &TrainingConfig) -> RunConfig {
    RunConfig::new(model(), training.to_value(), serde_json::json!({"source": "made up"}))
}

/// A run in a folder.
pub struct Run {
    pub folder: PathBuf,
    pub config: RunConfig,
    pub memory: MemoryLimit,
    pub backend: Box<dyn Backend>,
    pub corpus: Corpus,
}

impl Run {
    pub fn new(folder: &Path, training: &TrainingConfig) -> Self {
        Self {
            folder: folder.to_owned(),
            config: config(training),
            memory: MemoryLimit::Bytes(u64::MAX),
            backend: Box::new(Cpu::new(1)),
            corpus: corpus(),
        }
    }

    pub fn run_folder(&self) -> RunFolder {
        RunFolder::create(&self.folder).unwrap()
    }

    pub fn setup(&self) -> Setup<'_> {
        let run = self.run_folder();
        let lock = run.lock().unwrap();
        Setup::new(self.backend.as_ref(), run, lock, self.config.clone(), self.corpus.clone(), self.memory)
    }

    pub fn trainer(&self, resume: bool) -> Result<Trainer<'_>, TrainError> {
        let setup = self.setup();
        let start = Start::find(&setup.run, &setup.lock, resume)?;
        Trainer::new(setup, start)
    }

    pub fn run(&self, resume: bool, observer: &mut dyn FnMut(&Event) -> Control) -> Result<Outcome, TrainError> {
        self.trainer(resume)?.run(observer)
    }

    /// Trains to the end.
    pub fn finish(&self, resume: bool) -> (DoneEvent, Vec<Event>) {
        let mut events = Vec::new();
        let outcome = self.run(resume, &mut |event| {
            events.push(event.clone());
            Control::Continue
        });
        match outcome.unwrap() {
            Outcome::Done(done) => (done, events),
            stopped => panic!("nobody stopped it: {stopped:?}"),
        }
    }

    /// `metrics.jsonl` without what depends on the clock.
    pub fn metrics(&self) -> Vec<serde_json::Value> {
        let text = std::fs::read_to_string(self.run_folder().metrics_path()).unwrap();
        let line = |line: &str| {
            let mut value: serde_json::Value = serde_json::from_str(line).unwrap();
            value.as_object_mut().unwrap().remove("tokens_per_second");
            value
        };
        text.lines().map(line).collect()
    }
}

pub fn losses(events: &[Event]) -> Vec<f64> {
    let loss = |event: &Event| match event {
        Event::Step(step) => Some(step.loss),
        _ => None,
    };
    events.iter().filter_map(loss).collect()
}

/// Copies a folder: what a process that was killed at this moment would have left.
pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
