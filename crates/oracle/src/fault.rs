//! Why an op stopped, before the executor names op and scope; and the check of indices that most ops need.

use reformer_tensor::{Instruction, Program, RunError};

/// Why an op stopped.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Fault {
    /// A share of a stream is NaN or does not fit.
    Range { value: f64, limit: f64 },
    /// An index points outside what it selects from.
    Index { operand: &'static str, value: u32, at: usize, largest: u32 },
}

impl Fault {
    /// The same with the instruction's op and scope.
    pub fn named(self, program: &Program, instruction: &Instruction) -> RunError {
        let op = instruction.op.name();
        let scope = program.scopes[instruction.scope].clone();
        match self {
            Fault::Range { value, limit } => RunError::Range { op, scope, value: value as f32, limit: limit as f32 },
            Fault::Index { operand, value, at, largest } => {
                RunError::Index { op, scope, operand: operand.to_owned(), value, at, largest }
            }
        }
    }
}

/// The index as a place in something of `length` entries.
pub(crate) fn index(operand: &'static str, value: u32, at: usize, length: usize) -> Result<usize, Fault> {
    if (value as usize) < length {
        Ok(value as usize)
    } else {
        Err(Fault::Index { operand, value, at, largest: (length as u32).saturating_sub(1) })
    }
}
