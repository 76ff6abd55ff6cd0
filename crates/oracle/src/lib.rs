//! Interpreter 0: every op in float64, as plain loops from its formula. It shares no numeric code with any backend, sorts
//! and streams nothing that the formula doesn't, and is what backends are tested against. No speed lives here.
//!
//! - Tensors of f32 are doubles. Residual streams are the exact integers of their type; a stream of `DType::F32` is not
//!   rounded at all, which is how finite differences are taken without rounding.
//! - Attention builds the set of keys of every query and takes a softmax over it ([`sets`]).
//! - Outputs and states come back as doubles (streams: their real values) or u32.
//!
//! ```
//! use reformer_oracle::Oracle;
//! use reformer_tensor::{Backend, Checks, DType, HostTensor, Inputs, Plan, PlanOptions, Program, shape};
//!
//! let mut program = Program::new();
//! let gradient = program.input("gradient", shape![2], DType::F32);
//! let norm = program.gradient_norm(&[gradient]);
//! program.output("norm", norm);
//! let oracle = Oracle::new();
//! let mut prepared = oracle.prepare(Plan::new(&program, &PlanOptions::default()).unwrap(), Checks::Off).unwrap();
//! let inputs = Inputs::from([("gradient".to_owned(), HostTensor::f32(shape![2], vec![3.0, 4.0]))]);
//! let outputs = prepared.run(oracle.store().as_mut(), &inputs).unwrap();
//! assert_eq!(outputs["norm"], HostTensor::f64(shape![1], vec![5.0]));
//! ```

mod array;
mod executor;
mod fault;
mod mask;
mod norm;
mod ops;
mod product;
pub mod sets;
mod store;
mod stream;

pub use executor::Oracle;
