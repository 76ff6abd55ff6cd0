//! Batches, schedule, the training loop, evaluation and metrics. No data set, no printing, no backend by name.
//!
//! A fresh run, and one that goes on:
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let backend: Box<dyn reformer_tensor::Backend> = unimplemented!();
//! # let dialogues: Vec<Vec<(reformer_session::Speaker, String)>> = Vec::new();
//! use reformer_model::{MemoryLimit, ModelConfig};
//! use reformer_session::{RunConfig, RunFolder, Tokenizer};
//! use reformer_trainer::{Control, Corpus, Duration, Setup, Start, Trainer, TrainingConfig};
//!
//! let run = RunFolder::create("runs/mine".as_ref())?;
//! let lock = run.lock()?;
//! let resume = false;
//! let start = Start::find(&run, &lock, resume)?; // refuses a plain start in a trained run
//! let tokenizer = Tokenizer::bytes();
//! run.write_tokenizer(&tokenizer)?; // before the trainer writes the config
//! let training = TrainingConfig::new(128, 8, Duration::Steps(300), 3e-3, 0);
//! let model = ModelConfig { vocabulary: tokenizer.vocabulary(), ..ModelConfig::tiny() };
//! let config = RunConfig::new(model, training.to_value(), serde_json::json!({"source": "mine"}));
//! let corpus = Corpus::from_dialogues(&tokenizer, &dialogues, &dialogues[..1], &[])?;
//! let setup = Setup::new(backend.as_ref(), run, lock, config, corpus, MemoryLimit::Minimum);
//! let mut trainer = Trainer::new(setup, start)?;
//! let outcome = trainer.run(&mut |event| {
//!     let _line = serde_json::to_string(event);
//!     Control::Continue
//! })?;
//! # let _ = outcome; Ok(())
//! # }
//! ```

mod batch;
mod budget;
mod config;
mod corpus;
mod error;
mod evaluate;
mod event;
mod memory;
mod metrics;
mod open;
mod packing;
mod picture;
mod plan;
mod profile;
mod resume;
mod schedule;
mod setup;
mod state;
mod step;
mod train;

pub use batch::{Batch, Batches, Position};
pub use config::{Difference, Duration, MEASURED_STEPS, OptimiserConfig, TrainingConfig, differences};
pub use corpus::{Corpus, Example, encode_dialogues, encode_text};
pub use error::{LastGood, TrainError};
pub use evaluate::{Evaluation, evaluate, evaluation_bytes};
pub use event::{CheckpointEvent, Control, DoneEvent, EvaluationEvent, Event, PlanEvent, StepEvent};
pub use memory::{Bound, free_bytes, memory_bound, peak_rss_bytes, resident_bytes};
pub use metrics::LastMetrics;
pub use open::steps_when_done;
pub use packing::{Packing, Piece};
pub use plan::StepPlan;
pub use profile::Profile;
pub use resume::{Extension, resumed};
pub use schedule::Schedule;
pub use setup::{Setup, Start};
pub use state::TrainerState;
pub use train::{Outcome, Trainer};
