//! Interpreter 1: every op on the CPU. The public face is [`Cpu`]; kernels are in `ops/`, one file an op.

mod buffer;
mod environment;
mod executor;
mod ops;
mod store;

pub use environment::{Environment, Kernels, Level};
pub use executor::Cpu;
