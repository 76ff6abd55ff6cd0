//! What can be wrong with a recording or a plan. Errors of running are in `backend.rs`.

use crate::{DType, Shape};
use thiserror::Error;

/// A mistake made while recording. The first one is kept by the program and returned by [`crate::Plan::new`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RecordError {
    /// An operand has another shape than the operation needs.
    #[error("{op} in {scope}: `{operand}` (`{name}`) is {got}, expected {expected}. {advice}")]
    Shape {
        /// The operation.
        op: &'static str,
        /// Where it was recorded.
        scope: String,
        /// The operand's role in the operation.
        operand: String,
        /// The operand's own name.
        name: String,
        /// Its shape.
        got: Shape,
        /// The shape it should have.
        expected: Shape,
        /// What to do.
        advice: String,
    },
    /// An operand has another element type than the operation needs.
    #[error("{op} in {scope}: `{operand}` (`{name}`) holds {got}, expected {expected}")]
    Type {
        /// The operation.
        op: &'static str,
        /// Where it was recorded.
        scope: String,
        /// The operand's role in the operation.
        operand: String,
        /// The operand's own name.
        name: String,
        /// Its type.
        got: DType,
        /// The type it should have.
        expected: String,
    },
    /// A field of the operation is impossible.
    #[error("{op} in {scope}: {message}")]
    Field {
        /// The operation.
        op: &'static str,
        /// Where it was recorded.
        scope: String,
        /// Field, value and what to do.
        message: String,
    },
    /// Two inputs, states or outputs share a name but not a shape or type.
    #[error("`{name}` is recorded twice: as {first} and as {second}. Give one of them another name")]
    Name {
        /// The name.
        name: String,
        /// Its first shape and type.
        first: String,
        /// Its second shape and type.
        second: String,
    },
}

/// Why a program can't be planned.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PlanError {
    /// The recording was wrong.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// A state was read after an update had replaced what was read.
    #[error(
        "{op} in {scope} reads an old version of the state `{name}`, which an earlier instruction has overwritten. \
         Record the read before the update, or read the tensor that the update returned"
    )]
    StaleState {
        /// The reading operation.
        op: &'static str,
        /// Where it was recorded.
        scope: String,
        /// The state.
        name: String,
    },
    /// The plan needs more memory than it may have.
    #[error(
        "the plan needs {needed} bytes, the limit is {limit}: shorten the length, take fewer or narrower layers, or raise --memory-limit"
    )]
    Memory {
        /// Peak bytes.
        needed: u64,
        /// The limit.
        limit: u64,
    },
}
