//! The Reformer: config, layers, and whole recordings for training, evaluation and decoding. Names no backend.
