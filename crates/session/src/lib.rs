//! A run's folder: config, lock, checkpoints, tokenizer; loading a model, generating, chatting. No training, no printing,
//! and no knowledge of any data set.
//!
//! The way from a folder to a conversation:
//!
//! ```no_run
//! # fn main() -> Result<(), reformer_session::SessionError> {
//! # let backend: Box<dyn reformer_tensor::Backend> = unimplemented!();
//! use reformer_session::{Changes, Conversation, LoadedModel, ReplyOptions, RunFolder};
//! use std::ops::ControlFlow;
//! use std::path::Path;
//!
//! let run = RunFolder::newest(Path::new("runs"))?;
//! let model = LoadedModel::open(&run, backend.as_ref(), &Changes::default())?;
//! let mut conversation = Conversation::new(model, backend.as_ref(), ReplyOptions::default())?;
//! let reply = conversation.reply("i need a cheap hotel", |text| {
//!     // Show `text`; it is always whole characters.
//!     ControlFlow::Continue(())
//! })?;
//! assert!(reply.forgotten_turns == 0);
//! # Ok(())
//! # }
//! ```

mod belonging;
mod chat;
mod checkpoint;
mod checkpoints;
mod config;
mod dialogue;
mod durable;
mod error;
mod export;
mod files;
mod generator;
mod json;
mod lock;
mod model;
mod new_folder;
mod place;
mod rolling;
mod run;
mod sampling;
mod stop_texts;
mod stored_path;
mod tensors;
mod tokenizer;
mod trained_on;
mod utf8;
mod weights;

pub use belonging::{Belonging, TokenizerRecord, model_sha256};
pub use chat::{Conversation, Reply, ReplyOptions, Turn};
pub use checkpoint::{Checkpoint, FileRecord, SavedState};
pub use checkpoints::{Checkpoints, Snapshot};
pub use config::{CONFIG_FORMAT, RunConfig, read_section};
pub use dialogue::{EncodedDialogue, Speaker};
pub use durable::{write_atomically, write_new};
pub use error::SessionError;
pub use export::Exported;
pub use generator::{Generation, GenerationOptions, Generator, Held, Mark, Stop};
pub use lock::RunLock;
pub use model::{Changes, LoadedModel};
pub use place::{Place, runs_in};
pub use run::RunFolder;
pub use sampling::{Sampler, SamplingError, SamplingOptions};
pub use stop_texts::StopTexts;
pub use stored_path::StoredPath;
pub use tensors::{TensorSpec, parameter_specs, parameters_sha256};
pub use tokenizer::{DIALOGUE, END, SPECIAL_TOKENS, SYSTEM, Tokenizer, USER};
pub use trained_on::{BLOCK, TrainedOn};
pub use utf8::Utf8Stream;
pub use weights::Weights;
