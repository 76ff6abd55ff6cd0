//! `metrics.jsonl`: a line for each step and evaluation, appended as they happen and cut back when a run goes on. The picture of them is
//! in `picture.rs`.

use crate::{EvaluationEvent, StepEvent, TrainError};
use reformer_session::{RunFolder, SessionError};
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

/// A line has about 150 bytes: what is longer is none of ours, and is not kept in memory.
const LONGEST_LINE: u64 = 1 << 12;

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

/// What `metrics.jsonl` says last.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct LastMetrics {
    /// The last step.
    pub step: Option<StepEvent>,
    /// The last evaluation.
    pub evaluation: Option<EvaluationEvent>,
    /// Lines that are none of ours. A last line without an end is not counted: it is being written.
    pub unreadable: u64,
    /// The number of the first of them, from 1.
    pub first_unreadable: Option<u64>,
}

impl LastMetrics {
    /// Reads them; nothing of a run that has no such file yet.
    ///
    /// # Errors
    /// If it can't be read, or is no file.
    pub fn of(run: &RunFolder) -> Result<Self, TrainError> {
        let mut last = Self::default();
        let mut number = 0;
        each_line(&run.metrics_path(), |Found { line, whole, .. }| {
            number += 1;
            match line {
                Some(Line::Step(event)) => last.step = Some(event),
                Some(Line::Evaluation(event)) => last.evaluation = Some(event),
                None if whole => {
                    last.unreadable += 1;
                    last.first_unreadable.get_or_insert(number);
                }
                None => {}
            }
        })?;
        Ok(last)
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
    /// Opens the file of a run that goes on after `step` steps: it is cut off after the last line of these steps. Where the evaluation
    /// after the last of them is due, its line is cut off, too. What is before that stays as it is, even a line that can't be read.
    pub(crate) fn open(path: &Path, step: u64, evaluation_due: bool) -> Result<Self, TrainError> {
        let is_kept = |line: &Line| match line {
            Line::Evaluation(event) if evaluation_due => event.step < step,
            line => line.step() <= step,
        };
        let mut history = History::default();
        let (mut kept, mut whole) = (0, true);
        each_line(path, |found| {
            if let Some(line) = found.line.filter(is_kept) {
                history.add(&line);
                (kept, whole) = (found.end, found.whole);
            }
        })?;
        let mut file = OpenOptions::new().append(true).create(true).open(path).map_err(failed("open", path))?;
        // A file that is open for appending can't be cut everywhere.
        let cut = OpenOptions::new().write(true).open(path).map_err(failed("open", path))?;
        cut.set_len(kept).map_err(failed("cut", path))?;
        if !whole {
            file.write_all(b"\n").map_err(failed("write", path))?;
        }
        Ok(Self { path: path.to_owned(), file, history })
    }

    /// Appends a line, in one write.
    pub(crate) fn append(&mut self, line: &Line) -> Result<(), TrainError> {
        self.history.add(line);
        let text = serde_json::to_string(line).expect("an event has string keys and no failing serializer") + "\n";
        self.file.write_all(text.as_bytes()).map_err(failed("write", &self.path))
    }

    /// Waits until all lines are on disk, so that no checkpoint is newer than the lines before it.
    pub(crate) fn sync(&self) -> Result<(), TrainError> {
        self.file.sync_all().map_err(failed("sync", &self.path))
    }
}

/// A line of a file that may hold anything.
struct Found {
    /// None if it is none of ours.
    line: Option<Line>,
    /// The place behind it.
    end: u64,
    /// Whether it has an end.
    whole: bool,
}

/// Shows the lines of a file one after another, and holds no more than one; a file that isn't there has none.
fn each_line(path: &Path, mut see: impl FnMut(Found)) -> Result<(), TrainError> {
    let fail = || failed("read", path);
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => {}
        Ok(_) => {
            let message = "a file with a line for each step belongs here: remove or rename what is there".to_owned();
            return Err(SessionError::Format { path: path.to_owned(), message }.into());
        }
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(fail()(error)),
    }
    let mut file = BufReader::new(File::open(path).map_err(fail())?);
    let mut line = Vec::new();
    let mut end = 0;
    loop {
        line.clear();
        let mut length = (&mut file).take(LONGEST_LINE).read_until(b'\n', &mut line).map_err(fail())? as u64;
        if length == 0 {
            return Ok(());
        }
        let whole = if length == LONGEST_LINE && !line.ends_with(b"\n") {
            line.clear();
            length += file.skip_until(b'\n').map_err(fail())? as u64;
            true
        } else {
            line.ends_with(b"\n")
        };
        end += length;
        see(Found { line: serde_json::from_slice(&line).ok(), end, whole });
    }
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> TrainError {
    let path = path.to_owned();
    move |source| SessionError::File { action, path, source }.into()
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
            is_followed_by_evaluation: false,
        })
    }

    fn evaluation(step: u64) -> Line {
        Line::Evaluation(EvaluationEvent { step, loss: 0.25, perplexity: 1.28, bits_per_byte: 0.5, whole: false })
    }

    #[test]
    fn a_run_that_goes_on_cuts_back_to_its_checkpoint() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        let mut metrics = Metrics::open(&path, 0, false).unwrap();
        for line in [step(1), step(2), evaluation(2), step(3), evaluation(3), step(4)] {
            metrics.append(&line).unwrap();
        }
        let whole = std::fs::read_to_string(&path).unwrap();
        // A kill in the middle of a write.
        std::fs::write(&path, format!("{whole}{{\"event\":\"step\",\"st")).unwrap();
        let metrics = Metrics::open(&path, 2, false).unwrap();
        assert_eq!(metrics.history.training, [(1, 1.0), (2, 0.5)]);
        assert_eq!(metrics.history.validation, [(2, 0.25)]);
        let mut metrics = Metrics::open(&path, 2, true).unwrap();
        assert_eq!((metrics.history.training.len(), metrics.history.validation.len()), (2, 0), "it is made once more");
        for line in [evaluation(2), step(3), evaluation(3), step(4)] {
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
    fn lines_that_are_none_of_ours_stay_and_are_counted() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunFolder::create(folder.path()).unwrap();
        let path = run.metrics_path();
        let text = |line: &Line| serde_json::to_string(line).unwrap().into_bytes();
        let long = vec![b'x'; 3 * LONGEST_LINE as usize];
        let lines: [&[u8]; 12] = [
            &text(&step(1)),
            b"garbage",
            b"\xff\xfe\x00",
            b"",
            b"{\"event\":\"step\",\"step\":-1,\"loss\":0}",
            b"{\"event\":\"step\",\"step\":2,\"loss\":null,\"learning_rate\":0,\"gradient_norm\":0,\"tokens_per_second\":0}",
            b"{\"event\":\"dance\"}",
            &long,
            &text(&step(2)),
            &text(&evaluation(2)),
            b"more garbage",
            &text(&step(3)),
        ];
        let whole = lines.join(&b"\n"[..]);
        std::fs::write(&path, &whole).unwrap();
        let last = LastMetrics::of(&run).unwrap();
        assert_eq!((last.unreadable, last.first_unreadable), (8, Some(2)));
        assert_eq!(last.step.map(|event| event.step), Some(3), "though its line has no end");
        assert_eq!(last.evaluation.map(|event| event.step), Some(2));
        let kept = lines[..10].join(&b"\n"[..]);
        for (up_to, expected) in [(3, &whole), (2, &kept)] {
            let metrics = Metrics::open(&path, up_to, false).unwrap();
            assert_eq!(metrics.history.training.len() as u64, up_to);
            assert_eq!(std::fs::read(&path).unwrap(), [&expected[..], b"\n"].concat(), "up to step {up_to}");
        }
        std::fs::remove_file(&path).unwrap();
        assert_eq!(LastMetrics::of(&run).unwrap(), LastMetrics::default());
        std::fs::create_dir(&path).unwrap();
        let error = Metrics::open(&path, 0, false).unwrap_err().to_string();
        assert!(error.contains("metrics.jsonl: a file with a line for each step belongs here"), "{error}");
    }

    #[test]
    fn a_fresh_run_starts_an_empty_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        Metrics::open(&path, 0, false).unwrap().append(&step(1)).unwrap();
        let metrics = Metrics::open(&path, 0, false).unwrap();
        assert_eq!(metrics.history, History::default());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "");
    }
}
