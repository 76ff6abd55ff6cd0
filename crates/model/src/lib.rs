//! The Reformer: its config, and whole recordings for training, evaluation and decoding. Names no backend, runs nothing.
//!
//! ```
//! use reformer_model::{MemoryChoice, ModelConfig, record};
//! use reformer_tensor::{Plan, PlanOptions};
//!
//! let config = ModelConfig { vocabulary: 512, ..ModelConfig::tiny() };
//! config.validate().unwrap();
//! let program = record::training(&config, 256, MemoryChoice::everything(&config));
//! let plan = Plan::new(&program, &PlanOptions::default()).unwrap();
//! assert!(plan.peak_bytes() > 0);
//! ```

mod config;
mod initialise;
mod layers;
mod memory;
mod parameters;
pub mod record;

pub use config::{ConfigError, LayerKind, ModelConfig, PositionEncoding, Precision};
pub use initialise::{evaluation_inputs, initial_parameter, random_inputs};
pub use memory::{MemoryChoice, MemoryLimit, fit};
pub use parameters::{Initialisation, ParameterSpec, cache_states};
