//! What real GPUs' compilers make of each kernel, without a GPU: Mesa's RADV compiles for hardware that isn't there and
//! counts registers, spills, scratch, workgroup memory and instructions. Runs no kernel and times nothing.
//!
//! The driver decides by environment variables what it compiles for, and reads them once. So the program starts itself
//! once an architecture ([`child`]), and that process compiles what it is told ([`vulkan`]). `budgets.json` says what the
//! figures may be, with a reason for each ([`budgets`]).

pub mod architecture;
pub mod budgets;
pub mod child;
pub mod figures;
pub mod launches;
pub mod table;
pub mod translate;
pub mod vulkan;
