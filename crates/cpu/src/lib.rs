//! Interpreter 1: every op on the CPU. The public face is [`Cpu`]; kernels are in `ops/`, one file an op.

mod attention;
mod buffer;
mod dropout;
mod environment;
mod executor;
mod few_rows;
mod math;
mod naive;
mod norm;
mod normed;
mod ops;
mod product;
mod scratch;
mod several_rows;
mod simd;
mod store;
mod stream;
mod sums;
mod tiles;
mod weight;

pub use environment::{Environment, Kernels, Level};
pub use executor::Cpu;
