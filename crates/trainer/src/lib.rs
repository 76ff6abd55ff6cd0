//! Batches, schedule, the training loop, evaluation and metrics.
