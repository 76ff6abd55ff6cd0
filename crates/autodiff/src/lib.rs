//! Gradients as a function from program to program: one rule an op, reversible halves, clipping and AdamW. Runs nothing, and
//! emits only public ops.
//!
//! [`gradients`] walks a recording backwards. An instruction outside a reversible half gets its rule. A half is either
//! *stored* (its forward values are read again, so the planner keeps them) or *rebuilt*: the branch is recorded again, group
//! by group, its shares are taken off the stream, and the same rules apply to the copies. Fixed-point streams make the
//! rebuilt values the same bits, so both give the same gradients.

mod backward;
mod optimiser;
mod rules;

pub use backward::{GRADIENT_PREFIX, Recompute, gradients};
pub use optimiser::{FIRST_MOMENT_PREFIX, Optimiser, SECOND_MOMENT_PREFIX, adamw};
