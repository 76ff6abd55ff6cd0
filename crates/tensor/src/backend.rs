//! The traits that a backend implements, and what can go wrong in a run. Nothing here assumes a CPU.

use crate::{DType, HostTensor, Plan, PlanError, Program, Shape};
use std::any::Any;
use std::borrow::Cow;
use std::collections::BTreeMap;
use thiserror::Error;

/// What changes from run to run: input tensors by name.
pub type Inputs = BTreeMap<String, HostTensor>;
/// What a run hands back: the program's outputs by name.
pub type Outputs = BTreeMap<String, HostTensor>;

/// Whether somebody wants what is going on to stop. Asked often and from any thread, so it must be quick: a flag that is looked at.
pub type StopWish<'a> = dyn Fn() -> bool + Sync + 'a;

/// The scratch of a program that a backend can't run at all: more than any machine has, and sums of it fit 64 bits.
pub const IMPOSSIBLE_BYTES: u64 = u64::MAX / 4;

/// How suspicious a prepared plan is of its own backend.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Checks {
    /// Run as fast as possible.
    #[default]
    Off,
    /// Before each run fill every slot with a NaN pattern (integers: an impossible value) and put guard words behind it; after
    /// each run fail if a guard word changed. A value that an op forgot to write then shows.
    Poison,
}

/// Why a backend can't prepare a plan or keep a state.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum BackendError {
    /// The plan itself is impossible.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A state exists with another shape or type.
    #[error("the state `{name}` is {got}, expected {expected}")]
    State {
        /// The state.
        name: String,
        /// What is there or was given.
        got: String,
        /// What is wanted.
        expected: String,
    },
    /// No such state.
    #[error("there is no state `{name}`: declare it first")]
    Missing {
        /// The state.
        name: String,
    },
    /// The device or the system refused.
    #[error("{0}")]
    Device(String),
}

impl BackendError {
    /// Checks that the state `name` has the shape and type that are wanted.
    ///
    /// # Errors
    /// [`BackendError::State`] if it has.
    pub fn unless_same(
        name: &str,
        (shape, dtype): (Shape, DType),
        (wanted_shape, wanted_dtype): (Shape, DType),
    ) -> Result<(), BackendError> {
        if (shape, dtype) == (wanted_shape, wanted_dtype) {
            return Ok(());
        }
        Err(BackendError::State {
            name: name.to_owned(),
            got: dtype.describe(shape),
            expected: wanted_dtype.describe(wanted_shape),
        })
    }

    /// That `tensor` can't be written to a state of this shape and type.
    pub fn unfit(name: &str, tensor: &HostTensor, shape: Shape, dtype: DType) -> Self {
        BackendError::State { name: name.to_owned(), got: tensor.describe(), expected: dtype.describe(shape) }
    }
}

/// Why a run stopped.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum RunError {
    /// An input is missing, or has another shape or type than was recorded.
    #[error("the input `{name}` is {got}, expected {expected}")]
    Input {
        /// The input.
        name: String,
        /// What was given.
        got: String,
        /// What was recorded.
        expected: String,
    },
    /// An index in an input points outside the table that it selects from.
    #[error("{op} in {scope}: `{operand}` holds {value} at {at}, the largest allowed is {largest}")]
    Index {
        /// The operation.
        op: &'static str,
        /// Where it was recorded.
        scope: String,
        /// The operand.
        operand: String,
        /// Its value.
        value: u32,
        /// Its place.
        at: usize,
        /// The largest allowed value.
        largest: u32,
    },
    /// A share was not a number, or too large for the stream: the run must stop, never go on with a wrapped stream.
    #[error(
        "{op} in {scope}: a share of the residual stream is {value}, outside ±{limit}: the run has diverged; lower the learning rate"
    )]
    Range {
        /// The operation.
        op: &'static str,
        /// Where it was recorded.
        scope: String,
        /// The offending value, or NaN.
        value: f32,
        /// The largest magnitude that the stream holds.
        limit: f32,
    },
    /// A slot's guard word was overwritten.
    #[error("{op} in {scope}: wrote past the end of slot {slot}")]
    Guard {
        /// The operation.
        op: &'static str,
        /// Where it was recorded.
        scope: String,
        /// The slot.
        slot: usize,
    },
    /// Somebody wanted it to stop.
    #[error("stopped")]
    Stopped,
    /// The store and the plan don't belong together.
    #[error(transparent)]
    Backend(#[from] BackendError),
}

/// States: parameters, moments, gradient sums, caches. They outlive runs and are shared by programs by name.
pub trait Store {
    /// Makes sure that the state exists, zeroed where it is new.
    ///
    /// # Errors
    /// [`BackendError::State`] if it exists with another shape or type.
    fn declare(&mut self, name: &str, shape: Shape, dtype: DType) -> Result<(), BackendError>;
    /// Replaces the content of a declared state.
    ///
    /// # Errors
    /// If there is no such state, or the tensor doesn't fit it.
    fn write(&mut self, name: &str, tensor: &HostTensor) -> Result<(), BackendError>;
    /// A copy of a state in host memory.
    ///
    /// # Errors
    /// If there is no such state.
    fn read(&self, name: &str) -> Result<HostTensor, BackendError>;
    /// The names of all states, in order.
    fn names(&self) -> Vec<String>;
    /// Frees a state; nothing happens if there is none.
    fn remove(&mut self, name: &str);
    /// For the backend, to find its own type.
    fn as_any_mut(&mut self) -> &mut dyn Any;
}

impl Plan {
    /// Declares every state that the plan touches; new ones start as zeros.
    ///
    /// # Errors
    /// If one exists with another shape or type.
    pub fn declare_states(&self, store: &mut dyn Store) -> Result<(), BackendError> {
        for state in &self.program.states {
            let value = self.program.info(state.value);
            store.declare(&state.name, value.shape, value.dtype)?;
        }
        Ok(())
    }

    /// The words of each input, in order of recording.
    ///
    /// # Errors
    /// The first that is missing, or has another shape or type than was recorded.
    pub fn input_words<'a>(&self, inputs: &'a Inputs) -> Result<Vec<&'a [u32]>, RunError> {
        let words = self.program.inputs.iter().map(|(name, id)| {
            let value = self.program.info(*id);
            let given = inputs.get(name);
            let words = given.and_then(|tensor| match tensor.words(value.shape, value.dtype)? {
                Cow::Borrowed(words) => Some(words),
                // Halves: weights are no inputs.
                Cow::Owned(_) => None,
            });
            words.ok_or_else(|| RunError::Input {
                name: name.clone(),
                got: given.map_or_else(|| "missing".to_owned(), HostTensor::describe),
                expected: value.dtype.describe(value.shape),
            })
        });
        words.collect()
    }
}

/// A plan that is ready to run.
pub trait Prepared {
    /// Runs the plan once. States that the plan updates are changed; after an error their content is undefined.
    ///
    /// # Errors
    /// See [`RunError`].
    fn run(&mut self, store: &mut dyn Store, inputs: &Inputs) -> Result<Outputs, RunError>;
    /// The same, but `stop` is asked before each instruction (or as often as the backend can), so that a run of minutes ends within
    /// one of them. Changes no bit.
    ///
    /// # Errors
    /// [`RunError::Stopped`] if it says so; else as [`Prepared::run`].
    fn run_until(&mut self, store: &mut dyn Store, inputs: &Inputs, stop: &StopWish<'_>) -> Result<Outputs, RunError> {
        if stop() { Err(RunError::Stopped) } else { self.run(store, inputs) }
    }
    /// As [`Prepared::run`], and the seconds that each instruction of the plan's schedule took, in its order. Measuring may slow the run, and
    /// changes no bit. Empty where the backend can't measure.
    ///
    /// # Errors
    /// See [`RunError`].
    fn run_timed(&mut self, store: &mut dyn Store, inputs: &Inputs) -> Result<(Outputs, Vec<f64>), RunError> {
        self.run(store, inputs).map(|outputs| (outputs, Vec::new()))
    }
    /// The plan.
    fn plan(&self) -> &Plan;
}

/// An interpreter of plans.
pub trait Backend {
    /// `cpu`, `gpu` or `oracle`.
    fn name(&self) -> &'static str;
    /// What it runs on, for people: `AVX-512, 2 threads`.
    fn adapter(&self) -> String;
    /// The backend and what it runs on: `cpu (AVX-512, 2 threads)`.
    fn machine(&self) -> String {
        format!("{} ({})", self.name(), self.adapter())
    }
    /// Bytes that the backend takes beside the plan's slots while it runs `program` (packing buffers, tiles); [`IMPOSSIBLE_BYTES`] if
    /// it can't run it.
    fn scratch_bytes(&self, program: &Program) -> u64;
    /// An empty store.
    fn store(&self) -> Box<dyn Store>;
    /// Allocates the plan's slots and whatever else a run needs; a run allocates nothing large.
    ///
    /// # Errors
    /// See [`BackendError`].
    fn prepare(&self, plan: Plan, checks: Checks) -> Result<Box<dyn Prepared>, BackendError>;
}
