//! MultiWOZ dialogues in, plain types and training text out. Knows no tensors.
