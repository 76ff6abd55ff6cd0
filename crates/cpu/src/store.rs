//! States in memory.
