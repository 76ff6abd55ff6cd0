//! What can go wrong in a session: every message names the file, the field or the value, and what to do. No error of training.

use crate::sampling::SamplingError;
use reformer_model::ConfigError;
use reformer_tensor::{BackendError, PlanError, RunError};
use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Characters of a message; what follows is more of what it quotes.
const LONGEST_MESSAGE: usize = 600;

/// Why a session can't go on.
#[derive(Debug, Error)]
pub enum SessionError {
    /// The system refused to read, write, list, rename or remove something.
    #[error("cannot {action} {path}: {source}", path = path.display())]
    File {
        /// What was tried: `read`, `write`, `list`.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A file was to be new, and something has its name.
    #[error("{path} is there already: choose another name, or move it away", path = path.display())]
    Exists {
        /// The name.
        path: PathBuf,
    },
    /// A folder that should be a run holds no config.
    #[error(
        "{path} is not a run: it has no config.json. Train a model first, or name the folder of a run",
        path = path.display()
    )]
    NoRun {
        /// The folder.
        path: PathBuf,
    },
    /// There is no run at all.
    #[error("there is no run in {path} yet: train a model first, or name the folder of a run", path = path.display())]
    NoRuns {
        /// The folder that holds numbered runs.
        path: PathBuf,
    },
    /// Another process writes to this run.
    #[error(
        "the run {path} is in use by {holder}: wait until it ends, stop it, or choose another folder",
        path = path.display()
    )]
    Locked {
        /// The run.
        path: PathBuf,
        /// `process 1234`, or `another process` where the lock names none.
        holder: String,
    },
    /// A file isn't the JSON it should be, or a field of it is wrong.
    #[error("{path}: {message}", path = path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// The field, its value, and what it must be.
        message: String,
    },
    /// A run that was never saved.
    #[error("{path} holds no checkpoint yet: train the run until it has saved one", path = path.display())]
    NoCheckpoint {
        /// The folder `checkpoints`.
        path: PathBuf,
    },
    /// A file of a checkpoint isn't what was written.
    #[error("{path} is damaged: {message}{advice}", path = path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
        /// Which checkpoint is good, and how to go on from it; empty where that isn't known.
        advice: String,
    },
    /// A value that must not be saved.
    #[error("the checkpoint of step {step} was not saved: `{tensor}` holds {value} at element {at}")]
    NotFinite {
        /// The step.
        step: u64,
        /// The tensor.
        tensor: String,
        /// NaN or an infinity.
        value: f32,
        /// The place in row-major order.
        at: usize,
    },
    /// A field of the model's config has an impossible value.
    #[error(transparent)]
    Model(ConfigError),
    /// A tokenizer can't be trained or used.
    #[error("tokenizer: {0}")]
    Tokenizer(String),
    /// A token that the vocabulary doesn't have.
    #[error("token {id} does not exist: the vocabulary has {vocabulary} tokens, 0 to {}", vocabulary - 1)]
    UnknownToken {
        /// The token.
        id: u32,
        /// Tokens in the vocabulary.
        vocabulary: usize,
    },
    /// More tokens than the model has positions for.
    #[error(
        "{tokens} tokens are too many: the model has {max_positions} positions (`max_positions`). Shorten the text"
    )]
    TooLong {
        /// What the context would hold.
        tokens: usize,
        /// What the model can hold.
        max_positions: usize,
    },
    /// A conversation of a batch that isn't there, or is named twice in one call.
    #[error("row {row}: {message}")]
    Row {
        /// The row.
        row: usize,
        /// What is wrong with it.
        message: String,
    },
    /// Nothing to continue.
    #[error("the prompt is empty: give at least one token")]
    EmptyPrompt,
    /// A sampling option is impossible, or the logits can't be sampled from.
    #[error(transparent)]
    Sampling(#[from] SamplingError),
    /// A plan is impossible.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The backend refused.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// A run of the model stopped.
    #[error(transparent)]
    Run(#[from] RunError),
}

impl SessionError {
    /// For `map_err`: the system refused `action` on `path`.
    pub(crate) fn file(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| SessionError::File { action, path, source }
    }

    pub(crate) fn format(path: &Path, message: impl AsRef<str>) -> Self {
        SessionError::Format { path: path.to_owned(), message: presentable(message.as_ref()) }
    }

    pub(crate) fn damaged(path: &Path, message: impl AsRef<str>) -> Self {
        Self::damaged_with(path, message, String::new())
    }

    pub(crate) fn damaged_with(path: &Path, message: impl AsRef<str>, advice: String) -> Self {
        SessionError::Damaged { path: path.to_owned(), message: presentable(message.as_ref()), advice }
    }
}

/// Messages quote files, and what is quoted may be long, or steer a terminal.
fn presentable(message: &str) -> String {
    let mut text = String::new();
    for (at, letter) in message.chars().enumerate() {
        if at == LONGEST_MESSAGE {
            return text + "…";
        }
        if letter.is_control() { text.extend(letter.escape_default()) } else { text.push(letter) }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_quoted_is_cut_and_steers_no_terminal() {
        let error = SessionError::format(Path::new("f"), format!("\u{1b}[2J`{}`", "x".repeat(1 << 20))).to_string();
        assert!(error.starts_with("f: \\u{1b}[2J`xxx") && error.ends_with("x…"), "{}", &error[..40]);
        assert!(error.len() < 700, "{} bytes", error.len());
    }
}
