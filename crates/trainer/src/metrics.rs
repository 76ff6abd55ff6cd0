//! `metrics.jsonl`: a line for each step and evaluation, appended as they happen and cut back when a run goes on. The picture of them is
//! in `picture.rs`.

use crate::{EvaluationEvent, StepEvent, TrainError};
use reformer_session::{SessionError, write_atomically};
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

/// A line of the file: what `--json` prints.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub(crate) enum Line {
    Step(StepEvent),
    Evaluation(EvaluationEvent),
}

impl Line {
    fn step(&self) -> u64 {
        match self {
            Line::Step(event) => event.step,
            Line::Evaluation(event) => event.step,
        }
    }
}

/// Losses by step.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct History {
    pub training: Vec<(u64, f64)>,
    pub validation: Vec<(u64, f64)>,
}

impl History {
    fn add(&mut self, line: &Line) {
        match line {
            Line::Step(event) => self.training.push((event.step, event.loss)),
            Line::Evaluation(event) => self.validation.push((event.step, event.loss)),
        }
    }
}

/// The file, open for appending, and what is in it.
#[derive(Debug)]
pub(crate) struct Metrics {
    path: PathBuf,
    file: File,
    pub history: History,
}

impl Metrics {
    /// Opens the file of a run that goes on after `step` steps: what was written later is cut off, and so is a line that a kill has torn.
    pub(crate) fn open(path: &Path, step: u64) -> Result<Self, TrainError> {
        let fail = |action: &'static str| {
            let path = path.to_owned();
            move |source| SessionError::File { action, path, source }
        };
        let text = match std::fs::read(path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            Err(error) => return Err(fail("read")(error).into()),
        };
        let mut history = History::default();
        let mut kept = String::with_capacity(text.len());
        for line in text.lines() {
            match serde_json::from_str::<Line>(line) {
                Ok(parsed) if parsed.step() <= step => {
                    history.add(&parsed);
                    kept.push_str(line);
                    kept.push('\n');
                }
                _ => {}
            }
        }
        if kept != text {
            write_atomically(path, kept.as_bytes())?;
        }
        let file = OpenOptions::new().append(true).create(true).open(path).map_err(fail("open"))?;
        Ok(Self { path: path.to_owned(), file, history })
    }

    /// Appends a line, in one write.
    pub(crate) fn append(&mut self, line: &Line) -> Result<(), TrainError> {
        self.history.add(line);
        let text = serde_json::to_string(line).expect("an event has string keys and no failing serializer") + "\n";
        self.file.write_all(text.as_bytes()).map_err(|source| self.failed("write", source).into())
    }

    /// Waits until all lines are on disk, so that no checkpoint is newer than the lines before it.
    pub(crate) fn sync(&self) -> Result<(), TrainError> {
        self.file.sync_all().map_err(|source| self.failed("sync", source).into())
    }

    fn failed(&self, action: &'static str, source: std::io::Error) -> SessionError {
        SessionError::File { action, path: self.path.clone(), source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(step: u64) -> Line {
        Line::Step(StepEvent {
            step,
            loss: 1.0 / step as f64,
            learning_rate: 1e-3,
            gradient_norm: 0.5,
            tokens_per_second: 1e4,
            total_steps: Some(9),
            bytes_per_token: 3.0,
            seconds_left: None,
        })
    }

    fn evaluation(step: u64) -> Line {
        Line::Evaluation(EvaluationEvent { step, loss: 0.25, perplexity: 1.28, bits_per_byte: 0.5, whole: false })
    }

    #[test]
    fn a_run_that_goes_on_cuts_back_to_its_checkpoint() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        let mut metrics = Metrics::open(&path, 0).unwrap();
        for line in [step(1), step(2), evaluation(2), step(3), evaluation(3), step(4)] {
            metrics.append(&line).unwrap();
        }
        let whole = std::fs::read_to_string(&path).unwrap();
        // A kill in the middle of a write.
        std::fs::write(&path, format!("{whole}{{\"event\":\"step\",\"st")).unwrap();
        let mut metrics = Metrics::open(&path, 2).unwrap();
        assert_eq!(metrics.history.training, [(1, 1.0), (2, 0.5)]);
        assert_eq!(metrics.history.validation, [(2, 0.25)]);
        for line in [step(3), evaluation(3), step(4)] {
            metrics.append(&line).unwrap();
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap(), whole, "what a run that was not stopped writes");
        assert!(whole.starts_with(
            "{\"event\":\"step\",\"step\":1,\"loss\":1.0,\"learning_rate\":0.001,\"gradient_norm\":0.5,\"tokens_per_second\":10000.0}\n"
        ), "{whole}");
        let evaluation =
            "{\"event\":\"evaluation\",\"step\":2,\"loss\":0.25,\"perplexity\":1.28,\"bits_per_byte\":0.5}\n";
        assert!(whole.contains(evaluation), "{whole}");
    }

    #[test]
    fn a_fresh_run_starts_an_empty_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        Metrics::open(&path, 0).unwrap().append(&step(1)).unwrap();
        let metrics = Metrics::open(&path, 0).unwrap();
        assert_eq!(metrics.history, History::default());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "");
    }
}
