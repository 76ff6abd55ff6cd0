//! The language that every other crate speaks: tensors, operations, programs, plans, random keys and the backend traits.
//! Nothing here computes: no backend, no thread, no clock, no file.
//!
//! Model code *records* coarse operations over small `Copy` handles into a [`Program`]; a [`Plan`] decides which of them
//! run, in which buffers, and knows the peak memory before anything runs; a [`Backend`] runs the plan.
//!
//! ```
//! use reformer_tensor::{DType, Plan, PlanOptions, Program, shape};
//!
//! let mut program = Program::new();
//! let gradient = program.state("gradient.bias", shape![64], DType::F32);
//! let norm = program.gradient_norm(&[gradient]);
//! program.output("gradient_norm", norm);
//! let plan = Plan::new(&program, &PlanOptions::default()).unwrap();
//! assert_eq!(plan.peak_bytes(), 64 * 4 + 4);
//! ```

mod alive;
mod backend;
mod dtype;
mod dump;
mod error;
mod host;
mod key;
pub mod op;
mod plan;
mod program;
mod refusal;
mod shape;

pub use alive::LiveValue;
pub use backend::{
    Backend, BackendError, Checks, IMPOSSIBLE_BYTES, Inputs, Outputs, Prepared, RunError, StopWish, Store,
};
pub use dtype::DType;
pub use error::{PlanError, RecordError};
pub use host::{HostData, HostTensor};
pub use key::Key;
pub use op::{Activation, CachePattern, Direction, Dropout, HeadRange, Op, Pattern, PositionKind};
pub use plan::{Location, Plan, PlanOptions, Slot};
pub use program::{Half, Instruction, Program, StateSpec, Tensor, Value, ValueId, ValueKind};
pub use refusal::{is_refusable, refusable};
pub use shape::Shape;
