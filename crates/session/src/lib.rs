//! A run's folder: config, lock, checkpoints, tokenizer; loading a model, generating, chatting. No training.
