//! Gradients as a function from program to program: a rule an op, reversible blocks, AdamW. Runs nothing.
