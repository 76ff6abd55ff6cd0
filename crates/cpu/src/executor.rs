//! Runs plans: slots, operands, faults. No numeric code.

/// The CPU backend.
pub struct Cpu;
